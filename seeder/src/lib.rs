//! Fills a database with related sample rows, and takes exactly those away again.
//!
//! The rows are SeaORM `ActiveModels`, made by pure functions of a [`Spec`]: the same ones every time, on
//! every engine, without a clock or a random generator. Their ids carry a tag
//! ([`entity::sample_id`]), by which they are told from real rows.
//!
//! ```no_run
//! # async fn example(db: &sea_orm::DatabaseConnection) -> migration::Result<()> {
//! let report = seeder::seed(db, &seeder::Options::default()).await?;
//! println!("{} rows inserted", report.changed());
//! # Ok(())
//! # }
//! ```

mod clean;
pub mod cli;
mod compare;
pub mod digest;
pub mod export;
pub mod factory;
mod hash;
mod ids;
mod loader;
mod plan;
mod progress;
mod repair;
mod set;
pub mod spec;
mod tenant;
pub mod testing;
mod verify;
mod words;

use std::collections::BTreeMap;

use entity::Engine;
use migration::{
    Error, IntoSchemaManagerConnection, Migrator, Result, Runner,
    db::{count_rows, finish, quoted},
    lock::{self, Patience, Purpose},
    refusal::Refusal,
    runner::{
        Contents, Seeding, State, note_seeded, note_seeding, sample_ids, sample_rows, seeding,
    },
    schema::{self, Schema, Table},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, TransactionTrait as _};
use serde::Serialize;

use loader::{Loading, Missing, Tally};

pub use clean::clean;
pub use loader::Loader;
pub use plan::Plan;
pub use progress::Stop;
pub use set::DataSet;
pub use spec::{Dataset, Preset, Skew, Spec};
pub use tenant::{Counts, Edge, Tenant};
pub use verify::{Difference, TableDigest, Verification, verify, verify_in};

/// What the seeder may do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Seed beside tenants that the seeder did not make.
    pub alongside: bool,
    /// Refuse, because this is production.
    pub production: bool,
    /// The engine; `None` asks the database.
    pub engine: Option<Engine>,
    /// Consent to the loss of edited sample rows that a refusal described, by the hash it gave.
    pub confirm: Option<String>,
    /// How long to wait for others.
    pub patience: Patience,
    /// Which rows; `None` for those that are there or were begun, or else the demo.
    pub spec: Option<Spec>,
    /// Verify or repair the rows of this tenant only, by its number.
    pub tenant: Option<u32>,
    /// Load into empty tables without secondary indexes and foreign keys, and build those afterwards.
    pub bulk: bool,
    /// How many connections load at once, where the loader can do that; 0 counts as 1.
    pub workers: usize,
    /// Stops it after the current unit, when asked.
    pub stop: Stop,
}

impl Options {
    /// The engine that these options mean.
    pub(crate) async fn engine_of(&self, db: &DatabaseConnection) -> Result<Engine> {
        Ok(match self.engine {
            Some(engine) => engine,
            None => Engine::detect(db).await?,
        })
    }
}

/// The sample rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: &'static str,
    /// Rows inserted or deleted.
    pub changed: u64,
    /// Rows that had something else in them and were put back.
    pub updated: u64,
    /// Rows that the data set has in this table.
    pub planned: u64,
}

/// What was done, by table in foreign-key order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The tables.
    pub tables: Vec<TableReport>,
    /// Whether it was asked to stop before the end.
    pub stopped: bool,
}

impl Report {
    /// Rows inserted or deleted in all tables.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.tables.iter().map(|table| table.changed).sum()
    }

    /// Rows put back in all tables.
    #[must_use]
    pub fn updated(&self) -> u64 {
        self.tables.iter().map(|table| table.updated).sum()
    }

    /// Rows that the data set has in all tables.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.tables.iter().map(|table| table.planned).sum()
    }
}

/// Inserts the sample rows that are not there yet: few of them in one transaction, and many unit by unit
/// as [`Loader`] says. Then whatever ends it leaves whole units, and a second time goes on with the rest.
///
/// # Errors
///
/// [`Error::Refused`] in production, when there are tenants that the seeder did not make and
/// [`Options::alongside`] is not set, or when there are rows of another data set. Otherwise if a migration
/// is pending, a row that the seeder did not make is in the way, or the database fails.
pub async fn seed(db: &DatabaseConnection, options: &Options) -> Result<Report> {
    if options.production {
        return Err(Refusal::plain(
            "refused: APP_ENV says that this is production, where no sample rows belong",
        )
        .into());
    }
    if let Some(spec) = &options.spec {
        spec.check()?;
    }
    let engine = options.engine_of(db).await?;
    let report = if engine.capability().writes_across_tenants {
        let tx = lock::begin(db, engine, Purpose::Seed, &options.patience).await?.tx;
        let outcome = locked(db, &tx, engine, options).await;
        match finish(tx, outcome).await? {
            Begun::Done(report) => report,
            Begun::ByUnit(set) => into_file(db, engine, options, &set).await?,
        }
    } else {
        by_tenant(db, engine, options).await?
    };
    tracing::info!(rows = report.changed(), "sample rows inserted");
    Ok(report)
}

