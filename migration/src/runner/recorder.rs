//! What a migration would send, found out without a database.

use std::collections::BTreeMap;

use entity::Engine;
use sea_orm::{DatabaseConnection, DbErr, MockDatabase, MockExecResult, Value};
use sea_orm_migration::{MigrationTrait, SchemaManager};
use sqlparser::{
    ast::{ObjectName, ObjectType, Statement},
    dialect::{Dialect, PostgreSqlDialect, SQLiteDialect},
    parser::Parser,
};

use crate::error::{Error, Result};

/// Which half of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Applying it.
    Up,
    /// Rolling it back.
    Down,
}

/// More statements than any migration sends; the recording connection answers each of them.
const ANSWERS: usize = 4096;

/// The statements that a migration sends on `engine`, in order. Every statement is answered with
/// "nothing found" or "nothing affected", and none reaches a database.
///
/// # Errors
///
/// If the migration itself returns an error.
pub async fn record(
    migration: &dyn MigrationTrait,
    engine: Engine,
    direction: Direction,
) -> Result<Vec<String>> {
    let connection: DatabaseConnection = MockDatabase::new(engine.backend())
        .append_exec_results(vec![MockExecResult::default(); ANSWERS])
        .append_query_results(vec![Vec::<BTreeMap<String, Value>>::new(); ANSWERS])
        .into_connection();
    let manager = SchemaManager::new(&connection);
    let outcome = match direction {
        Direction::Up => migration.up(&manager).await,
        Direction::Down => migration.down(&manager).await,
    };
    outcome.map_err(|source: DbErr| Error::Migration {
        name: migration.name().to_owned(),
        direction: if direction == Direction::Up { "up" } else { "down" },
        statement: None,
        source,
    })?;
    let log = connection.into_transaction_log();
    Ok(log.iter().flat_map(sea_orm::Transaction::statements).map(ToString::to_string).collect())
}

/// A table that a statement makes or unmakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TableChange {
    /// CREATE TABLE
    Created(String),
    /// DROP TABLE
    Dropped(String),
}

/// The tables that `statements` make and unmake, in order.
pub(super) fn tables_in(statements: &[String]) -> Vec<TableChange> {
    statements.iter().filter_map(|sql| parse(sql)).flatten().flat_map(tables).collect()
}

fn tables(statement: Statement) -> Vec<TableChange> {
    match statement {
        Statement::CreateTable(table) => vec![TableChange::Created(name(&table.name))],
        Statement::Drop { object_type: ObjectType::Table, names, .. } => {
            names.iter().map(|object| TableChange::Dropped(name(object))).collect()
        }
        _ => Vec::new(),
    }
}

/// A statement that neither dialect understands makes no table that we would know.
fn parse(sql: &str) -> Option<Vec<Statement>> {
    let dialects: [&dyn Dialect; 2] = [&PostgreSqlDialect {}, &SQLiteDialect {}];
    dialects.into_iter().find_map(|dialect| Parser::parse_sql(dialect, sql).ok())
}

fn name(object: &ObjectName) -> String {
    object
        .0
        .last()
        .and_then(|part| part.as_ident())
        .map_or_else(|| object.to_string(), |ident| ident.value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_in_statements() {
        let statements = [
            r#"CREATE TABLE "a" ( "id" uuid_text NOT NULL, CONSTRAINT "a_pkey" PRIMARY KEY ("id") )"#,
            r#"CREATE INDEX "i" ON "a" ("id")"#,
            r#"DROP TABLE IF EXISTS "b""#,
        ];
        let statements = statements.map(ToOwned::to_owned);
        assert_eq!(
            tables_in(&statements),
            [TableChange::Created("a".into()), TableChange::Dropped("b".into())]
        );
    }
}
