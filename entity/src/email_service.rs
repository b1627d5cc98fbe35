//! `email_services`: a tenant's connections to mail providers.

use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

/// Connection settings, which may hold credentials.
///
/// `Debug` shows that there is something, never what; [`Model`] leaves the field out when it is
/// serialised. The value itself is the public field, for the code that has to sign in with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Config(pub Json);

impl Default for Config {
    /// The empty object, as the column's default has it.
    fn default() -> Self {
        Self(Json::Object(serde_json::Map::new()))
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Config(<redacted>)")
    }
}

/// A row of `email_services`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "email_services")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The provider, at most 100 characters.
    #[sea_orm(column_type = "String(StringLen::N(100))", indexed)]
    pub provider: String,
    /// Connection settings; redacted in `Debug`, left out of serialised output.
    #[sea_orm(column_type = "JsonBinary", default_value = "{}")]
    #[serde(skip)]
    pub config: Config,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,

    /// The tenant's connections go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at]);

tenantry_entity::tenant_scoped!();
