//! `orders`: what a customer has bought at one time.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

tenantry_entity::text_enum! {
    /// How far an order has come.
    #[derive(Default)]
    pub enum Status {
        /// It was placed.
        #[default]
        Placed,
        /// It was paid for.
        Paid,
        /// It is on its way, or there.
        Shipped,
        /// It was taken back.
        Cancelled,
    }
}

/// A row of `orders`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    /// The shop.
    #[sea_orm(primary_key, auto_increment = false, unique_key = "tenant_number")]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who has bought.
    pub customer_id: Uuid,
    /// The number on the invoice, which each shop counts for itself.
    #[sea_orm(unique_key = "tenant_number")]
    pub number: i32,
    /// How far it has come.
    #[sea_orm(
        indexed,
        default_value = "placed",
        extra = "CHECK (status IN ('placed', 'paid', 'shipped', 'cancelled'))"
    )]
    pub status: Status,
    /// When it was placed.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub placed_at: DateTimeUtc,

    /// A shop's orders go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// A customer with orders stays.
    #[sea_orm(belongs_to, from = "(tenant_id, customer_id)", to = "(tenant_id, id)")]
    pub customer: BelongsTo<super::customer::Entity>,
    /// What is in it.
    #[sea_orm(has_many, via = "order_line")]
    pub products: HasMany<super::product::Entity>,
}

tenantry_entity::active_model_behavior!(created: [placed_at]);

tenantry_entity::tenant_scoped!();
