//! Makes migrations from what the entities say: [`tenantry_schema::generate`], and what replays them.

mod adopt;
mod proof;
pub(crate) mod relations;

pub use adopt::{Adoption, adopt, replayed};
pub use proof::prove;
pub use tenantry_schema::generate::*;
