//! Migrate, seed, validate.

use tenantry_migration::{
    Error, Outcome, Runner,
    db::{Database, count_rows, quoted_table},
    error::{Result, sqlstate},
    refusal::Refusal,
    rehearsal::{Phase, Rehearsal},
    runner::{Command, Up},
    schema,
};
use tenantry_seeder::Spec;

use crate::{
    Application,
    validation::{ValidateOptions, Validation},
};

/// How [`Application::run`] should go about it.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Seed beside tenants that the seeder did not make.
    pub alongside: bool,
    /// This is production: do not seed.
    pub production: bool,
    /// Which sample rows; `None` for those that are there, or else the demo.
    pub spec: Option<Spec>,
}

/// What [`Application::run`] did.
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
    Done(tenantry_seeder::Report),
    /// None were inserted: the application has no factories.
    Unknown,
    /// None were inserted, because this is production.
    Production,
    /// None were inserted, because of what the refusal says.
    Refused(Box<Refusal>),
    /// None were inserted: the database is damaged, as the findings say, and refused them so.
    Failed(String),
}

impl Application {
    /// Applies pending migrations, inserts the sample rows that are missing, and validates the result.
    /// A second time changes nothing.
    ///
    /// # Errors
    ///
    /// If a migration fails or the database does; each step leaves the database as it was then. That
    /// sample rows are refused is no error, nor that they fail for a reason that validation finds: the
    /// rest is done, and the report says so.
    pub async fn run(&self, db: &Database, options: &RunOptions) -> Result<RunReport> {
        self.run_with(db, options, self.project().runner(db)?, || ()).await
    }

    /// The same in a rehearsal, which is to be ended by the caller: nothing is changed.
    ///
    /// # Errors
    ///
    /// If the rehearsal cannot begin. What the run itself would return comes beside the rehearsal.
    pub async fn rehearse(
        &self,
        db: &Database,
        options: &RunOptions,
    ) -> Result<(Rehearsal, Result<RunReport>)> {
        let rehearsal = Rehearsal::begin(db, &Command::Up(Up::default())).await?;
        let outcome = async {
            let runner =
                self.project().runner(rehearsal.database())?.observed_by(rehearsal.observer());
            let seeding = || rehearsal.watch(Phase::Seed);
            self.run_with(rehearsal.database(), options, runner, seeding).await
        };
        let outcome = outcome.await;
        Ok((rehearsal, outcome))
    }

    /// `seeding` gives something that lives as long as rows are seeded.
    async fn run_with<W>(
        &self,
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
        } else if let Some(seeder) = self.seeder() {
            tracing::info!("seeding");
            let options = tenantry_seeder::Options {
                alongside: options.alongside,
                engine: Some(db.engine),
                patience: db.patience,
                spec: options.spec.clone(),
                ..tenantry_seeder::Options::default()
            };
            let watch = seeding();
            let seeded = seeder.seed(&db.connection, &options).await;
            drop(watch);
            match seeded {
                Ok(report) => (Seeding::Done(report), None),
                Err(Error::Refused(refusal)) => (Seeding::Refused(refusal), None),
                Err(error) => (Seeding::Failed(error.to_string()), Some(error)),
            }
        } else {
            (Seeding::Unknown, None)
        };
        tracing::info!("validating");
        let validation = self.validate(db, &ValidateOptions::default()).await?;
        match failure {
            Some(error) if validation.findings.is_empty() => Err(error),
            _ => {
                let rows = self.rows(db).await?;
                Ok(RunReport { migrated, seeding, validation, rows })
            }
        }
    }

    /// Counts the rows of every table that is there.
    async fn rows(&self, db: &Database) -> Result<Vec<(&'static str, u64)>> {
        let tables = (self.project().tables)();
        let count = async || {
            loop {
                let live = schema::read(&db.connection, db.engine, "").await?;
                let there = tables.iter().map(|def| def.name);
                let there: Vec<&str> =
                    there.filter(|name| live.tables.contains_key(*name)).collect();
                let all = there.iter().map(|table| (quoted_table(table), "true".to_owned()));
                let all: Vec<_> = all.collect();
                match count_rows(&db.connection, db.engine, &all).await {
                    Ok(counts) => return Ok(there.into_iter().zip(counts).collect()),
                    // undefined_table: another session has dropped a table since it was listed, so list again.
                    Err(error) if sqlstate(&error).as_deref() == Some("42P01") => {}
                    Err(error) => return Err(error.into()),
                }
            }
        };
        db.patience.reading(count).await
    }
}
