//! Statements as they are, for what no other operation says: views, functions, triggers.

use sea_orm_migration::prelude::{DbErr, SchemaManager};
use tenantry_entity::Engine;

use super::{alter::execute, engine};

/// Sends a statement.
///
/// # Errors
///
/// If it fails.
pub async fn statement(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    execute(manager, sql.to_owned()).await
}

/// Sends a statement on engines that speak PostgreSQL's protocol, and does nothing on others.
///
/// # Errors
///
/// If it fails.
pub async fn statement_on_postgres(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    if engine(manager) == Engine::Sqlite { Ok(()) } else { statement(manager, sql).await }
}

/// Sends a statement on SQLite, and does nothing on others.
///
/// # Errors
///
/// If it fails.
pub async fn statement_on_sqlite(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    if engine(manager) == Engine::Sqlite { statement(manager, sql).await } else { Ok(()) }
}