fn loading<'a>(
    db: &'a DatabaseConnection,
    engine: Engine,
    options: &'a Options,
    set: &'a DataSet,
) -> Loading<'a> {
    let (patience, stop) = (&options.patience, &options.stop);
    Loading { db, engine, set, workers: options.workers.max(1), patience, stop }
}

/// What the transaction that has the lock has come to.
enum Begun {
    /// It is done.
    Done(Report),
    /// These rows are to be loaded by transactions that take the lock for themselves, which is noted.
    ByUnit(DataSet),
}

async fn locked(
    db: &DatabaseConnection,
    tx: &DatabaseTransaction,
    engine: Engine,
    options: &Options,
) -> Result<Begun> {
    // Rolled back, it lets go of the tables that it has read: whoever wants one for himself would wait for
    // them, and the connections that load would wait for him.
    let look = tx.begin().await?;
    let looked = async {
        let Admitted { spec, done, .. } = admitted(&look, engine, options).await?;
        let set = DataSet::from(spec);
        let missing = Missing::of(&look, engine, &set).await?;
        Ok::<_, Error>((set, done, missing))
    };
    let looked = looked.await;
    look.rollback().await?;
    let (set, done, missing) = looked?;
    if done && missing.is_none() {
        return Ok(Begun::Done(report(&set, &Tally::default(), true)));
    }
    let loader = Loader::choose(db, engine, missing.rows(&set), options.bulk)?;
    let line = set.spec().to_string();
    tracing::debug!(%loader, spec = %line, "seeding");
    let loading = loading(db, engine, options, &set);
    // What is about to be inserted has to be known if that is interrupted.
    let (tally, done) = match loader {
        Loader::Insert | Loader::InsertByTenant => (loading.within(tx, &missing).await?, true),
        Loader::InsertByUnit => {
            note_seeding(tx, engine, &line).await?;
            return Ok(Begun::ByUnit(set));
        }
        Loader::Copy => {
            loading.note(&line).await?;
            loading.by_unit(&missing).await?
        }
        Loader::Bulk => match loading.bulk().await {
            Err(_) if options.stop.is_asked_for() => (Tally::default(), false),
            tally => (tally?, true),
        },
    };
    noting(tx, engine, &set, &tally, done).await?;
    Ok(Begun::Done(report(&set, &tally, done)))
}

/// Into an SQLite file, whose lock is the one for writing: every unit takes it for itself.
async fn into_file(
    db: &DatabaseConnection,
    engine: Engine,
    options: &Options,
    set: &DataSet,
) -> Result<Report> {
    let loading = loading(db, engine, options, set);
    let missing = Missing::of(db, engine, set).await?;
    let (tally, done) = loading.by_unit(&missing).await?;
    let tx = lock::begin(db, engine, Purpose::Seed, &options.patience).await?.tx;
    let noted = async {
        loading.check_meant(&tx).await?;
        if done && !Missing::of(&tx, engine, set).await?.is_none() {
            return Err(Error::Busy(
                "somebody else has removed sample rows meanwhile: seed again".to_owned(),
            ));
        }
        noting(&tx, engine, set, &tally, done).await
    };
    let noted = noted.await;
    finish(tx, noted).await?;
    Ok(report(set, &tally, done))
}

/// On an engine that lets a transaction write to one tenant only.
async fn by_tenant(db: &DatabaseConnection, engine: Engine, options: &Options) -> Result<Report> {
    let Admitted { spec, done, .. } = admitted(db, engine, options).await?;
    let set = DataSet::from(spec);
    let missing = Missing::of(db, engine, &set).await?;
    if done && missing.is_none() {
        return Ok(report(&set, &Tally::default(), true));
    }
    note_seeding(db, engine, &set.spec().to_string()).await?;
    let (tally, done) = loading(db, engine, options, &set).by_tenant(&missing).await?;
    noting(db, engine, &set, &tally, done).await?;
    Ok(report(&set, &tally, done))
}

