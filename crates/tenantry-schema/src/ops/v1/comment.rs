//! What is said of tables and columns in the database, where the engine keeps it.

use sea_orm_migration::prelude::{DbErr, SchemaManager};

use super::{alter::execute, engine};
use crate::sql::{literal, quoted, quoted_table};

/// Says something of a table; `None` takes back what was said.
///
/// # Errors
///
/// If the statement fails.
pub async fn comment_on_table(
    manager: &SchemaManager<'_>,
    table: &str,
    text: Option<&str>,
) -> Result<(), DbErr> {
    comment(manager, table, None, text).await
}

/// Says something of a column; `None` takes back what was said.
///
/// # Errors
///
/// If the statement fails.
pub async fn comment_on_column(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
    text: Option<&str>,
) -> Result<(), DbErr> {
    comment(manager, table, Some(column), text).await
}

async fn comment(
    manager: &SchemaManager<'_>,
    table: &str,
    column: Option<&str>,
    text: Option<&str>,
) -> Result<(), DbErr> {
    if !engine(manager).capability().comments {
        return Ok(());
    }
    execute(manager, comment_sql(table, column, text)).await
}

/// How the statement begins.
pub const COMMENT_ON: &str = "COMMENT ON ";

/// The statement that says something of a table or a column.
#[must_use]
pub fn comment_sql(table: &str, column: Option<&str>, text: Option<&str>) -> String {
    let place = match column {
        Some(column) => format!("COLUMN {}.{}", quoted_table(table), quoted(column)),
        None => format!("TABLE {}", quoted_table(table)),
    };
    let text = text.map_or_else(|| "NULL".to_owned(), literal);
    format!("{COMMENT_ON}{place} IS {text}")
}
