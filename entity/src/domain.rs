//! `domains`: the domains that a tenant sends mail from.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `domains`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "domains")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false, unique_key = "tenant_name")]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The domain, unique within the tenant; at most 255 characters.
    #[sea_orm(column_type = "String(StringLen::N(255))", unique_key = "tenant_name")]
    pub name: String,
    /// Whether the tenant has shown that the domain is theirs.
    #[sea_orm(default_value = false, indexed)]
    pub verified: bool,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub created_at: DateTimeUtc,

    /// The tenant's domains go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// Mailboxes at this domain.
    #[sea_orm(has_many)]
    pub email_accounts: HasMany<super::email_account::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at]);

tenantry_entity::tenant_scoped!();
