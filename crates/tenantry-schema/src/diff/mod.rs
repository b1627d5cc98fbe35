//! What has to change to make one schema another.

mod change;
mod compare;
mod conversion;
mod renames;
mod undo;

pub use change::{Change, Hazard};
pub use compare::diff;
pub use conversion::{Conversion, conversion};
pub use renames::Renames;
