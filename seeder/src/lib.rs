//! Fills a database with related sample rows, and takes exactly those away again.
//!
//! The rows are SeaORM `ActiveModels`, made by pure functions of a [`Spec`]: the same ones every time, on
//! every engine, without a clock or a random generator. Their ids carry a tag
//! ([`entity::sample_id`]), by which they are told from real rows.
//!
//! ```no_run
//! # async fn example(db: &sea_orm::DatabaseConnection) -> migration::Result<()> {
//! let report = seeder::seed(db, &seeder::Options::default()).await?;
//! println!("{} rows inserted", report.changed());
//! # Ok(())
//! # }
//! ```

mod admission;
mod bars;
mod clean;
pub mod cli;
mod compare;
pub mod digest;
pub mod export;
pub mod factory;
mod hash;
mod ids;
mod loader;
mod nodes;
mod options;
mod plan;
mod progress;
mod repair;
mod seeding;
mod set;
pub mod spec;
mod tenant;
pub mod testing;
mod verify;
mod words;

pub use admission::census;
pub use clean::clean;
pub use loader::Loader;
pub use nodes::NodeReport;
pub use options::{Options, Report, TableReport};
pub use plan::Plan;
pub use progress::{Progress, SoFar, Stop};
pub use seeding::{repair, seed};
pub use set::DataSet;
pub use spec::{Dataset, Preset, Skew, Spec};
pub use tenant::{Counts, Edge, Tenant};
pub use verify::{Difference, TableDigest, Verification, verify, verify_in};
