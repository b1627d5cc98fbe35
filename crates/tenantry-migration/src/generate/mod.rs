//! Makes migrations from what the entities say: [`tenantry_schema::generate`], and what replays them.

mod adopt;

pub use adopt::{Adoption, adopt, replayed};
pub use tenantry_schema::generate::*;
