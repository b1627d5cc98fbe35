//! SQL as text: literals and names; and a database to try it in.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sea_query::{Alias, IntoTableRef as _, TableRef},
    sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use sqlparser::tokenizer::Location;
pub use tenantry_entity::sql::{beside, joined, literal, parts, quoted, quoted_table};

/// The setting of a session that lists the schemas that entities name by `schema_name`, as an array of PostgreSQL.
pub const SCHEMAS: &str = "tenantry.schemas";

/// SQL for the schemas of [`SCHEMAS`]; NULL where there are none. A query by itself would be a list of rows to `ANY`.
pub const LISTED: &str = "(SELECT nullif(current_setting('tenantry.schemas', true), ''))::text[]";

/// SQL that is true for the schema that unqualified names are created in and for those of [`SCHEMAS`]; `namespace` is
/// its oid.
#[must_use]
pub fn is_ours(namespace: &str) -> String {
    format!(
        "({namespace} = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
         OR {namespace} = ANY (ARRAY(SELECT oid FROM pg_namespace WHERE nspname = ANY ({LISTED}))))"
    )
}

/// SQL for the name that a relation of [`is_ours`] has in the model; `relation` is a row of `pg_class`.
#[must_use]
pub fn name_in_model(relation: &str) -> String {
    let part = |name: &str| {
        format!(
            "CASE WHEN strpos({name}, '.') + strpos({name}, '\"') > 0 THEN quote_ident({name}) ELSE {name}::text END"
        )
    };
    let (schema, table) = (part("s.nspname"), part(&format!("{relation}.relname")));
    format!(
        "(CASE WHEN {LISTED} IS NULL THEN {table} ELSE coalesce((SELECT {schema} || '.' FROM pg_namespace s \
         WHERE s.oid = {relation}.relnamespace AND s.nspname = ANY ({LISTED})), '') || {table} END)"
    )
}

/// SQL that is true for the relation of that name in the model; `relation` is a row of `pg_class`.
#[must_use]
pub fn is_table(relation: &str, name: &str) -> String {
    is_one_of(relation, [name])
}

/// The same of several names.
#[must_use]
pub fn is_one_of<'n>(relation: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let mut by_schema: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for name in names {
        let (schema, table) = parts(name);
        by_schema.entry(schema.map(Cow::into_owned)).or_default().push(literal(&table));
    }
    let of = |(schema, tables): (Option<String>, Vec<String>)| {
        let schema = schema.map_or_else(|| "current_schema()".to_owned(), |name| literal(&name));
        format!(
            "{relation}.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema}) \
             AND {relation}.relname IN ({})",
            tables.join(", ")
        )
    };
    let all: Vec<String> = by_schema.into_iter().map(of).collect();
    if all.is_empty() { "false".to_owned() } else { format!("({})", all.join(" OR ")) }
}

/// SQL that sets [`SCHEMAS`] to these, as the end of a SET.
#[must_use]
pub fn set_schemas<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names
        .into_iter()
        .map(|name| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("{SCHEMAS} = {}", literal(&format!("{{{}}}", names.join(","))))
}

/// A table in SeaQuery's words.
#[must_use]
pub fn table_ref(name: &str) -> TableRef {
    match parts(name) {
        (None, table) => Alias::new(table).into_table_ref(),
        (Some(schema), table) => (Alias::new(schema), Alias::new(table)).into_table_ref(),
    }
}

/// The name of a table that SeaQuery's words mean.
#[must_use]
pub fn named_by(table: &TableRef) -> Option<String> {
    let TableRef::Table(name, _) = table else { return None };
    let schema = name.0.as_ref().map(|schema| schema.1.to_string());
    Some(joined(schema.as_deref(), &name.1.to_string()).into_owned())
}

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
