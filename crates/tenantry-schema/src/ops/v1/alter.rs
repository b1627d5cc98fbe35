//! Altering a table: statements where the engine can, a rebuild where it cannot.

use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::prelude::{
    ColumnDef, ColumnType, DbErr, Expr, ForeignKeyCreateStatement, IndexCreateStatement,
    IntoColumnDef, IntoIden, PostgresQueryBuilder, SchemaManager, Table,
};
use sqlparser::{ast, dialect::PostgreSqlDialect, parser::Parser};
use tenantry_entity::Engine;

use super::{Rebuild, create_index, engine, has_collation};
use crate::sql::{beside, literal, parts, quoted, quoted_table, table_ref};

/// Alters the table `table`; see [`AlterTable`].
pub fn alter_table(table: &str) -> AlterTable {
    AlterTable { table: table.to_owned(), steps: Vec::new(), rebuild: None }
}

/// What an `ALTER TABLE` does, step by step, and the [`Rebuild`] that does the same on SQLite.
///
/// Steps that follow each other become one statement, so that the table is read and written once.
/// Where SQLite has nothing to do, because it does not tell the types apart, say, there is no
/// rebuild.
#[must_use = "nothing happens before `run`"]
#[derive(Debug)]
pub struct AlterTable {
    table: String,
    steps: Vec<AlterStep>,
    rebuild: Option<Rebuild>,
}

#[derive(Debug)]
enum AlterStep {
    /// A part of an ALTER TABLE.
    Alter(String),
    /// The same, left out where no tenant-scoped table may refer to a shared one.
    KeyToShared(String),
    /// `DROP CONSTRAINT`, of one that may have been left out.
    DropConstraint(String),
    /// `ALTER COLUMN … DROP DEFAULT`, which not every engine has.
    DropDefault(String),
    /// `RENAME CONSTRAINT` from one name to another, which not every engine has.
    RenameConstraint(String, String),
    /// A statement of its own.
    Alone(String),
    /// Nothing, unless rows need a value in a column: in a new one, or where they have NULL.
    ValueNeeded { column: String, is_new: bool },
}

impl AlterTable {
    /// Adds a column.
    pub fn add_column(self, column: impl IntoColumnDef) -> Self {
        self.alter(format!("ADD COLUMN {}", column_text(column.into_column_def())))
    }

    /// Drops a column, by a statement of its own: what other steps of one statement make of its
    /// values, they could not read any more.
    pub fn drop_column(mut self, column: &str) -> Self {
        let sql =
            format!("ALTER TABLE {} DROP COLUMN {}", quoted_table(&self.table), quoted(column));
        self.steps.push(AlterStep::Alone(sql));
        self
    }

    /// Gives the rows that have NULL in `column` a value, as SQL over the row.
    pub fn fill(mut self, column: &str, value: &str) -> Self {
        let (table, column) = (quoted_table(&self.table), quoted(column));
        let sql = format!("UPDATE {table} SET {column} = ({value}) WHERE {column} IS NULL");
        self.steps.push(AlterStep::Alone(sql));
        self
    }

    /// Fails if rows have NULL in `column`, since the migration does not say which value they get. Stands where a
    /// [`fill`](Self::fill) belongs.
    pub fn value_needed(mut self, column: &str) -> Self {
        self.steps.push(AlterStep::ValueNeeded { column: column.to_owned(), is_new: false });
        self
    }

    /// Fails if there are rows, which would need a value in the new `column`. Stands where a
    /// [`fill`](Self::fill) belongs.
    pub fn value_needed_in_new(mut self, column: &str) -> Self {
        self.steps.push(AlterStep::ValueNeeded { column: column.to_owned(), is_new: true });
        self
    }

    /// Changes a column's type. A value that does not fit makes the migration fail.
    pub fn set_type(self, column: &str, ty: ColumnType) -> Self {
        let (column, ty) = (quoted(column), type_text(ty));
        self.alter(format!("ALTER COLUMN {column} TYPE {ty}"))
    }

