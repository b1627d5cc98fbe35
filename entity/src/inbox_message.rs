//! `inbox_messages`: mail that came back to a tenant.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `inbox_messages`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "inbox_messages")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who wrote, at most 255 characters.
    #[sea_orm(column_type = "String(StringLen::N(255))", indexed)]
    pub from_email: String,
    /// The mailbox that received it, at most 255 characters.
    #[sea_orm(column_type = "String(StringLen::N(255))", indexed)]
    pub to_email: String,
    /// Subject line, at most 500 characters.
    #[sea_orm(column_type = "String(StringLen::N(500))")]
    pub subject: String,
    /// Body as plain text.
    #[sea_orm(column_type = "Text")]
    pub content: String,
    /// When the message came in.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub received_at: DateTimeUtc,

    /// The tenant's messages go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
}

tenantry_entity::active_model_behavior!(created: [received_at]);

tenantry_entity::tenant_scoped!();
