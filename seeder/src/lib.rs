//! Fills a database with related sample rows, and takes exactly those away again.
//!
//! The rows are SeaORM `ActiveModels`, made by pure functions: the same ones every time, on every
//! engine, without a clock or a random generator. Their ids carry a tag
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
pub mod digest;
pub mod factory;
pub mod ids;
mod loader;
pub mod plan;
mod verify;

use std::collections::BTreeMap;

use entity::Engine;
use migration::{
    Error, IntoSchemaManagerConnection, Migrator, Result, Runner,
    db::{count_rows, finish, quoted},
    lock::{self, Patience, Purpose},
    refusal::Refusal,
    runner::{State, note_seeded, sample_ids, sample_rows, samples},
    schema::{self, Schema, Table},
};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde::Serialize;

pub use clean::clean;
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
    /// Rows that the data set has in this table.
    pub planned: u64,
}

/// What was done, by table in foreign-key order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The tables.
    pub tables: Vec<TableReport>,
}

impl Report {
    /// Rows inserted or deleted in all tables.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.tables.iter().map(|table| table.changed).sum()
    }

    /// Rows that the data set has in all tables.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.tables.iter().map(|table| table.planned).sum()
    }
}

/// Inserts the sample rows that are not there yet, all in one transaction; one tenant a transaction
/// where the engine takes no more. Then a failure leaves whole tenants, and a second time goes on
/// with the rest.
///
/// # Errors
///
/// [`Error::Refused`] in production, or when there are tenants that the seeder did not make and
/// [`Options::alongside`] is not set. Otherwise if a migration is pending or the database fails.
pub async fn seed(db: &DatabaseConnection, options: &Options) -> Result<Report> {
    if options.production {
        return Err(Refusal::plain(
            "refused: APP_ENV says that this is production, where no sample rows belong",
        )
        .into());
    }
    let engine = options.engine_of(db).await?;
    let report = if engine.capability().writes_across_tenants {
        let tx = lock::begin(db, engine, Purpose::Seed, &options.patience).await?.tx;
        let outcome = async {
            let schema = ready(&tx, engine).await?.for_seeding()?;
            check_alone(&tx, engine, options).await?;
            let tables: Vec<&Table> = schema.tables.values().collect();
            let before = samples(&tx, engine, &tables).await?;
            let report = loader::insert(&tx, &plan::demo()).await?;
            if report.changed() > 0 {
                let after = samples(&tx, engine, &tables).await?;
                note_seeded(&tx, engine, &before, &after).await?;
            }
            Ok(report)
        };
        let outcome = outcome.await;
        finish(tx, outcome).await?
    } else {
        ready(db, engine).await?.for_seeding()?;
        check_alone(db, engine, options).await?;
        loader::insert_by_tenant(db, &plan::demo()).await?
    };
    tracing::info!(rows = report.changed(), "sample rows inserted");
    Ok(report)
}

/// Refuses where there are tenants that the seeder did not make, unless it may go beside them.
async fn check_alone<C: ConnectionTrait>(db: &C, engine: Engine, options: &Options) -> Result<()> {
    let real = format!("({}) IS NOT TRUE", sample_ids(engine, "id", "tenants"));
    let counts = count_rows(db, engine, &[("tenants".to_owned(), real)]).await?;
    let real: u64 = counts.iter().sum();
    if real > 0 && !options.alongside {
        let tenants = if real == 1 { "tenant" } else { "tenants" };
        return Err(Refusal::plain(format!(
            "refused, because there is {real} {tenants} that the seeder did not make; \
             --alongside seeds all the same"
        ))
        .into());
    }
    Ok(())
}

/// How many sample rows each of `tables` holds and how many it should: `(present, planned)` by
/// name. The tables are given with what is known of them in this database.
///
/// # Errors
///
/// If a query fails.
pub async fn census<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &[(&'static str, &Table)],
) -> Result<BTreeMap<&'static str, (u64, u64)>> {
    let planned = plan::planned(&plan::demo());
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
        Ok(self.schema)
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
