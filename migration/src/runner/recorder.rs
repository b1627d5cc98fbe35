//! What a migration would send, found out without a database.

use std::collections::BTreeMap;

use entity::Engine;
use sea_orm::{DatabaseConnection, DbErr, MockDatabase, MockExecResult, Value};
use sea_orm_migration::{MigrationTrait, SchemaManager};
use sqlparser::{
    ast::{AlterTableOperation, ObjectName, ObjectType, RenameTableNameKind, Statement},
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
/// "no such thing" or "nothing affected", and none reaches a database.
///
/// # Errors
///
/// If the migration itself returns an error.
pub async fn record(
    migration: &dyn MigrationTrait,
    engine: Engine,
    direction: Direction,
) -> Result<Vec<String>> {
    // What SchemaManager's questions get for an answer: there is no such thing.
    let nothing: BTreeMap<String, Value> = ["has_table", "has_column", "has_index"]
        .map(|question| (question.to_owned(), Value::from(false)))
        .into();
    let connection: DatabaseConnection = MockDatabase::new(engine.backend())
        .append_exec_results(vec![MockExecResult::default(); ANSWERS])
        .append_query_results(vec![vec![nothing]; ANSWERS])
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

/// What a list of statements does to tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// Tables created, in order, also those that are dropped or renamed later.
    pub created: Vec<String>,
    /// Tables created that are there at the end, under the names they have then.
    pub left: Vec<String>,
    /// Tables dropped that these statements did not create, in order.
    pub drops: Vec<String>,
    /// Tables that lose a column.
    pub thins: Vec<String>,
    /// Statements whose effect cannot be told.
    pub unknown: Vec<String>,
}

impl Effect {
    /// Reads the effect off the statements.
    pub(super) fn of(statements: &[String]) -> Self {
        let mut effect = Self::default();
        for sql in statements {
            match parse(sql) {
                Some(parsed) => parsed.into_iter().for_each(|statement| effect.add(statement)),
                None => effect.unknown.push(format!("the unknown effect of `{sql}`")),
            }
        }
        effect
    }

    fn add(&mut self, statement: Statement) {
        match statement {
            Statement::CreateTable(table) => {
                let name = name(&table.name);
                self.created.push(name.clone());
                self.left.push(name);
            }
            Statement::Drop { object_type: ObjectType::Table, names, .. } => {
                for name in names.iter().map(name) {
                    if self.left.contains(&name) {
                        self.left.retain(|other| *other != name);
                    } else {
                        self.drops.push(name);
                    }
                }
            }
            Statement::AlterTable(alter) => {
                let table = name(&alter.name);
                for operation in alter.operations {
                    match operation {
                        AlterTableOperation::DropColumn { .. } => self.thins.push(table.clone()),
                        AlterTableOperation::RenameTable {
                            table_name: RenameTableNameKind::To(new) | RenameTableNameKind::As(new),
                        } => {
                            let new = name(&new);
                            for left in self.left.iter_mut().filter(|left| **left == table) {
                                left.clone_from(&new);
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// A statement in either dialect; `None` if neither understands it.
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

    fn effect(statements: &[&str]) -> Effect {
        Effect::of(&statements.iter().map(|sql| (*sql).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn tables_are_found_in_statements() {
        let found = effect(&[
            r#"CREATE TABLE "a" ( "id" uuid_text NOT NULL, CONSTRAINT "a_pkey" PRIMARY KEY ("id") )"#,
            r#"CREATE INDEX "i" ON "a" ("id")"#,
            r#"DROP TABLE IF EXISTS "b""#,
            r#"ALTER TABLE "c" DROP COLUMN "x""#,
        ]);
        assert_eq!(
            (found.left, found.drops, found.thins),
            (vec!["a".into()], vec!["b".into()], vec!["c".into()])
        );
        assert!(found.unknown.is_empty());
    }

    #[test]
    fn a_rebuilt_table_is_left_under_its_own_name() {
        let found = effect(&[
            r#"CREATE TABLE "t" ("id" int)"#,
            r#"CREATE TABLE "t_new" ("id" int)"#,
            r#"DROP TABLE "t""#,
            r#"ALTER TABLE "t_new" RENAME TO "t""#,
        ]);
        assert_eq!(found.left, ["t"]);
        assert!(found.drops.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(effect(&["FROBNICATE THE TABLES"]).unknown.len(), 1);
    }
}
