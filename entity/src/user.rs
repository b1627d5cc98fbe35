//! `users`: people who sign in. Shared: one person may have seats in several tenants.
//!
//! Names and types are those of Nile's built-in table, which is adopted there and not created. Its
//! timestamps have no zone: the application writes UTC, and the database's default is the time of
//! the session's zone.

use sea_orm::{
    entity::prelude::*,
    sea_query::{ConditionalStatement, ExprTrait, Index, IndexCreateStatement},
};
use serde::{Deserialize, Serialize};

/// A row of `users`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Sign-in address, unique among users that are not deleted.
    #[sea_orm(column_type = "Text")]
    pub email: String,
    /// Full name as the person writes it.
    #[sea_orm(column_type = "Text", nullable)]
    pub name: Option<String>,
    /// Given name.
    #[sea_orm(column_type = "Text", nullable)]
    pub given_name: Option<String>,
    /// Family name.
    #[sea_orm(column_type = "Text", nullable)]
    pub family_name: Option<String>,
    /// URL of a portrait.
    #[sea_orm(column_type = "Text", nullable)]
    pub picture: Option<String>,
    /// When the address was confirmed, in UTC; unset until then.
    pub email_verified: Option<DateTime>,
    /// When the user signed up, in UTC.
    #[sea_orm(default_expr = "Expr::cust(\"LOCALTIMESTAMP\")")]
    pub created: DateTime,
    /// Last change of this row, in UTC.
    #[sea_orm(default_expr = "Expr::cust(\"LOCALTIMESTAMP\")")]
    pub updated: DateTime,
    /// When the user was deleted; the address is free again from then on.
    pub deleted: Option<DateTime>,

    /// Tenants in which the user has a seat.
    #[sea_orm(has_many, via = "team_member")]
    pub tenants: HasMany<super::tenant::Entity>,
    /// The seats themselves.
    #[sea_orm(has_many)]
    pub team_members: HasMany<super::team_member::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created], updated: updated);

impl tenantry_entity::Table for Entity {
    fn indexes() -> Vec<IndexCreateStatement> {
        vec![
            Index::create()
                .table(Entity)
                .col(Column::Email)
                .unique()
                .and_where(Expr::col(Column::Deleted).is_null())
                .take(),
        ]
    }
}
