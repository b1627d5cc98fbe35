#![doc = include_str!("../README.md")]

pub mod cli;
mod rollback;
mod run;
pub mod tenants;
pub mod validation;

pub use rollback::RollbackOptions;
pub use run::{RunOptions, RunReport, Seeding};
pub use tenantry_migration::{
    Error, Project, Result,
    config::DatabaseArgs,
    db::{Absent, Database},
    report::Finding,
};
pub use tenantry_seeder::{SampleSet, Seeder};
pub use validation::{ValidateOptions, Validation};

/// An application: its entities, its migrations and its sample rows.
#[derive(Clone, Copy, Debug)]
pub struct Application {
    /// The entities and migrations.
    pub project: &'static Project,
    /// The sample rows.
    pub samples: &'static dyn SampleSet,
}

impl Application {
    /// The seeder of the application.
    #[must_use]
    pub fn seeder(&self) -> Seeder {
        Seeder { project: self.project, samples: self.samples }
    }

    /// Opens the database that `args` mean.
    ///
    /// # Errors
    ///
    /// As [`DatabaseArgs::target`] and [`Database::open`].
    pub async fn open(&self, args: &DatabaseArgs, absent: Absent) -> Result<Database> {
        Database::open(self.project, &args.target(self.project)?, absent).await
    }
}
