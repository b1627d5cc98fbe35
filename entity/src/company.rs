//! `companies`: the organisations that a tenant works for.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `companies`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "companies")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name, at most 100 characters.
    #[sea_orm(column_type = "String(StringLen::N(100))")]
    pub name: String,
    /// Web domain, at most 255 characters.
    #[sea_orm(column_type = "String(StringLen::N(255))", nullable, indexed)]
    pub domain: Option<String>,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,
    /// Last change of this row.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,

    /// The tenant's companies go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// The company's settings, at most one row.
    #[sea_orm(has_one)]
    pub settings: HasOne<super::company_settings::Entity>,
    /// Campaigns run for the company.
    #[sea_orm(has_many)]
    pub campaigns: HasMany<super::campaign::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at], updated: updated_at);

tenantry_entity::tenant_scoped!();
