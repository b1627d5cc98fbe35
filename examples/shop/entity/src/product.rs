//! `products`: what a shop sells. A product may be a variant of another one.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `products`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "products")]
pub struct Model {
    /// The shop.
    #[sea_orm(primary_key, auto_increment = false, unique_key = "tenant_sku")]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The product of which this is a variant.
    pub variant_of: Option<Uuid>,
    /// The shop's own number.
    #[sea_orm(column_type = "String(StringLen::N(40))", unique_key = "tenant_sku")]
    pub sku: String,
    /// What it is called.
    #[sea_orm(column_type = "String(StringLen::N(200))")]
    pub name: String,
    /// Price in minor units.
    #[sea_orm(extra = "CHECK (price >= 0)")]
    pub price: i64,
    /// How many are there.
    #[sea_orm(default_value = 0)]
    pub stock: i32,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub created_at: DateTimeUtc,
    /// When the row was last changed.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,

    /// A shop's products go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// A product with variants stays.
    #[sea_orm(
        self_ref,
        relation_enum = "Original",
        from = "(TenantId, VariantOf)",
        to = "(TenantId, Id)"
    )]
    pub original: BelongsTo<Option<Entity>>,
    /// The orders that it is in.
    #[sea_orm(has_many, via = "order_line")]
    pub orders: HasMany<super::order::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at], updated: updated_at);

tenantry_entity::tenant_scoped!();
