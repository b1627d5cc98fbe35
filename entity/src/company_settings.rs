//! `company_settings`: one row of preferences for a company.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `company_settings`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "company_settings")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false, unique_key = "tenant_company_id")]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The company; at most one row for each.
    #[sea_orm(unique_key = "tenant_company_id")]
    pub company_id: Uuid,
    /// The preferences, a JSON object.
    #[sea_orm(column_type = "JsonBinary", default_value = "{}")]
    pub settings: Json,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub created_at: DateTimeUtc,
    /// Last change of this row.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,

    /// The tenant's settings go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// A company's settings go with it.
    #[sea_orm(
        belongs_to,
        from = "(tenant_id, company_id)",
        to = "(tenant_id, id)",
        on_delete = "Cascade"
    )]
    pub company: BelongsTo<super::company::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at], updated: updated_at);

tenantry_entity::tenant_scoped!();
