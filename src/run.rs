//! Migrate, seed, validate.

use migration::{
    Error, Outcome, Runner,
    db::{Database, count_rows, quoted},
    error::Result,
    refusal::Refusal,
    rehearsal::{Rehearsal, What},
    runner::{Command, Up},
    runner_on,
};

use seeder::Spec;

use crate::validation::{ValidateOptions, Validation, validate};

/// How [`run`] should go about it.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Seed beside tenants that the seeder did not make.
    pub alongside: bool,
    /// This is production: do not seed.
    pub production: bool,
    /// Which sample rows; `None` for those that are there, or else the demo.
    pub spec: Option<Spec>,
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
    /// None were inserted: the database is damaged, as the findings say, and refused them so.
    Failed(String),
}

/// Applies pending migrations, inserts the sample rows that are missing, and validates the result.
/// A second time changes nothing.
///
/// # Errors
///
/// If a migration fails or the database does; each step leaves the database as it was then. That
/// sample rows are refused is no error, nor that they fail for a reason that validation finds: the
/// rest is done, and the report says so.
pub async fn run(db: &Database, options: &RunOptions) -> Result<RunReport> {
    run_with(db, options, runner_on(db)?, || ()).await
}

/// The same in a rehearsal, which is to be ended by the caller: nothing is changed.
///
/// # Errors
///
/// If the rehearsal cannot begin. What the run itself would return comes beside the rehearsal.
pub async fn rehearse(
    db: &Database,
    options: &RunOptions,
) -> Result<(Rehearsal, Result<RunReport>)> {
    let rehearsal = Rehearsal::begin(db, &Command::Up(Up::default())).await?;
    let outcome = async {
        let runner = runner_on(rehearsal.database())?.observed_by(rehearsal.observer());
        run_with(rehearsal.database(), options, runner, || rehearsal.watch(What::Seed)).await
    };
    let outcome = outcome.await;
    Ok((rehearsal, outcome))
}

/// `seeding` gives something that lives as long as rows are seeded.
async fn run_with<W>(
    db: &Database,
    options: &RunOptions,
    runner: Runner<'_>,
    seeding: impl FnOnce() -> W,
) -> Result<RunReport> {
    tracing::info!("migrating");
    let migrated = runner.up(None).await?;
    let production = options.production || runner.standing().await?.is_production();
    let (seeding, failure) = if production {
        (Seeding::Production, None)
    } else {
        tracing::info!("seeding");
        let options = seeder::Options {
            alongside: options.alongside,
            engine: Some(db.engine),
            patience: db.patience,
            spec: options.spec.clone(),
            ..seeder::Options::default()
        };
        let watch = seeding();
        let seeded = seeder::seed(&db.connection, &options).await;
        drop(watch);
        match seeded {
            Ok(report) => (Seeding::Done(report), None),
            Err(Error::Refused(refusal)) => (Seeding::Refused(refusal), None),
            Err(error) => (Seeding::Failed(error.to_string()), Some(error)),
        }
    };
    tracing::info!("validating");
    let validation = validate(db, &ValidateOptions::default()).await?;
    match failure {
        Some(error) if validation.findings.is_empty() => Err(error),
        _ => {
            let rows = rows(db, &validation).await?;
            Ok(RunReport { migrated, seeding, validation, rows })
        }
    }
}

/// Counts the rows of every table that is there.
async fn rows(db: &Database, validation: &Validation) -> Result<Vec<(&'static str, u64)>> {
    let missing = |table: &str| {
        validation.findings.iter().any(|f| f.code == "table-missing" && f.table == table)
    };
    let mut tables: Vec<&'static str> = entity::all().iter().map(|def| def.name).collect();
    tables.retain(|table| !missing(table));
    let all: Vec<_> = tables.iter().map(|table| (quoted(table), "true".to_owned())).collect();
    let counts = count_rows(&db.connection, db.engine, &all).await?;
    Ok(tables.into_iter().zip(counts).collect())
}
