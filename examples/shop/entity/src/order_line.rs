//! `order_lines`: which products are in which orders, and how many of each.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `order_lines`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "order_lines")]
pub struct Model {
    /// The shop.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// The product.
    pub product_id: Uuid,
    /// How many.
    #[sea_orm(default_value = 1, extra = "CHECK (quantity > 0)")]
    pub quantity: i32,
    /// What each cost then, in minor units.
    pub price: i64,

    /// A shop's order lines go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// An order's lines go with it.
    #[sea_orm(
        belongs_to,
        from = "(tenant_id, order_id)",
        to = "(tenant_id, id)",
        on_delete = "Cascade"
    )]
    pub order: BelongsTo<super::order::Entity>,
    /// A product that was bought stays.
    #[sea_orm(belongs_to, from = "(tenant_id, product_id)", to = "(tenant_id, id)")]
    pub product: BelongsTo<super::product::Entity>,
}

tenantry_entity::active_model_behavior!();

impl tenantry_entity::Table for Entity {
    fn indexes() -> Vec<sea_orm::sea_query::IndexCreateStatement> {
        use sea_orm::sea_query::Index;
        // Each product once in an order.
        let line = Index::create()
            .unique()
            .table(Entity)
            .col(Column::TenantId)
            .col(Column::OrderId)
            .col(Column::ProductId)
            .take();
        vec![line]
    }
}

tenantry_entity::tenant_scoped!();
