//! The table in which sea-orm-migration keeps what was applied: `seaql_migrations`.
//!
//! It stays as sea-orm-migration makes it, so that either program can go on from the other.

use sea_orm::{
    ConnectionTrait, DbErr, QueryResult, Schema, Statement,
    sea_query::{Expr, ExprTrait as _, Query},
};
use sea_orm_migration::seaql_migrations;
use tenantry_entity::Engine;

use crate::{
    db::quoted,
    error::{Error, explain, sqlstate},
    sql::{LISTED, is_ours, name_in_model},
};

/// Something that has a table's name.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub name: String,
    /// Whether it is a table, and not a view or the like.
    pub is_table: bool,
}

/// All tables and views in the schema that unqualified names belong to.
pub(super) async fn relations<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
) -> Result<Vec<Relation>, DbErr> {
    let sql = match engine {
        Engine::Sqlite => {
            "SELECT name, type = 'table' AS is_table FROM sqlite_schema \
             WHERE type IN ('table', 'view')"
        }
        _ => &format!(
            "SELECT {} AS name, c.relkind IN ('r', 'p') AS is_table FROM pg_class c \
                 WHERE {} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                 UNION SELECT c.relname::text, c.relkind IN ('r', 'p') FROM pg_class c \
                 WHERE current_schema() = ANY ({LISTED}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                 AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())",
            name_in_model("c"),
            is_ours("c.relnamespace")
        ),
    };
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter()
        .map(|row| {
            Ok(Relation { name: row.try_get("", "name")?, is_table: row.try_get("", "is_table")? })
        })
        .collect()
}

/// The indexes in the current schema, each with whether the server uses it: one whose making was
/// interrupted is there, but not used.
pub(super) async fn indexes<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
) -> Result<Vec<(String, bool)>, DbErr> {
    let sql = match engine {
        Engine::Sqlite => "SELECT name, 1 = 1 AS valid FROM sqlite_schema WHERE type = 'index'",
        _ => &format!(
            "SELECT {} AS name, i.indisvalid AS valid FROM pg_index i \
                 JOIN pg_class c ON c.oid = i.indexrelid WHERE {}",
            name_in_model("c"),
            is_ours("c.relnamespace")
        ),
    };
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get("", "valid")?))).collect()
}

/// The applied migrations with their times, ordered by name, from the table, which is there.
pub(super) async fn read<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    table: &str,
) -> Result<Vec<(String, i64)>, Error> {
    let sql = format!("SELECT version, applied_at FROM {} ORDER BY version", quoted(table));
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await;
    let read = rows.and_then(|rows| {
        let pair =
            |row: &QueryResult| Ok((row.try_get("", "version")?, row.try_get("", "applied_at")?));
        rows.iter().map(pair).collect::<Result<_, DbErr>>()
    });
    match read {
        Ok(applied) => Ok(applied),
        // undefined_column, SQLITE_ERROR, or a value of another type
        Err(error)
            if matches!(sqlstate(&error).as_deref(), Some("42703" | "1"))
                || matches!(error, DbErr::Type(_) | DbErr::TryIntoErr { .. })
                || (sqlstate(&error).is_none() && matches!(error, DbErr::Query(_))) =>
        {
            Err(Error::unusable(
                "bookkeeping-altered",
                format!(
                    "the table {table} is not as sea-orm-migration makes it, so what is applied cannot \
                 be read: rename it, or mend it ({})",
                    explain(&error)
                ),
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// Creates the table unless it exists.
pub(super) async fn create<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    table: &str,
) -> Result<(), DbErr> {
    let mut stmt = Schema::new(engine.backend()).create_table_from_entity(seaql_migrations::Entity);
    stmt.table(table.to_owned()).if_not_exists();
    db.execute(&stmt).await?;
    Ok(())
}

/// Records migrations as applied now; gives the time, in seconds since 1970-01-01 UTC.
pub(super) async fn insert<C: ConnectionTrait>(
    db: &C,
    table: &str,
    names: &[&str],
) -> Result<i64, Error> {
    let now = chrono::Utc::now().timestamp();
    if names.is_empty() {
        return Ok(now);
    }
    let mut insert = Query::insert();
    insert.into_table(table.to_owned()).columns(["version", "applied_at"]);
    for name in names {
        insert.values_panic([(*name).into(), now.into()]);
    }
    changed(table, db.execute(&insert).await?.rows_affected(), names)?;
    Ok(now)
}

/// Records migrations as not applied.
pub(super) async fn delete<C: ConnectionTrait>(
    db: &C,
    table: &str,
    names: &[&str],
) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let mut delete = Query::delete();
    delete
        .from_table(table.to_owned())
        .and_where(Expr::col("version").is_in(names.iter().copied()));
    changed(table, db.execute(&delete).await?.rows_affected(), names)
}

/// Fails unless a row was changed for each name, and not none for a rule or a trigger's sake.
fn changed(table: &str, rows: u64, names: &[&str]) -> Result<(), Error> {
    if rows == names.len() as u64 {
        return Ok(());
    }
    Err(Error::unusable(
        "bookkeeping-altered",
        format!(
            "the table {table} does not keep what is recorded in it: is there a trigger or a rule on it?"
        ),
    ))
}

/// What tells this database from every other.
pub(super) async fn identity<C: ConnectionTrait>(tx: &C, engine: Engine) -> Result<String, DbErr> {
    let sql = match engine {
        Engine::Sqlite => "SELECT file AS identity FROM pragma_database_list WHERE name = 'main'",
        _ => {
            "SELECT d.oid::text || '/' || d.datname || '/' || current_schema() AS identity \
             FROM pg_database d WHERE d.datname = current_database()"
        }
    };
    let row = tx.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    row.map_or_else(|| Ok(String::new()), |row| row.try_get("", "identity"))
}