/// Puts back sample rows that were changed or deleted, of whichever set is there, in one transaction; one
/// tenant a transaction where
/// the engine takes no more.
///
/// # Errors
///
/// As [`seed`], and [`Error::Unusable`] if there are no sample rows.
pub async fn repair(db: &DatabaseConnection, options: &Options) -> Result<Report> {
    let engine = options.engine_of(db).await?;
    let options = &Options { alongside: true, spec: None, ..options.clone() };
    let report = if engine.capability().writes_across_tenants {
        let tx = lock::begin(db, engine, Purpose::Seed, &options.patience).await?.tx;
        let outcome = async {
            let set = to_repair(&tx, engine, options).await?;
            let mended = repair::within(&tx, engine, &set).await?;
            if options.tenant.is_none() {
                note_contents(&tx, engine, &set, |table| {
                    mended.get(table).map(|mended| mended.contents)
                })
                .await?;
            }
            Ok(mended_report(&set, &mended))
        };
        let outcome = outcome.await;
        finish(tx, outcome).await?
    } else {
        let set = to_repair(db, engine, options).await?;
        let mended = repair::by_tenant(db, engine, &set).await?;
        mended_report(&set, &mended)
    };
    tracing::info!(created = report.changed(), updated = report.updated(), "sample rows put back");
    Ok(report)
}

/// Which rows are to be repaired.
async fn to_repair<'c, C>(db: &'c C, engine: Engine, options: &Options) -> Result<DataSet>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let Admitted { spec, is_new, .. } = admitted(db, engine, options).await?;
    if is_new {
        return Err(Error::Unusable("there are no sample rows to repair".to_owned()));
    }
    verify::narrowed(spec, options.tenant)
}

fn mended_report(set: &DataSet, mended: &repair::Mendings) -> Report {
    let mut report = report(set, &Tally::default(), true);
    for table in &mut report.tables {
        let mended = mended.get(table.table).copied().unwrap_or_default();
        (table.changed, table.updated) = (mended.created, mended.updated);
    }
    report
}

/// Notes that everything is there, and what is in it.
async fn noting<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    set: &DataSet,
    tally: &Tally,
    done: bool,
) -> Result<()> {
    if !done {
        return Ok(());
    }
    note_contents(db, engine, set, |table| tally.0.get(table).map(|(_, contents)| *contents)).await
}

async fn note_contents<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    set: &DataSet,
    contents: impl Fn(&str) -> Option<Contents>,
) -> Result<()> {
    let tables = entity::all().into_iter().map(|def| {
        let columns = def.columns.iter().map(|&name| name.to_owned()).collect();
        (def.name, columns, contents(def.name).unwrap_or_default())
    });
    note_seeded(db, engine, &set.spec().to_string(), &tables.collect::<Vec<_>>()).await
}

fn report(set: &DataSet, tally: &Tally, done: bool) -> Report {
    let planned = set.planned();
    let tables = entity::all().into_iter().map(|def| TableReport {
        table: def.name,
        changed: tally.0.get(def.name).map_or(0, |(inserted, _)| *inserted),
        updated: 0,
        planned: planned.get(def.name).copied().unwrap_or_default(),
    });
    Report { tables: tables.collect(), stopped: !done }
}

/// What may be seeded.
struct Admitted {
    /// What was asked for, and what is there.
    spec: Spec,
    /// Whether the journal has it that all of it is there.
    done: bool,
    /// Whether there are no sample rows yet.
    is_new: bool,
}

/// Refuses where no sample rows belong, or others than these.
async fn admitted<'c, C>(db: &'c C, engine: Engine, options: &Options) -> Result<Admitted>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    ready(db, engine).await?.for_seeding()?;
    let (real, samples) = tenants(db, engine).await?;
    if real > 0 && !options.alongside {
        let tenants = if real == 1 { "tenant" } else { "tenants" };
        return Err(Refusal::plain(format!(
            "refused, because there is {real} {tenants} that the seeder did not make; \
             --alongside seeds all the same"
        ))
        .into());
    }
    // Whoever has removed the rows meant them to be gone. Users come first, so there may be those alone.
    let noted = noted(db, engine).await?.filter(|_| samples > 0);
    let Some((spec, done)) = noted else {
        if samples > 0 {
            return Err(Refusal::plain(
                "refused, because there are sample rows of which the journal does not say what they are: \
                 `seeder clean` removes them",
            )
            .into());
        }
        let spec = options.spec.clone().unwrap_or_default();
        return Ok(Admitted { spec, done: false, is_new: true });
    };
    let asked = options.spec.as_ref().unwrap_or(&spec);
    if !spec.fits(asked) {
        return Err(Refusal::plain(format!(
            "refused, because there are rows of another data set ({spec}): `seeder clean` removes them"
        ))
        .into());
    }
    let union = spec.union(asked);
    Ok(Admitted { done: done && union == spec, spec: union, is_new: false })
}

