//! `payments`: what a tenant's members paid.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

tenantry_entity::text_enum! {
    /// Where a payment is on its way.
    #[derive(Default)]
    pub enum Status {
        /// Not processed yet.
        #[default]
        Pending,
        /// The money arrived.
        Completed,
        /// The money did not arrive.
        Failed,
    }
}

/// A row of `payments`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The member who paid: `team_members.user_id` of the same tenant.
    pub user_id: Uuid,
    /// Amount in minor units of the currency (cents); more than zero.
    #[sea_orm(extra = "CHECK (amount > 0)")]
    pub amount: i64,
    /// ISO 4217 code: three capital letters.
    #[sea_orm(
        column_type = "String(StringLen::N(3))",
        extra = "CHECK (length(currency) = 3 AND trim(currency, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') = '')"
    )]
    pub currency: String,
    /// Where the payment is on its way.
    #[sea_orm(
        indexed,
        default_value = "pending",
        extra = "CHECK (status IN ('pending', 'completed', 'failed'))"
    )]
    pub status: Status,
    /// When the payment was asked for.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,
    /// When it was completed or failed.
    pub processed_at: Option<DateTimeUtc>,

    /// The tenant's payments go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// A member with payments is deactivated, not deleted.
    #[sea_orm(
        belongs_to,
        from = "(tenant_id, user_id)",
        to = "(tenant_id, user_id)",
        on_delete = "NoAction"
    )]
    pub team_member: BelongsTo<super::team_member::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at]);

tenantry_entity::tenant_scoped!();
