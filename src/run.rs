//! Migrate, seed, validate.

use std::collections::BTreeMap;

use migration::{Error, Migrator, Outcome, Runner, db::Database, error::Result, refusal::Refusal};
use sea_orm::{ConnectionTrait, Statement};

use crate::validation::{ValidateOptions, Validation, validate};

/// How [`run`] should go about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions {
    /// Seed beside tenants that the seeder did not make.
    pub alongside: bool,
    /// This is production: do not seed.
    pub production: bool,
}

/// What [`run`] did.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The migrations applied.
    pub migrated: Outcome,
    /// What became of the sample rows.
    pub seeding: Seeding,
    /// What is not as it should be.
    pub validation: Validation,
    /// Rows of each table, in foreign-key order, sample rows and real ones.
    pub rows: Vec<(&'static str, u64)>,
}

/// What became of the sample rows.
#[derive(Clone, Debug)]
pub enum Seeding {
    /// They are there.
    Done(seeder::Report),
    /// None were inserted, because this is production.
    Production,
    /// None were inserted, because of what the refusal says.
    Refused(Box<Refusal>),
}

/// Applies pending migrations, inserts the sample rows that are missing, and validates the result.
/// A second time changes nothing.
///
/// # Errors
///
/// If a migration fails or the database does; each step leaves the database as it was then. That
/// sample rows are refused is no error: the rest is done, and the report says so.
pub async fn run(db: &Database, options: &RunOptions) -> Result<RunReport> {
    tracing::info!("migrating");
    let migrated = Runner::new::<Migrator>(&db.connection)?.up(None).await?;
    let seeding = if options.production {
        Seeding::Production
    } else {
        tracing::info!("seeding");
        let options = seeder::Options { alongside: options.alongside, production: false };
        match seeder::seed(&db.connection, &options).await {
            Ok(report) => Seeding::Done(report),
            Err(Error::Refused(refusal)) => Seeding::Refused(refusal),
            Err(error) => return Err(error),
        }
    };
    tracing::info!("validating");
    let validation = validate(db, &ValidateOptions::default()).await?;
    let rows = count_rows(db).await?;
    Ok(RunReport { migrated, seeding, validation, rows })
}

async fn count_rows(db: &Database) -> Result<Vec<(&'static str, u64)>> {
    let tables = entity::all();
    let parts: Vec<String> = tables
        .iter()
        .map(|def| format!("SELECT '{0}' AS table_name, count(*) AS n FROM \"{0}\"", def.name))
        .collect();
    let stmt = Statement::from_string(db.engine.backend(), parts.join(" UNION ALL "));
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for row in db.connection.query_all_raw(stmt).await? {
        counts.insert(row.try_get("", "table_name")?, row.try_get("", "n")?);
    }
    Ok(tables
        .iter()
        .map(|def| {
            let rows = counts.get(def.name).copied().unwrap_or_default();
            (def.name, u64::try_from(rows).unwrap_or_default())
        })
        .collect())
}