    /// Changes a column's type, and its values to what `value`, as SQL over the row, makes of them.
    pub fn set_type_using(self, column: &str, ty: ColumnType, value: &str) -> Self {
        let (column, ty) = (quoted(column), type_text(ty));
        self.alter(format!("ALTER COLUMN {column} TYPE {ty} USING ({value})"))
    }

    /// Changes a column's collation; `None` is the one of its type.
    pub fn set_collation(self, column: &str, ty: ColumnType, collation: Option<&str>) -> Self {
        let (column, ty) = (quoted(column), type_text(ty));
        let collation = quoted(collation.unwrap_or("default"));
        self.alter(format!("ALTER COLUMN {column} TYPE {ty} COLLATE {collation}"))
    }

    /// Changes a column's type and collation, and its values to what `value`, as SQL over the row, makes of them.
    pub fn set_collation_using(
        self,
        column: &str,
        ty: ColumnType,
        collation: &str,
        value: &str,
    ) -> Self {
        let (column, ty, collation) = (quoted(column), type_text(ty), quoted(collation));
        self.alter(format!("ALTER COLUMN {column} TYPE {ty} COLLATE {collation} USING ({value})"))
    }

    /// Keeps the values of a generated column, which become its own. A statement of its own, after which they may
    /// become another type's.
    pub fn drop_expression(mut self, column: &str) -> Self {
        let (table, column) = (quoted_table(&self.table), quoted(column));
        let sql = format!("ALTER TABLE {table} ALTER COLUMN {column} DROP EXPRESSION");
        self.steps.push(AlterStep::Alone(sql));
        self
    }

    /// Refuses NULL from now on. Fails where there is one.
    pub fn set_not_null(self, column: &str) -> Self {
        self.alter(format!("ALTER COLUMN {} SET NOT NULL", quoted(column)))
    }

    /// Takes NULL from now on.
    pub fn drop_not_null(self, column: &str) -> Self {
        self.alter(format!("ALTER COLUMN {} DROP NOT NULL", quoted(column)))
    }

    /// Sets what new rows get that name no value; those that exist stay as they are.
    pub fn set_default(self, column: &str, value: impl Into<Expr>) -> Self {
        let mut def = ColumnDef::new(column.to_owned());
        let text = column_text(def.default(value).to_owned());
        let value = text.split_once(" DEFAULT ").map_or("", |(_, value)| value);
        self.alter(format!("ALTER COLUMN {} SET DEFAULT {value}", quoted(column)))
    }

    /// New rows that name no value get NULL.
    pub fn drop_default(mut self, column: &str) -> Self {
        self.steps.push(AlterStep::DropDefault(quoted(column)));
        self
    }

    /// Lets the database give each new row the next number in the column, after those that are there.
    pub fn add_identity(mut self, name: &str) -> Self {
        let (table, column) = (quoted_table(&self.table), quoted(name));
        let begin = format!("ALTER TABLE {table} ALTER COLUMN {column}");
        let sequence = format!("pg_get_serial_sequence({}, {})", literal(&table), literal(name));
        for sql in [
            format!("{begin} ADD GENERATED BY DEFAULT AS IDENTITY"),
            format!(
                "SELECT setval({sequence}, max({column})) FROM {table} HAVING max({column}) > 0"
            ),
        ] {
            self.steps.push(AlterStep::Alone(sql));
        }
        self
    }

    /// New rows have to name a number in `column` from now on. It may be an identity column, or a `serial` one.
    pub fn drop_identity(mut self, column: &str) -> Self {
        let (table, quoted) = (quoted_table(&self.table), quoted(column));
        let sql = format!("ALTER TABLE {table} ALTER COLUMN {quoted} DROP IDENTITY IF EXISTS");
        self.steps.push(AlterStep::Alone(sql));
        self.drop_default(column)
    }

    /// Adds a primary key.
    pub fn add_primary_key(self, name: &str, columns: &[&str]) -> Self {
        let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let (name, columns) = (quoted(name), columns.join(", "));
        self.alter(format!("ADD CONSTRAINT {name} PRIMARY KEY ({columns})"))
    }

