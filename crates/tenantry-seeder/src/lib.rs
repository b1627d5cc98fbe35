#![doc = include_str!("../README.md")]

mod admission;
mod bars;
mod clean;
pub mod cli;
mod compare;
pub mod digest;
pub mod export;
#[doc(hidden)]
pub mod hash;
mod loader;
mod nodes;
mod options;
mod places;
mod plan;
mod progress;
mod repair;
mod samples;
mod seeder;
mod seeding;
mod set;
pub mod spec;
mod tenant;
pub mod testing;
mod verify;

pub use hash::Draw;
pub use loader::Loader;
pub use nodes::NodeReport;
pub use options::{Options, Report, TableReport};
pub use plan::SeedingPlan;
pub use progress::{Progress, SoFar, Stop};
pub use samples::{SampleSet, SampleTable, SampleTenant, Samples, Set, TableInfo};
pub use seeder::Seeder;
pub use set::DataSet;
pub use spec::{Preset, SIZES, Size, Skew, Spec, Vocabulary};
pub use tenant::{Edge, Tenant, earlier_parent, moment, parent};
pub use verify::{Difference, TableDigest, Verification};
