//! What Wholesale's tables are like.

pub mod customer;
pub mod order;
pub mod order_line;
pub mod organization;
pub mod price_list;
pub mod product;

use tenantry_entity::{TableDef, tables};

/// Every entity.
#[must_use]
pub fn all() -> Vec<TableDef> {
    tables![
        organization::Entity,
        customer::Entity,
        price_list::Entity,
        product::Entity,
        order::Entity,
        order_line::Entity,
    ]
}
