//! `email_accounts`: the mailboxes that a tenant sends from.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `email_accounts`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "email_accounts")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false, unique_key = "tenant_email")]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The domain of the address.
    pub domain_id: Uuid,
    /// The address, unique within the tenant; at most 255 characters.
    #[sea_orm(column_type = "String(StringLen::N(255))", unique_key = "tenant_email")]
    pub email: String,
    /// Who runs the mailbox, at most 50 characters.
    #[sea_orm(column_type = "String(StringLen::N(50))", indexed)]
    pub provider: String,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub created_at: DateTimeUtc,

    /// The tenant's mailboxes go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// A domain's mailboxes go with it.
    #[sea_orm(
        belongs_to,
        from = "(tenant_id, domain_id)",
        to = "(tenant_id, id)",
        on_delete = "Cascade"
    )]
    pub domain: BelongsTo<super::domain::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at]);

tenantry_entity::tenant_scoped!();
