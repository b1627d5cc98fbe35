//! `campaigns`: outbound sequences, each run for one company.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

tenantry_entity::text_enum! {
    /// Where a campaign is in its life.
    #[derive(Default)]
    pub enum Status {
        /// Being written; nothing is sent.
        #[default]
        Draft,
        /// Sending.
        Active,
        /// Sending was stopped for now.
        Paused,
        /// Everything was sent.
        Completed,
    }
}

/// A row of `campaigns`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "campaigns")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The company that the campaign is run for.
    pub company_id: Uuid,
    /// Display name, at most 200 characters.
    #[sea_orm(column_type = "String(StringLen::N(200))")]
    pub name: String,
    /// Where the campaign is in its life.
    #[sea_orm(
        indexed,
        default_value = "draft",
        extra = "CHECK (status IN ('draft', 'active', 'paused', 'completed'))"
    )]
    pub status: Status,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,
    /// Last change of this row.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,

    /// The tenant's campaigns go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// A company's campaigns go with it.
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
