//! `templates`: mail texts that campaigns reuse.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `templates`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "templates")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name, at most 100 characters.
    #[sea_orm(column_type = "String(StringLen::N(100))", indexed)]
    pub name: String,
    /// Subject line with placeholders, at most 255 characters.
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub subject: String,
    /// Body with placeholders such as `{{first_name}}`.
    #[sea_orm(column_type = "Text")]
    pub content: String,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,
    /// Last change of this row.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,

    /// The tenant's templates go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at], updated: updated_at);

tenantry_entity::tenant_scoped!();
