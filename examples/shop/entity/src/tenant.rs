//! `tenants`: each is a shop.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `tenants`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "tenants")]
pub struct Model {
    /// The shop's id, which every other table carries.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The shop's name.
    #[sea_orm(column_type = "String(StringLen::N(100))")]
    pub name: String,
    /// When it was opened, in UTC.
    #[sea_orm(default_expr = "Expr::cust(\"LOCALTIMESTAMP\")")]
    pub created: DateTime,
    /// When the row was last changed, in UTC.
    #[sea_orm(default_expr = "Expr::cust(\"LOCALTIMESTAMP\")")]
    pub updated: DateTime,
    /// When it was closed, in UTC.
    pub deleted: Option<DateTime>,

    /// Who buys there.
    #[sea_orm(has_many)]
    pub customers: HasMany<super::customer::Entity>,
    /// What it sells.
    #[sea_orm(has_many)]
    pub products: HasMany<super::product::Entity>,
    /// What was bought.
    #[sea_orm(has_many)]
    pub orders: HasMany<super::order::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created], updated: updated);

