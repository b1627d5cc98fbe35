//! `customers`: who buys in a shop.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `customers`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    /// The shop.
    #[sea_orm(primary_key, auto_increment = false, unique_key = "tenant_email")]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Given and family name.
    #[sea_orm(column_type = "String(StringLen::N(200))")]
    pub name: String,
    /// Address, which one customer of a shop has.
    #[sea_orm(column_type = "String(StringLen::N(255))", unique_key = "tenant_email")]
    pub email: String,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,

    /// A shop's customers go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// What the customer has bought.
    #[sea_orm(has_many)]
    pub orders: HasMany<super::order::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at]);

tenantry_entity::tenant_scoped!();
