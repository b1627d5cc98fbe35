//! The table in which sea-orm-migration keeps what was applied: `seaql_migrations`.
//!
//! It stays as sea-orm-migration makes it, so that either program can go on from the other.

use std::time::{SystemTime, UNIX_EPOCH};

use entity::Engine;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Schema, Statement};
use sea_orm_migration::{MigrationTrait, seaql_migrations};
use serde::Serialize;

use crate::{
    db::quoted,
    error::{Error, explain, sqlstate},
};

/// A migration and what the database knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationState {
    /// The migration's name.
    pub name: String,
    /// What the database knows.
    pub state: State,
    /// When it was applied, in seconds since 1970-01-01 UTC.
    pub applied_at: Option<i64>,
}

/// What the database knows of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was applied.
    Applied,
    /// It was not applied yet.
    Pending,
    /// It was applied, and this program does not have it.
    Missing,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Missing => "missing",
        })
    }
}

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
        _ => {
            "SELECT c.relname::text AS name, c.relkind IN ('r', 'p') AS is_table \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter()
        .map(|row| {
            Ok(Relation { name: row.try_get("", "name")?, is_table: row.try_get("", "is_table")? })
        })
        .collect()
}

/// The applied migrations with their times, ordered by name; `None` if there is no table.
pub(super) async fn read<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    table: &str,
) -> Result<Option<Vec<(String, i64)>>, Error> {
    if !relations(db, engine).await?.iter().any(|relation| relation.name == table) {
        return Ok(None);
    }
    let sql = format!("SELECT version, applied_at FROM {} ORDER BY version", quoted(table));
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await;
    let read = rows.and_then(|rows| {
        let pair =
            |row: &QueryResult| Ok((row.try_get("", "version")?, row.try_get("", "applied_at")?));
        rows.iter().map(pair).collect::<Result<_, DbErr>>()
    });
    match read {
        Ok(applied) => Ok(Some(applied)),
        // undefined_column, SQLITE_ERROR, or a value of another type
        Err(error)
            if matches!(sqlstate(&error).as_deref(), Some("42703" | "1"))
                || matches!(error, DbErr::Type(_) | DbErr::TryIntoErr { .. })
                || (sqlstate(&error).is_none() && matches!(error, DbErr::Query(_))) =>
        {
            Err(Error::Unusable(format!(
                "the table {table} is not as sea-orm-migration makes it, so what is applied cannot \
                 be read: rename it, or mend it ({})",
                explain(&error)
            )))
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

/// Records a migration as applied now.
pub(super) async fn insert<C: ConnectionTrait>(
    db: &C,
    table: &str,
    name: &str,
) -> Result<(), DbErr> {
    // A clock before 1970 is wrong, but no reason to fail: the time is for people to read.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let sql = format!("INSERT INTO {} (version, applied_at) VALUES ($1, $2)", quoted(table));
    let values = [name.into(), i64::try_from(now).unwrap_or(i64::MAX).into()];
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// Records a migration as not applied.
pub(super) async fn delete<C: ConnectionTrait>(
    db: &C,
    table: &str,
    name: &str,
) -> Result<(), DbErr> {
    let sql = format!("DELETE FROM {} WHERE version = $1", quoted(table));
    let backend = db.get_database_backend();
    db.execute_raw(Statement::from_sql_and_values(backend, sql, [name.into()])).await?;
    Ok(())
}

/// Joins the migrations with what was applied.
pub(super) fn states(
    migrations: &[Box<dyn MigrationTrait>],
    applied: &[(String, i64)],
) -> Vec<MigrationState> {
    let known = migrations.iter().map(|migration| {
        let name = migration.name();
        let time = applied.iter().find(|(applied, _)| applied == name).map(|(_, time)| *time);
        MigrationState {
            name: name.to_owned(),
            state: if time.is_some() { State::Applied } else { State::Pending },
            applied_at: time,
        }
    });
    let missing = applied
        .iter()
        .filter(|(name, _)| !migrations.iter().any(|migration| migration.name() == name))
        .map(|(name, time)| MigrationState {
            name: name.clone(),
            state: State::Missing,
            applied_at: Some(*time),
        });
    known.chain(missing).collect()
}
