//! `tenants`: the customers, root of everything tenant-scoped.
//!
//! Names and types are those of Nile's built-in table, which is adopted there and not created. Its
//! timestamps have no zone: the application writes UTC, and the database's default is the time of
//! the session's zone.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `tenants`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "tenants")]
pub struct Model {
    /// Time-ordered (v7) id; the `tenant_id` of every tenant-scoped row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name, at most 100 characters.
    #[sea_orm(column_type = "String(StringLen::N(100))")]
    pub name: String,
    /// Name in URLs, unique among all tenants; at most 100 characters.
    #[sea_orm(column_type = "String(StringLen::N(100))", unique, nullable)]
    pub slug: Option<String>,
    /// When the tenant signed up, in UTC.
    #[sea_orm(default_expr = "Expr::cust(\"LOCALTIMESTAMP\")")]
    pub created: DateTime,
    /// Last change of this row, in UTC.
    #[sea_orm(default_expr = "Expr::cust(\"LOCALTIMESTAMP\")")]
    pub updated: DateTime,
    /// When the tenant was closed; its rows are kept.
    pub deleted: Option<DateTime>,

    /// Users with a seat in this tenant.
    #[sea_orm(has_many, via = "team_member")]
    pub users: HasMany<super::user::Entity>,
    /// Seats in this tenant.
    #[sea_orm(has_many)]
    pub team_members: HasMany<super::team_member::Entity>,
    /// The tenant's own customers.
    #[sea_orm(has_many)]
    pub companies: HasMany<super::company::Entity>,
    /// What the tenant paid.
    #[sea_orm(has_many)]
    pub payments: HasMany<super::payment::Entity>,
    /// Sending domains.
    #[sea_orm(has_many)]
    pub domains: HasMany<super::domain::Entity>,
    /// Settings of the tenant's companies.
    #[sea_orm(has_many)]
    pub company_settings: HasMany<super::company_settings::Entity>,
    /// Mailboxes that send.
    #[sea_orm(has_many)]
    pub email_accounts: HasMany<super::email_account::Entity>,
    /// People to write to.
    #[sea_orm(has_many)]
    pub leads: HasMany<super::lead::Entity>,
    /// Outbound sequences.
    #[sea_orm(has_many)]
    pub campaigns: HasMany<super::campaign::Entity>,
    /// Reusable mail texts.
    #[sea_orm(has_many)]
    pub templates: HasMany<super::template::Entity>,
    /// Received mail.
    #[sea_orm(has_many)]
    pub inbox_messages: HasMany<super::inbox_message::Entity>,
    /// Connected mail providers.
    #[sea_orm(has_many)]
    pub email_services: HasMany<super::email_service::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created], updated: updated);

