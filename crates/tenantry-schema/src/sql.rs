//! SQL as text: literals and names; and a database to try it in.

use std::sync::Arc;

use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use sqlparser::tokenizer::Location;
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

/// Where in a text the tokenizer finds things, in bytes.
pub(crate) struct Places<'t> {
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(after).collect() }
    }

    /// The place in bytes. The tokenizer counts lines and letters, from 1.
    pub(crate) fn byte(&self, at: Location) -> usize {
        let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        let line = self.lines.get(index(at.line)).copied().unwrap_or(self.text.len());
        let letters = self.text[line..].char_indices().map(|(at, _)| line + at);
        letters.chain([self.text.len()]).nth(index(at.column)).unwrap_or(self.text.len())
    }
}
