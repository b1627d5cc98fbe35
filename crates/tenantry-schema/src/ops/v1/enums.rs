//! Enum types of the database, and columns whose values SQLite keeps as text, since it does not have the type.
//!
//! <https://www.postgresql.org/docs/15/sql-altertype.html>

use sea_orm_migration::prelude::{ColumnDef, ColumnType, DbErr, SchemaManager};
use tenantry_entity::Engine;

use super::{alter::execute, engine};
use crate::sql::{literal, quoted};

/// Creates an enum type with these values, in their order.
///
/// # Errors
///
/// If the statement fails.
pub async fn create_enum(
    manager: &SchemaManager<'_>,
    name: &str,
    values: &[&str],
) -> Result<(), DbErr> {
    run(manager, create_enum_sql(name, values)).await
}

/// The SQL behind [`create_enum`].
#[must_use]
pub fn create_enum_sql(name: &str, values: &[impl AsRef<str>]) -> String {
    let values: Vec<String> = values.iter().map(|value| literal(value.as_ref())).collect();
    format!("CREATE TYPE {} AS ENUM ({})", quoted(name), values.join(", "))
}

/// Drops an enum type, which no column may have.
///
/// # Errors
///
/// If the statement fails.
pub async fn drop_enum(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    run(manager, format!("DROP TYPE {}", quoted(name))).await
}

/// Gives an enum type another name. Its columns keep it.
///
/// # Errors
///
/// If the statement fails.
pub async fn rename_enum(manager: &SchemaManager<'_>, from: &str, to: &str) -> Result<(), DbErr> {
    run(manager, format!("ALTER TYPE {} RENAME TO {}", quoted(from), quoted(to))).await
}

/// Adds a value after all others. It cannot be used before the transaction is committed.
///
/// # Errors
///
/// If the statement fails.
pub async fn add_enum_value(
    manager: &SchemaManager<'_>,
    name: &str,
    value: &str,
) -> Result<(), DbErr> {
    run(manager, format!("ALTER TYPE {} ADD VALUE {}", quoted(name), literal(value))).await
}

/// Adds a value before another one. It cannot be used before the transaction is committed.
///
/// # Errors
///
/// If the statement fails.
pub async fn add_enum_value_before(
    manager: &SchemaManager<'_>,
    name: &str,
    value: &str,
    other: &str,
) -> Result<(), DbErr> {
    let (name, value, other) = (quoted(name), literal(value), literal(other));
    run(manager, format!("ALTER TYPE {name} ADD VALUE {value} BEFORE {other}")).await
}

/// A column whose values are those of an enum type.
#[must_use]
pub fn enum_column(manager: &SchemaManager<'_>, column: &str, name: &str) -> ColumnDef {
    column_of(manager, column, quoted(name))
}

/// A column of lists of such values.
#[must_use]
pub fn enum_array_column(manager: &SchemaManager<'_>, column: &str, name: &str) -> ColumnDef {
    column_of(manager, column, format!("{}[]", quoted(name)))
}

/// A column of any other type whose values SQLite keeps as text.
#[must_use]
pub fn custom_or_text(manager: &SchemaManager<'_>, column: &str, ty: &str) -> ColumnDef {
    column_of(manager, column, ty.to_owned())
}

fn column_of(manager: &SchemaManager<'_>, column: &str, ty: String) -> ColumnDef {
    let ty =
        if engine(manager) == Engine::Sqlite { ColumnType::Text } else { ColumnType::custom(ty) };
    ColumnDef::new_with_type(column.to_owned(), ty)
}

async fn run(manager: &SchemaManager<'_>, sql: String) -> Result<(), DbErr> {
    if engine(manager) == Engine::Sqlite { Ok(()) } else { execute(manager, sql).await }
}
