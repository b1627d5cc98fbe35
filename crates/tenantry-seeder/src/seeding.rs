//! Inserts sample rows, and puts them back.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait as _,
};
use tenantry_entity::Engine;
use tenantry_migration::{
    Error, IntoSchemaManagerConnection, Result,
    db::finish,
    lock::{self, Purpose},
    refusal::Refusal,
    runner::Contents,
};

use crate::{
    admission::{Admitted, admitted},
    loader::{Loader, Loading, Missing, Tally},
    nodes::by_node,
    options::{Options, Report, TableReport},
    repair::{self, Mendings},
    seeder::{Bound, Seeder},
    set::DataSet,
    verify,
};

impl Seeder {
    /// Inserts the sample rows that are not there yet: few of them in one transaction, and many unit by unit
    /// as [`Loader`] says. Then whatever ends it leaves whole units, and a second time goes on with the rest.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] in production, when there are tenants that the seeder did not make and
    /// [`Options::alongside`] is not set, or when there are rows of another data set. Otherwise if a migration
    /// is pending, a row that the seeder did not make is in the way, or the database fails.
    pub async fn seed(&self, db: &DatabaseConnection, options: &Options) -> Result<Report> {
        if options.production {
            return Err(Refusal::plain(
                "production",
                "refused: APP_ENV says that this is production, where no sample rows belong",
            )
            .into());
        }
        let on = &self.bound(db, options).await?;
        if let Some(spec) = &options.spec {
            on.set(spec.clone()).check()?;
        }
        let report = if on.engine.capability().writes_across_tenants {
            let tx = lock::begin(db, on.engine, Purpose::Seed, &options.patience).await?.tx;
            let outcome = locked(db, &tx, on, options).await;
            match finish(tx, outcome).await? {
                Begun::Done(report) => report,
                Begun::ByUnit(admitted) => into_file(db, on, options, &admitted).await?,
            }
        } else {
            by_tenant(db, on, options).await?
        };
        tracing::info!(rows = report.changed(), "sample rows inserted");
        Ok(report)
    }

    /// Puts back sample rows that were changed or deleted, of whichever set is there, in one transaction; one
    /// tenant a transaction where the engine takes no more.
    ///
    /// # Errors
    ///
    /// As [`seed`](Self::seed), and [`Error::Unusable`] if there are no sample rows.
    pub async fn repair(&self, db: &DatabaseConnection, options: &Options) -> Result<Report> {
        let on = &self.bound(db, options).await?;
        let options = &Options { alongside: true, spec: None, ..options.clone() };
        let report = if on.engine.capability().writes_across_tenants {
            let tx = lock::begin(db, on.engine, Purpose::Seed, &options.patience).await?.tx;
            let outcome = async {
                let (admitted, set) = to_repair(&tx, on, options).await?;
                let mended = repair::within(&tx, on, &set).await?;
                if options.tenant.is_none() {
                    admitted.check_there(&tx, on, &set).await?;
                    note_contents(&tx, on, &set, |table| {
                        mended.get(table).map(|mended| mended.contents)
                    })
                    .await?;
                }
                Ok(mended_report(&set, &mended))
            };
            let outcome = outcome.await;
            finish(tx, outcome).await?
        } else {
            let (admitted, set) = to_repair(db, on, options).await?;
            let mended = repair::by_tenant(db, on, &set).await?;
            if options.tenant.is_none() {
                admitted.check_there(db, on, &set).await?;
            }
            mended_report(&set, &mended)
        };
        tracing::info!(
            created = report.changed(),
            updated = report.updated(),
            "sample rows put back"
        );
        Ok(report)
    }
}

fn loading<'a>(
    db: &'a DatabaseConnection,
    on: &'a Bound,
    options: &'a Options,
    set: &'a DataSet,
) -> Loading<'a> {
    let Options { patience, stop, progress, .. } = options;
    Loading { db, on, set, workers: options.workers(), patience, stop, progress }
}

/// Result of the locked transaction.
enum Begun {
    /// It is done.
    Done(Report),
    /// These rows are to be loaded by transactions that take the lock for themselves, which is noted.
    ByUnit(Admitted),
}

