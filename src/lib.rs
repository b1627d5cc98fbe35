//! The whole job: migrate, seed and validate a multi-tenant database, or undo it all and prove it.
//!
//! ```no_run
//! # async fn example() -> tenantry::Result<()> {
//! use tenantry::{APP, Absent, DatabaseArgs, RunOptions};
//!
//! let args = DatabaseArgs { database_url: Some("sqlite://app.db".into()), ..Default::default() };
//! let db = APP.open(&args, Absent::Create).await?;
//! let report = tenantry::run(&db, &RunOptions::default()).await?;
//! assert!(report.validation.findings.is_empty());
//! # Ok(())
//! # }
//! ```

use migration::Outcome;
pub use tenantry_app::*;

/// The thirteen tables, their migrations and their sample rows.
pub static APP: Application = Application::of(&seeder::SEEDER);

/// As [`Application::run`].
///
/// # Errors
///
/// As [`Application::run`].
pub async fn run(db: &Database, options: &RunOptions) -> Result<RunReport> {
    APP.run(db, options).await
}

/// As [`Application::rollback`].
///
/// # Errors
///
/// As [`Application::rollback`].
pub async fn rollback(db: &Database, options: &RollbackOptions) -> Result<Outcome> {
    APP.rollback(db, options).await
}

/// As [`Application::validate`].
///
/// # Errors
///
/// As [`Application::validate`].
pub async fn validate(db: &Database, options: &ValidateOptions) -> Result<Validation> {
    APP.validate(db, options).await
}
