//! SQL as text: literals and names; and a database to try it in.

use std::sync::Arc;

use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
pub use tenantry_entity::sql::{literal, quoted};

/// An SQLite database in memory, gone when it is closed. It enforces no foreign key: what is tried
/// in it is schema, in any order.
///
/// # Errors
///
/// If SQLite cannot be started.
pub async fn in_memory() -> Result<DatabaseConnection, DbErr> {
    in_memory_with(false).await
}

/// The same, which enforces foreign keys if `foreign_keys` says so.
///
/// # Errors
///
/// If SQLite cannot be started.
pub async fn in_memory_with(foreign_keys: bool) -> Result<DatabaseConnection, DbErr> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(SqliteConnectOptions::new().in_memory(true).foreign_keys(foreign_keys))
        .await
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))?;
    Ok(DatabaseConnection::from(pool))
}
