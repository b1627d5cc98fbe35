//! `team_members`: a user's seat in a tenant.
//!
//! Name and address are kept here as well as in `users`, because a tenant's scope cannot read
//! `users`.

use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

tenantry_entity::text_enum! {
    /// What a member may do.
    pub enum Role {
        /// Everything, including billing and closing the tenant.
        Owner,
        /// Everything except billing.
        Admin,
        /// Daily work.
        Member,
        /// Looking, not changing.
        Viewer,
    }
}

tenantry_entity::text_enum! {
    /// Whether a seat is in use.
    #[derive(Default)]
    pub enum Status {
        /// In use.
        #[default]
        Active,
        /// Switched off; kept because payments refer to it.
        Inactive,
        /// Invited, not yet accepted.
        Pending,
    }
}

/// Permissions granted beyond the role, kept as a JSON list of strings.
///
/// A newtype, since SeaORM would make a PostgreSQL array of a bare `Vec`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Permissions(pub Vec<String>);

/// A row of `team_members`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "team_members")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false, unique_key = "tenant_user_id")]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The person; at most one seat in each tenant.
    #[sea_orm(unique_key = "tenant_user_id")]
    pub user_id: Uuid,
    /// Address within this tenant, at most 255 characters.
    #[sea_orm(column_type = "String(StringLen::N(255))", indexed)]
    pub email: String,
    /// Name within this tenant, at most 200 characters.
    #[sea_orm(column_type = "String(StringLen::N(200))")]
    pub name: String,
    /// What the member may do.
    #[sea_orm(indexed, extra = "CHECK (role IN ('owner', 'admin', 'member', 'viewer'))")]
    pub role: Role,
    /// Whether the seat is in use.
    #[sea_orm(
        indexed,
        default_value = "active",
        extra = "CHECK (status IN ('active', 'inactive', 'pending'))"
    )]
    pub status: Status,
    /// URL of a portrait.
    #[sea_orm(column_type = "Text", nullable)]
    pub avatar: Option<String>,
    /// When the seat was taken.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub joined_at: DateTimeUtc,
    /// Last request made from this seat.
    pub last_active_at: Option<DateTimeUtc>,
    /// Permissions beyond the role.
    #[sea_orm(column_type = "JsonBinary", default_value = "[]")]
    pub permissions: Permissions,
    /// Whether the member signs in with a second factor.
    #[sea_orm(default_value = false)]
    pub two_factor_enabled: bool,
    /// What the application wants to remember of this seat.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub metadata: Option<Json>,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub created_at: DateTimeUtc,
    /// Last change of this row.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,

    /// The tenant's seats go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// A person's seats go with the person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
    /// Payments made from this seat.
    #[sea_orm(has_many)]
    pub payments: HasMany<super::payment::Entity>,
}

tenantry_entity::active_model_behavior!(created: [joined_at, created_at], updated: updated_at);

tenantry_entity::tenant_scoped!();
