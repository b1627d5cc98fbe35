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
pub mod factory;
pub mod ids;
mod loader;
pub mod plan;

use std::collections::BTreeMap;

use entity::Engine;
use migration::{
    Error, Migrator, Result, Runner,
    refusal::Refusal,
    runner::{SampleRows, State},
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use serde::Serialize;

pub use clean::clean;

/// What the seeder may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Seed beside tenants that the seeder did not make.
    pub alongside: bool,
    /// Refuse, because this is production.
    pub production: bool,
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

/// Inserts the sample rows that are not there yet, all in one transaction.
///
/// # Errors
///
/// [`Error::Refused`] in production, or when there are tenants that the seeder did not make and
/// [`Options::alongside`] is not set. Otherwise if a migration is pending or the database fails.
/// Nothing is changed then.
pub async fn seed(db: &DatabaseConnection, options: &Options) -> Result<Report> {
    if options.production {
        return Err(Refusal::plain(
            "refused: APP_ENV says that this is production, where no sample rows belong",
        )
        .into());
    }
    let engine = ready(db).await?;
    let tx = db
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    let real = real_tenants(&tx, engine).await?;
    if real > 0 && !options.alongside {
        let tenants = if real == 1 { "tenant" } else { "tenants" };
        return Err(Refusal::plain(format!(
            "refused, because there is {real} {tenants} that the seeder did not make; \
             --alongside seeds all the same"
        ))
        .into());
    }
    let report = loader::insert(&tx, &plan::demo()).await?;
    tx.commit().await?;
    tracing::info!(rows = report.changed(), "sample rows inserted");
    Ok(report)
}

/// How many sample rows each table holds and how many it should: the tables of the data set that
/// exist in this database, by name. The numbers are `(present, planned)`.
///
/// # Errors
///
/// If a query fails.
pub async fn census<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &[&'static str],
) -> Result<BTreeMap<&'static str, (u64, u64)>> {
    let planned = plan::planned(&plan::demo());
    let parts: Vec<String> = tables
        .iter()
        .map(|table| {
            let samples = SampleRows { engine, column: "id" };
            format!(
                "SELECT '{table}' AS table_name, count(*) AS present FROM \"{table}\" \
                 WHERE {samples}"
            )
        })
        .collect();
    if parts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    let mut census = BTreeMap::new();
    for row in db.query_all_raw(stmt).await? {
        let name: String = row.try_get("", "table_name")?;
        let present: i64 = row.try_get("", "present")?;
        if let Some(table) = tables.iter().find(|table| **table == name) {
            let planned = planned.get(table).copied().unwrap_or_default();
            census.insert(*table, (u64::try_from(present).unwrap_or_default(), planned));
        }
    }
    Ok(census)
}

/// Fails with what to do unless every migration is applied.
async fn ready(db: &DatabaseConnection) -> Result<Engine> {
    let runner = Runner::new::<Migrator>(db)?;
    let states = runner.status().await?;
    let pending = states.iter().filter(|entry| entry.state == State::Pending).count();
    if pending > 0 {
        return Err(Error::Unusable(format!(
            "{pending} of {} migrations are not applied: run `cargo run -p migration -- up` first",
            states.len()
        )));
    }
    Ok(runner.engine())
}

async fn real_tenants<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<i64, DbErr> {
    let samples = SampleRows { engine, column: "id" };
    let sql = format!("SELECT count(*) AS n FROM tenants WHERE ({samples}) IS NOT TRUE");
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}
