//! Schemas of the database in which tables are whose entities say `schema_name`.
//!
//! <https://www.postgresql.org/docs/15/ddl-schemas.html>

use sea_orm_migration::prelude::{DbErr, SchemaManager};
use tenantry_entity::Engine;

use super::{access::application_role, alter::execute, engine};
use crate::sql::{literal, quoted};

/// How the statements begin: what they do depends on what is there.
pub const SCHEMA_BEGINS: &str = "DO $schema$";

/// Creates a schema of the database, unless it is there.
///
/// # Errors
///
/// If the statement fails.
pub async fn create_schema(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    run(manager, create_schema_sql(name)).await
}

/// The SQL behind [`create_schema`]. `IF NOT EXISTS` would ask for the right to create one even where it is there.
#[must_use]
pub fn create_schema_sql(name: &str) -> String {
    let (name, text) = (quoted(name), literal(&quoted(name)));
    format!(
        "{SCHEMA_BEGINS} BEGIN IF to_regnamespace({text}) IS NULL THEN CREATE SCHEMA {name}; END IF; END $schema$"
    )
}

/// Lets the application role use what it may use of a schema.
///
/// # Errors
///
/// If the statement fails.
pub async fn grant_usage(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    let role = application_role(manager).await?;
    if !role.exists || !engine(manager).capability().row_level_security {
        return Ok(());
    }
    run(manager, format!("GRANT USAGE ON SCHEMA {} TO {}", quoted(name), quoted(&role.name))).await
}

/// Drops a schema of the database, unless something is in it, or it belongs to another role.
///
/// # Errors
///
/// If the statement fails.
pub async fn drop_schema(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    let sql = format!(
        "{SCHEMA_BEGINS} BEGIN DROP SCHEMA IF EXISTS {}; \
         EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL; END $schema$",
        quoted(name)
    );
    run(manager, sql).await
}

/// The schemas that these statements create.
#[must_use]
pub fn created_schemas(statements: &[String]) -> Vec<String> {
    let after = |sql: &String| {
        let (_, rest) = sql.strip_prefix(SCHEMA_BEGINS)?.split_once(" CREATE SCHEMA \"")?;
        let (name, _) = rest.split_once("\"; END IF")?;
        Some(name.replace("\"\"", "\""))
    };
    let mut names: Vec<String> = statements.iter().filter_map(after).collect();
    names.sort();
    names.dedup();
    names
}

async fn run(manager: &SchemaManager<'_>, sql: String) -> Result<(), DbErr> {
    if engine(manager) == Engine::Sqlite { Ok(()) } else { execute(manager, sql).await }
}
