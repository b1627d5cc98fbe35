//! What has to change to make one schema another.

mod change;
mod compare;
mod conversion;
mod renames;
mod undo;

pub(crate) use change::is_part;
pub use change::{Change, Hazard, collation, options, place};
pub use compare::diff;
pub(crate) use compare::{Matched, same_checks, same_keys};
pub use conversion::{Conversion, DOES_NOT_FIT, Fidelity, conforms, conversion, each_type};
pub use renames::Renames;
pub(crate) use renames::{free_name, one_by_one};