/// Which rows there are by the journal, and whether all of them are there.
async fn noted<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<Option<(Spec, bool)>> {
    let Some(Seeding { spec, done }) = seeding(db, engine).await? else { return Ok(None) };
    let spec = spec.parse().map_err(Error::Unusable)?;
    Ok(Some((spec, done)))
}

/// How many tenants there are that the seeder did not make, and how many tenants and users that it did.
async fn tenants<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<(u64, u64)> {
    let samples = sample_ids(engine, "id", "tenants");
    let real = format!("({samples}) IS NOT TRUE");
    let users = sample_ids(engine, "id", "users");
    let asked = [("tenants", real), ("tenants", samples), ("users", users)];
    let asked = asked.map(|(table, condition)| (table.to_owned(), condition));
    let counts = count_rows(db, engine, &asked).await?;
    Ok((counts[0], counts[1] + counts[2]))
}

/// How many sample rows each of `tables` holds and how many it should: `(present, planned)` by
/// name; nothing where the journal does not say which rows there should be. The tables are given with what
/// is known of them in this database.
///
/// # Errors
///
/// If a query fails.
pub async fn census<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &[(&'static str, &Table)],
) -> Result<BTreeMap<&'static str, (u64, u64)>> {
    let Some((spec, _)) = noted(db, engine).await? else { return Ok(BTreeMap::new()) };
    let planned = DataSet::from(spec).planned();
    let conditions: Vec<_> =
        tables.iter().map(|(name, table)| (quoted(name), sample_rows(engine, table))).collect();
    let present = count_rows(db, engine, &conditions).await?;
    let names = tables.iter().map(|(name, _)| *name);
    let pair = |(name, present): (&'static str, u64)| {
        (name, (present, planned.get(name).copied().unwrap_or_default()))
    };
    Ok(names.zip(present).map(pair).collect())
}

/// A database in which there can be sample rows.
struct Ready {
    /// The tables as they are.
    schema: Schema,
    /// Whether it belongs to production, whatever this process is.
    production: bool,
}

impl Ready {
    /// Refuses to seed production.
    fn for_seeding(self) -> Result<Schema> {
        if self.production {
            return Err(Refusal::plain(
                "refused: this database belongs to production, where no sample rows belong; if it is a \
                 copy, say so with `migration repair --environment`",
            )
            .into());
        }
        let differing = self.differing();
        if !differing.is_empty() {
            return Err(Error::Unusable(format!(
                "the tables are not what the entities say, so no row fits: {}; `cargo run -p migration -- diff` \
                 shows what to do, and nothing was changed",
                differing.join("; ")
            )));
        }
        Ok(self.schema)
    }

    /// The columns for which the factories have nothing, and those that they have and that are not there.
    fn differing(&self) -> Vec<String> {
        let mut differing = Vec::new();
        for def in entity::all() {
            let Some(live) = self.schema.tables.get(def.name) else { continue };
            let missing = def.columns.iter().filter(|name| live.column(name).is_none());
            differing.extend(missing.map(|name| format!("{}.{name} is missing", def.name)));
            let others = live.columns.iter().filter(|it| !def.columns.contains(&it.name.as_str()));
            let required = others.filter(|column| !column.nullable && column.default.is_none());
            differing.extend(required.map(|column| {
                format!("{}.{} is NOT NULL and has no default", def.name, column.name)
            }));
        }
        differing
    }
}

/// Fails with what to do unless every migration is applied.
async fn ready<'c, C>(db: &'c C, engine: Engine) -> Result<Ready>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let standing = Runner::new::<Migrator>(db)?.standing().await?;
    let production = standing.is_production();
    let states = standing.migrations;
    let is_pending = |state: State| matches!(state, State::Pending | State::OutOfOrder);
    let pending = states.iter().filter(|entry| is_pending(entry.state)).count();
    if pending > 0 {
        return Err(Error::Unusable(format!(
            "{pending} of {} migrations are not applied: run `cargo run -p migration -- up` first",
            states.len()
        )));
    }
    if let Some(half_done) = states.iter().find(|entry| entry.state == State::HalfDone) {
        return Err(Error::Unusable(format!(
            "{} is half done: run `cargo run -p migration -- up` first",
            half_done.name
        )));
    }
    // What is in another schema of the search path is not meant.
    let mut live = schema::read(db, engine, "").await?;
    let names: Vec<&str> = entity::all().iter().map(|def| def.name).collect();
    live.tables.retain(|name, _| names.contains(&name.as_str()));
    let missing: Vec<&str> =
        names.into_iter().filter(|name| !live.tables.contains_key(*name)).collect();
    if !missing.is_empty() {
        return Err(Error::Unusable(format!(
            "{} should be there and is not, so somebody dropped it by hand; nothing was changed",
            missing.join(", ")
        )));
    }
    Ok(Ready { schema: live, production })
}
