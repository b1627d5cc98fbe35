//! `leads`: people whom a tenant writes to.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

tenantry_entity::text_enum! {
    /// How far a lead has come.
    #[derive(Default)]
    pub enum Status {
        /// Not yet written to.
        #[default]
        New,
        /// Written to.
        Contacted,
        /// Interested, and worth a talk.
        Qualified,
        /// Became a customer.
        Converted,
    }
}

/// A row of `leads`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "leads")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Address, at most 255 characters; several leads may share one.
    #[sea_orm(column_type = "String(StringLen::N(255))", indexed)]
    pub email: String,
    /// Full name, at most 200 characters.
    #[sea_orm(column_type = "String(StringLen::N(200))", nullable)]
    pub name: Option<String>,
    /// Where the lead works, as free text of at most 200 characters.
    #[sea_orm(column_type = "String(StringLen::N(200))", nullable)]
    pub company: Option<String>,
    /// How far the lead has come.
    #[sea_orm(
        indexed,
        default_value = "new",
        extra = "CHECK (status IN ('new', 'contacted', 'qualified', 'converted'))"
    )]
    pub status: Status,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,
    /// Last change of this row.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,

    /// The tenant's leads go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at], updated: updated_at);

tenantry_entity::tenant_scoped!();