    /// Adds a check. Fails where a row breaks it.
    pub fn add_check(self, name: &str, condition: &str) -> Self {
        self.alter(format!("ADD CONSTRAINT {} CHECK ({condition})", quoted(name)))
    }

    /// Adds a foreign key. Fails where a row refers to nothing.
    pub fn add_foreign_key(self, key: &ForeignKeyCreateStatement) -> Self {
        let action = self.foreign_key_action(key);
        self.alter(action)
    }

    /// Adds a foreign key of a tenant-scoped table to a shared one, where the engine has such keys.
    pub fn add_foreign_key_to_shared(mut self, key: &ForeignKeyCreateStatement) -> Self {
        let action = self.foreign_key_action(key);
        self.steps.push(AlterStep::KeyToShared(action));
        self
    }

    fn foreign_key_action(&self, key: &ForeignKeyCreateStatement) -> String {
        let sql = key.to_string(PostgresQueryBuilder);
        let prefix = format!("ALTER TABLE {} ", quoted_table(&self.table));
        sql.strip_prefix(&prefix).unwrap_or(&sql).to_owned()
    }

    /// Drops a key or a check by its name.
    pub fn drop_constraint(mut self, name: &str) -> Self {
        self.steps.push(AlterStep::DropConstraint(quoted(name)));
        self
    }

    /// Gives a key or a check another name.
    pub fn rename_constraint(mut self, from: &str, to: &str) -> Self {
        self.steps.push(AlterStep::RenameConstraint(from.to_owned(), to.to_owned()));
        self
    }

