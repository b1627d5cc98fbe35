//! The whole job: migrate, seed and validate a multi-tenant database, or undo it all and prove it.
//!
//! ```no_run
//! # async fn example() -> tenantry::Result<()> {
//! use tenantry::{Absent, Database, DatabaseArgs, RunOptions};
//!
//! let args = DatabaseArgs { database_url: Some("sqlite://app.db".into()), ..Default::default() };
//! let db = Database::open(&args.target()?, Absent::Create).await?;
//! let report = tenantry::run(&db, &RunOptions::default()).await?;
//! assert!(report.validation.findings.is_empty());
//! # Ok(())
//! # }
//! ```

pub mod cli;
mod rollback;
mod run;
pub mod tenants;
pub mod validation;

pub use migration::{
    Error, Result,
    config::DatabaseArgs,
    db::{Absent, Database},
    report::Finding,
};
pub use rollback::{RollbackOptions, rollback};
pub use run::{RunOptions, RunReport, Seeding, rehearse, run};
pub use validation::{ValidateOptions, Validation, validate};
