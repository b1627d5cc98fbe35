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

/// An application: its entities, its migrations and its sample rows, if it has any.
#[derive(Clone, Copy, Debug)]
pub struct Application {
    project: &'static Project,
    seeder: Option<&'static Seeder>,
}

impl Application {
    /// The application whose sample rows these are.
    #[must_use]
    pub const fn of(seeder: &'static Seeder) -> Self {
        Self { project: seeder.project, seeder: Some(seeder) }
    }

    /// An application without sample rows.
    ///
    /// ```
    /// # use tenantry_app::{Application, Project};
    /// # const fn of(project: &'static Project) -> Application {
    /// Application::without_samples(project)
    /// # }
    /// ```
    #[must_use]
    pub const fn without_samples(project: &'static Project) -> Self {
        Self { project, seeder: None }
    }

    /// The sample rows, if there are factories.
    #[must_use]
    pub const fn seeder(&self) -> Option<&'static Seeder> {
        self.seeder
    }

    /// The entities and migrations.
    #[must_use]
    pub const fn project(&self) -> &'static Project {
        self.project
    }

    /// Opens the database that `args` mean.
    ///
    /// # Errors
    ///
    /// As [`DatabaseArgs::target`] and [`Database::open`].
    pub async fn open(&self, args: &DatabaseArgs, absent: Absent) -> Result<Database> {
        Database::open(self.project(), &args.target(self.project())?, absent).await
    }
}