    /// What SQLite does instead of all these steps.
    pub fn rebuild(mut self, rebuild: Rebuild) -> Self {
        self.rebuild = Some(rebuild);
        self
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// If a statement fails, or if a row does not fit what the table becomes. Nothing is undone:
    /// that is the runner's part, in whose transaction this runs.
    pub async fn run(self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let capability = engine(manager).capability();
        for step in &self.steps {
            if let AlterStep::ValueNeeded { column, is_new } = step {
                self.check_value(manager, column, *is_new).await?;
            }
        }
        if capability.rebuilds_tables {
            return match self.rebuild {
                Some(rebuild) => rebuild.run(manager, &self.table).await,
                None => Ok(()),
            };
        }
        // Citus lets no constraint come with anything else.
        let together = !capability.distributes_tables;
        let mut actions: Vec<String> = Vec::new();
        for step in self.steps {
            match step {
                AlterStep::Alter(action) => actions.push(action),
                AlterStep::KeyToShared(action) if capability.foreign_keys_to_shared => {
                    actions.push(action);
                }
                AlterStep::KeyToShared(_) | AlterStep::ValueNeeded { .. } => {}
                AlterStep::DropConstraint(name) => {
                    let sure = capability.foreign_keys_to_shared;
                    let if_exists = if sure { "" } else { "IF EXISTS " };
                    actions.push(format!("DROP CONSTRAINT {if_exists}{name}"));
                }
                AlterStep::DropDefault(column) => {
                    // PostgreSQL keeps nothing of a default that is NULL.
                    let what =
                        if capability.drop_default { "DROP DEFAULT" } else { "SET DEFAULT NULL" };
                    actions.push(format!("ALTER COLUMN {column} {what}"));
                }
                AlterStep::RenameConstraint(from, to) => {
                    alter(manager, &self.table, &mut actions, together).await?;
                    let rename = if capability.distributes_tables {
                        rename_on_nodes(manager, &self.table, &from, &to).await?
                    } else {
                        vec![rename_sql(&self.table, &from, &to)]
                    };
                    for sql in rename {
                        execute(manager, sql).await?;
                    }
                }
                AlterStep::Alone(sql) => {
                    alter(manager, &self.table, &mut actions, together).await?;
                    execute(manager, sql).await?;
                }
            }
        }
        alter(manager, &self.table, &mut actions, together).await
    }

    async fn check_value(
        &self,
        manager: &SchemaManager<'_>,
        column: &str,
        is_new: bool,
    ) -> Result<(), DbErr> {
        let said = quoted(&format!("{VALUE_NEEDED}{column}"));
        let only =
            if is_new { String::new() } else { format!(" WHERE {} IS NULL", quoted(column)) };
        let sql = format!("SELECT count(*) AS {said} FROM {}{only}", quoted_table(&self.table));
        let stmt = Statement::from_string(manager.get_database_backend(), sql);
        let row = manager.get_connection().query_one_raw(stmt).await?;
        // A recording connection answers with something else.
        match row.map_or(0, |row| row.try_get_by_index(0).unwrap_or(0i64)) {
            0 => Ok(()),
            rows => Err(DbErr::Migration(value_needed(rows, &self.table, column))),
        }
    }

    fn alter(mut self, action: String) -> Self {
        self.steps.push(AlterStep::Alter(action));
        self
    }
}

/// What the count is called of rows that need a value, before the column: the runner recognises the question
/// by it.
pub const VALUE_NEEDED: &str = "value needed in ";

/// The error where rows need a value and the migration gives none.
fn value_needed(rows: i64, table: &str, column: &str) -> String {
    let rows = if rows == 1 { "1 row needs".to_owned() } else { format!("{rows} rows need") };
    format!("{rows} a value in {table}.{column}: write it where the file says BACKFILL")
}

fn rename_sql(table: &str, from: &str, to: &str) -> String {
    format!(
        "ALTER TABLE {} RENAME CONSTRAINT {} TO {}",
        quoted_table(table),
        quoted(from),
        quoted(to)
    )
}

/// Citus renames no constraint of a distributed table: a key goes by its index, another constraint is made
/// again under the other name.
async fn rename_on_nodes(
    manager: &SchemaManager<'_>,
    table: &str,
    from: &str,
    to: &str,
) -> Result<Vec<String>, DbErr> {
    let sql = format!(
        "SELECT contype::text AS kind, pg_get_constraintdef(oid) AS definition FROM pg_constraint \
         WHERE conrelid = to_regclass({}) AND conname = {}",
        literal(&quoted_table(table)),
        literal(from)
    );
    let stmt = Statement::from_string(manager.get_database_backend(), sql);
    let row = manager.get_connection().query_one_raw(stmt).await?;
    let found = row.and_then(|row| {
        let kind = row.try_get::<String>("", "kind").ok()?;
        Some((kind, row.try_get::<String>("", "definition").ok()?))
    });
    Ok(match found {
        Some((kind, _)) if kind == "p" || kind == "u" => {
            vec![format!(
                "ALTER INDEX {} RENAME TO {}",
                quoted_table(&beside(table, from)),
                quoted(to)
            )]
        }
        Some((_, definition)) => {
            let table = quoted_table(table);
            vec![
                format!("ALTER TABLE {table} ADD CONSTRAINT {} {definition}", quoted(to)),
                format!("ALTER TABLE {table} DROP CONSTRAINT {}", quoted(from)),
            ]
        }
        // The server says that there is none, or nothing is sent at all.
        None => vec![rename_sql(table, from, to)],
    })
}

/// Sends what was collected, as one statement if that may be.
async fn alter(
    manager: &SchemaManager<'_>,
    table: &str,
    actions: &mut Vec<String>,
    together: bool,
) -> Result<(), DbErr> {
    let actions = std::mem::take(actions);
    let statements = match actions.len() {
        0 => return Ok(()),
        _ if together => vec![actions.join(", ")],
        _ => actions,
    };
    for actions in statements {
        execute(manager, format!("ALTER TABLE {} {actions}", quoted_table(table))).await?;
    }
    Ok(())
}

/// Sends one statement, in a way that lets the runner name it when it fails.
pub(super) async fn execute(manager: &SchemaManager<'_>, sql: String) -> Result<(), DbErr> {
    let stmt = Statement::from_string(manager.get_database_backend(), sql);
    manager.get_connection().execute_raw(stmt).await?;
    Ok(())
}

/// A column as it stands in a CREATE TABLE.
pub(super) fn column_text(column: ColumnDef) -> String {
    let sql = Table::create().table("t").col(column).to_string(PostgresQueryBuilder);
    let inner = sql.split_once('(').and_then(|(_, rest)| rest.trim_end().strip_suffix(')'));
    inner.unwrap_or_default().trim().to_owned()
}

fn type_text(ty: ColumnType) -> String {
    let text = column_text(ColumnDef::new_with_type("c", ty));
    text.strip_prefix("\"c\"").unwrap_or_default().trim().to_owned()
}

/// Gives a column another name, and its keys, indexes and checks with it; they keep their own.
///
/// # Errors
///
/// If the statement fails.
pub async fn rename_column(
    manager: &SchemaManager<'_>,
    table: &str,
    from: &str,
    to: &str,
) -> Result<(), DbErr> {
    let stmt = Table::alter()
        .table(table_ref(table))
        .rename_column(from.to_owned().into_iden(), to.to_owned().into_iden())
        .take();
    manager.alter_table(stmt).await
}

/// Gives a table in a schema of its own another name in that schema.
///
/// # Errors
///
/// If the statement fails.
pub async fn rename_table(manager: &SchemaManager<'_>, from: &str, to: &str) -> Result<(), DbErr> {
    let sql = format!("ALTER TABLE {} RENAME TO {}", quoted_table(from), quoted(&parts(to).1));
    execute(manager, sql).await
}

/// Gives the index `from` of a table in a schema of its own another name.
///
/// # Errors
///
/// If the statement fails.
pub async fn rename_index_of(
    manager: &SchemaManager<'_>,
    table: &str,
    from: &str,
    to: &str,
) -> Result<(), DbErr> {
    let sql =
        format!("ALTER INDEX {} RENAME TO {}", quoted_table(&beside(table, from)), quoted(to));
    execute(manager, sql).await
}

/// Gives the index `from` the name of `to`, which is otherwise the same.
///
/// # Errors
///
/// If a statement fails.
pub async fn rename_index(
    manager: &SchemaManager<'_>,
    from: &str,
    to: IndexCreateStatement,
) -> Result<(), DbErr> {
    let capability = engine(manager).capability();
    if capability.rebuilds_tables || !capability.renames {
        // What was left out when it was created is not there.
        let if_exists = if capability.expression_indexes { "" } else { "IF EXISTS " };
        execute(manager, format!("DROP INDEX {if_exists}{}", quoted(from))).await?;
        return create_index(manager, to).await;
    }
    let name = to.get_index_spec().get_name().unwrap_or_default().to_owned();
    execute(manager, format!("ALTER INDEX {} RENAME TO {}", quoted(from), quoted(&name))).await
}

/// A part of an index without a collation that SQLite does not have.
fn without_collation(expr: &ast::Expr) -> ast::Expr {
    match expr {
        ast::Expr::Nested(inner) => match without_collation(inner) {
            bare @ ast::Expr::Identifier(_) => bare,
            inner => ast::Expr::Nested(Box::new(inner)),
        },
        ast::Expr::Collate { expr, collation } => {
            let name = collation.0.last().and_then(|part| part.as_ident());
            let is_there = name.is_some_and(|name| has_collation(Engine::Sqlite, &name.value));
            if is_there {
                ast::Expr::Collate { expr: expr.clone(), collation: collation.clone() }
            } else {
                (**expr).clone()
            }
        }
        other => other.clone(),
    }
}

/// An index as SQL. SQLite's form is PostgreSQL's without what SQLite does not have: the access
/// method, columns carried along, NULLs that are equal.
#[must_use]
pub fn index_sql(index: &IndexCreateStatement, engine: Engine) -> String {
    let sql = index.to_string(PostgresQueryBuilder);
    if engine != Engine::Sqlite {
        return sql;
    }
    match Parser::parse_sql(&PostgreSqlDialect {}, &sql).as_deref() {
        Ok([ast::Statement::CreateIndex(create)]) => {
            let mut create = create.clone();
            create.using = None;
            create.include.clear();
            create.nulls_distinct = None;
            for column in &mut create.columns {
                column.operator_class = None;
                column.column.expr = without_collation(&column.column.expr);
            }
            create.to_string()
        }
        _ => sql,
    }
}