async fn locked(
    db: &DatabaseConnection,
    tx: &DatabaseTransaction,
    on: &Bound,
    options: &Options,
) -> Result<Begun> {
    // Rolled back, it lets go of the tables that it has read: a command that wants one for itself would wait for
    // them, and the connections that load would wait for him.
    let look = tx.begin().await?;
    let looked = async {
        let admitted = admitted(&look, on, options).await?;
        let missing = Missing::of(&look, &admitted.set).await?;
        let done = admitted.done && missing.is_none();
        if done {
            admitted.check_there(&look, on, &admitted.set).await?;
        }
        Ok::<_, Error>((admitted, done, missing))
    };
    let looked = looked.await;
    look.rollback().await?;
    let (admitted, done, missing) = looked?;
    let set = admitted.set.clone();
    if done {
        return Ok(Begun::Done(report(&set, &Tally::default(), true)));
    }
    let mut loader = Loader::choose(db, on.engine, missing.rows(&set), options.bulk)?;
    let mut options = options.clone();
    if loader == Loader::Copy
        && let Some(most) = connections(tx, on.engine).await?
    {
        // This transaction holds the lock on one of them.
        options.workers = options.workers().min(most.saturating_sub(1));
        if options.workers == 0 {
            tracing::warn!(
                "there may be one connection only, so rows are inserted one statement after another"
            );
            loader = Loader::Insert;
        }
    }
    let options = &options;
    let line = set.spec().to_string();
    tracing::debug!(%loader, spec = %line, "seeding");
    let loading = loading(db, on, options, &set);
    // What is about to be inserted has to be known if that is interrupted.
    let (tally, done) = match loader {
        Loader::Insert | Loader::InsertByTenant => (loading.within(tx, &missing).await?, true),
        Loader::InsertByUnit => {
            on.journal.note_seeding(tx, &line).await?;
            return Ok(Begun::ByUnit(admitted));
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
    if done {
        admitted.check_there(tx, on, &set).await?;
    }
    noting(tx, on, &set, &tally, done).await?;
    let nodes = if done { by_node(tx, on.engine, &on.names(), &set).await? } else { Vec::new() };
    Ok(Begun::Done(Report { nodes, ..report(&set, &tally, done) }))
}

/// How many connections the role and the database allow; `None` where they set no limit.
async fn connections(tx: &DatabaseTransaction, engine: Engine) -> Result<Option<usize>> {
    let sql = "SELECT least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1)) AS most \
               FROM pg_roles r, pg_database d \
               WHERE r.rolname = session_user AND NOT r.rolsuper AND d.datname = current_database()";
    let row = tx.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    let most: Option<i32> = row.map(|row| row.try_get("", "most")).transpose()?.flatten();
    Ok(most.and_then(|most| usize::try_from(most).ok()))
}

/// Into an SQLite file, whose lock is the one for writing: every unit takes it for itself.
async fn into_file(
    db: &DatabaseConnection,
    on: &Bound,
    options: &Options,
    admitted: &Admitted,
) -> Result<Report> {
    let set = &admitted.set;
    let loading = loading(db, on, options, set);
    let missing = Missing::of(db, set).await?;
    let (tally, done) = with_larger_cache(db, loading.by_unit(&missing)).await?;
    let tx = lock::begin(db, on.engine, Purpose::Seed, &options.patience).await?.tx;
    let noted = async {
        loading.check_meant(&tx).await?;
        if done && !Missing::of(&tx, set).await?.is_none() {
            return Err(Error::busy(
                "samples-changed-meanwhile",
                "another process has removed sample rows meanwhile: seed again",
            ));
        }
        if done {
            admitted.check_there(&tx, on, set).await?;
        }
        noting(&tx, on, set, &tally, done).await
    };
    let noted = noted.await;
    finish(tx, noted).await?;
    Ok(report(set, &tally, done))
}

/// Gives SQLite 16 MiB for pages meanwhile, with which it loads a tenth faster than with the 2 that it has by
/// itself.
async fn with_larger_cache<T>(
    db: &DatabaseConnection,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let asked = Statement::from_string(DbBackend::Sqlite, "PRAGMA cache_size");
    let before = db.query_one_raw(asked).await?;
    let before: Option<i64> = before.map(|row| row.try_get_by_index(0)).transpose()?;
    db.execute_unprepared("PRAGMA cache_size = -16384").await?;
    let done = work.await;
    if let Some(before) = before {
        db.execute_unprepared(&format!("PRAGMA cache_size = {before}")).await?;
    }
    done
}

/// On an engine that lets a transaction write to one tenant only.
async fn by_tenant(db: &DatabaseConnection, on: &Bound, options: &Options) -> Result<Report> {
    let admitted = admitted(db, on, options).await?;
    let set = &admitted.set;
    let missing = Missing::of(db, set).await?;
    if admitted.done && missing.is_none() {
        admitted.check_there(db, on, set).await?;
        return Ok(report(set, &Tally::default(), true));
    }
    on.journal.note_seeding(db, &set.spec().to_string()).await?;
    let (tally, done) = loading(db, on, options, set).by_tenant(&missing).await?;
    if done {
        admitted.check_there(db, on, set).await?;
    }
    noting(db, on, set, &tally, done).await?;
    Ok(report(set, &tally, done))
}

/// Which rows are to be repaired.
async fn to_repair<'c, C>(db: &'c C, on: &Bound, options: &Options) -> Result<(Admitted, DataSet)>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let admitted = admitted(db, on, options).await?;
    if admitted.is_new {
        return Err(Error::unusable("no-samples", "there are no sample rows to repair"));
    }
    let set = verify::narrowed(admitted.set.clone(), options.tenant)?;
    Ok((admitted, set))
}

fn mended_report(set: &DataSet, mended: &Mendings) -> Report {
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
    on: &Bound,
    set: &DataSet,
    tally: &Tally,
    done: bool,
) -> Result<()> {
    if !done {
        return Ok(());
    }
    note_contents(db, on, set, |table| tally.0.get(table).map(|(_, contents)| *contents)).await
}

async fn note_contents<C: ConnectionTrait>(
    db: &C,
    on: &Bound,
    set: &DataSet,
    contents: impl Fn(&str) -> Option<Contents>,
) -> Result<()> {
    let tables = set.tables().iter().map(|info| {
        let columns = info.columns.iter().map(|&name| name.to_owned()).collect();
        (info.name, columns, contents(info.name).unwrap_or_default())
    });
    let tables: Vec<_> = tables.collect();
    on.journal.note_seeded(db, &set.spec().to_string(), &tables).await
}

fn report(set: &DataSet, tally: &Tally, done: bool) -> Report {
    let planned = set.planned();
    let tables = set.tables().iter().map(|info| TableReport {
        table: info.name,
        changed: tally.0.get(info.name).map_or(0, |(inserted, _)| *inserted),
        updated: 0,
        planned: planned.get(info.name).copied().unwrap_or_default(),
    });
    Report { tables: tables.collect(), nodes: Vec::new(), stopped: !done }
}
