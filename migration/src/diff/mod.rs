//! What has to change to make one schema another.

mod change;
mod compare;

pub use change::{Change, Hazard};
pub use compare::diff;
