//! Creating and dropping tables and indexes, as far as an engine has them.
//!
//! An engine may bring tables along, which are adopted; and there are keys and indexes that it
//! refuses, which are left out. Where one is left out, `validate` looks whether the rows are as it
//! would have kept them.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, Index, IndexCreateStatement, IntoColumnDef, PostgresQueryBuilder,
    SchemaManager, Table, TableCreateStatement, TableRef,
};
use sqlparser::{
    ast::{self, TableConstraint},
    dialect::PostgreSqlDialect,
    parser::Parser,
};
use tenantry_entity::{Capability, Engine, tenancy::TENANCY};

use super::{
    alter::{column_text, execute, index_sql},
    engine,
};
use crate::{
    ops::context::Context,
    schema::tenancy,
    sql::{quoted_table, table_ref},
};

/// Creates a table. One that the engine brings along gets the columns that it does not have, and
/// nothing else of it is touched.
///
/// # Errors
///
/// If a statement fails.
pub async fn create_table(
    manager: &SchemaManager<'_>,
    table: TableCreateStatement,
) -> Result<(), DbErr> {
    let capability = engine(manager).capability();
    let name = match table.get_table_name() {
        Some(TableRef::Table(name, _)) => name.1.to_string(),
        _ => String::new(),
    };
    if let Some(built_in) = capability.built_in(&name) {
        let ours = table
            .get_columns()
            .iter()
            .filter(|column| !built_in.columns.contains(&&*column.get_column_name()));
        for column in ours {
            add_if_missing(manager, &name, column.clone()).await?;
        }
        return Ok(());
    }
    match without_keys_to_shared(&capability, &table) {
        Some(sql) => execute(manager, sql).await,
        None => manager.create_table(table).await,
    }
}

/// The table without foreign keys that the engine refuses; `None` if it has none of them.
fn without_keys_to_shared(capability: &Capability, table: &TableCreateStatement) -> Option<String> {
    // Only Nile refuses any, so the names are Nile's.
    let mut columns = table.get_columns().iter();
    let is_scoped = columns.any(|column| column.get_column_name() == TENANCY.column);
    if capability.foreign_keys_to_shared || !is_scoped {
        return None;
    }
    let sql = table.to_string(PostgresQueryBuilder);
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, &sql);
    let Ok([ast::Statement::CreateTable(create)]) = parsed.as_deref() else { return None };
    let mut create = create.clone();
    let all = create.constraints.len();
    create.constraints.retain(|constraint| match constraint {
        TableConstraint::ForeignKey(key) => {
            let target = key.foreign_table.0.last().and_then(|part| part.as_ident());
            let columns = key.referred_columns.iter().map(|column| column.value.as_str());
            !tenancy::is_shared_target(target.map_or("", |name| &name.value), columns)
        }
        _ => true,
    });
    (create.constraints.len() < all).then(|| create.to_string())
}

/// Drops a table. One that the engine brings along stays, with the columns that were added and what
/// is in them.
///
/// # Errors
///
/// If the statement fails.
pub async fn drop_table(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    if engine(manager).capability().built_in(table).is_some() {
        return Ok(());
    }
    manager.drop_table(Table::drop().table(table_ref(table)).take()).await
}

/// Adds a column that every engine can add as it is. A table that the engine brings along may have
/// it from before: it stays when migrations are rolled back.
///
/// # Errors
///
/// If the statement fails.
pub async fn add_column(
    manager: &SchemaManager<'_>,
    table: &str,
    column: impl IntoColumnDef,
) -> Result<(), DbErr> {
    let column = column.into_column_def();
    if engine(manager).capability().built_in(table).is_some() {
        return add_if_missing(manager, table, column).await;
    }
    let stmt = Table::alter().table(table_ref(table)).add_column(column).take();
    manager.alter_table(stmt).await
}

/// Drops a column that nothing refers to. On a table that the engine brings along it stays, with
/// what is in it.
///
/// # Errors
///
/// If the statement fails.
pub async fn drop_column(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
) -> Result<(), DbErr> {
    if engine(manager).capability().built_in(table).is_some() {
        return Ok(());
    }
    let stmt = Table::alter().table(table_ref(table)).drop_column(column.to_owned()).take();
    manager.alter_table(stmt).await
}

async fn add_if_missing(
    manager: &SchemaManager<'_>,
    table: &str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    let (table, column) = (quoted_table(table), column_text(column));
    execute(manager, format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}")).await
}

/// Creates an index, unless the engine has none of its kind. It may have expressions among its
/// parts, for which SeaQuery has no words on SQLite.
///
/// # Errors
///
/// If the statement fails.
pub async fn create_index(
    manager: &SchemaManager<'_>,
    index: IndexCreateStatement,
) -> Result<(), DbErr> {
    let engine = engine(manager);
    let sql = index.to_string(PostgresQueryBuilder);
    let capability = engine.capability();
    if engine == Engine::Sqlite && sql.contains("\".\"") {
        // SeaQuery has no words for it.
        return execute(manager, index_sql(&index, engine)).await;
    }
    // Of plain columns, on an engine without exceptions, there is nothing to find out by parsing.
    if sql.matches('(').count() == 1
        && capability.built_ins.is_empty()
        && !capability.distributes_tables
    {
        return manager.create_index(index).await;
    }
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, &sql);
    let Ok([ast::Statement::CreateIndex(create)]) = parsed.as_deref() else {
        return manager.create_index(index).await;
    };
    let table = create.table_name.0.last().and_then(|part| part.as_ident());
    let is_column = |part: &ast::IndexColumn| is_column(&part.column.expr);
    let has_expressions = !create.columns.iter().all(is_column);
    let table = table.map_or("", |name| &name.value);
    if is_left_out(&engine.capability(), table, create.unique, has_expressions) {
        return Ok(());
    }
    let parts = create.columns.iter().map(|part| part.column.expr.to_string());
    let tenancy = Context::current().map_or(TENANCY, |context| context.tenancy);
    let root_key = (table == tenancy.root).then_some(tenancy.root_key);
    if create.unique && !is_unique_kept(&engine.capability(), root_key, parts) {
        let plain = format!("CREATE INDEX{}", sql.trim_start_matches("CREATE UNIQUE INDEX"));
        return execute(manager, plain).await;
    }
    let is_bare = |part: &ast::IndexColumn| matches!(part.column.expr, ast::Expr::Identifier(_));
    if has_expressions || !create.columns.iter().all(is_bare) {
        return execute(manager, index_sql(&index, engine)).await;
    }
    if engine.capability().built_in(table).is_some() {
        // It stays with the table when migrations are rolled back.
        return manager.create_index(index.clone().if_not_exists().to_owned()).await;
    }
    manager.create_index(index).await
}

/// Whether a part of an index is a column, with a collation perhaps, and nothing that is computed.
#[must_use]
pub fn is_column(part: &ast::Expr) -> bool {
    match part {
        ast::Expr::Identifier(_) => true,
        ast::Expr::Collate { expr, .. } | ast::Expr::Nested(expr) => is_column(expr),
        _ => false,
    }
}

/// Drops an index of `table`. Where the engine has none of its kind, there may be none to drop.
///
/// # Errors
///
/// If the statement fails.
pub async fn drop_index(
    manager: &SchemaManager<'_>,
    table: &str,
    index: &str,
) -> Result<(), DbErr> {
    let mut drop = Index::drop().name(index).table(table_ref(table)).to_owned();
    let capability = engine(manager).capability();
    if capability.built_in(table).is_some() || !capability.expression_indexes {
        drop = drop.if_exists().to_owned();
    }
    manager.drop_index(drop).await
}

/// Whether an engine that can so much has no index of this kind.
#[must_use]
pub fn is_left_out(
    capability: &Capability,
    table: &str,
    unique: bool,
    has_expressions: bool,
) -> bool {
    let is_on_built_in = capability.built_in(table).is_some();
    (unique && is_on_built_in && !capability.unique_on_tenants)
        || (has_expressions && !capability.expression_indexes)
}

/// Whether a unique with these parts is one on an engine that can so much. Where rows of the root table, which has
/// this key, are on several nodes, nothing is unique among them that does not have their key: it is made a
/// plain index there, for what looks for it.
pub fn is_unique_kept(
    capability: &Capability,
    root_key: Option<&str>,
    mut parts: impl Iterator<Item = String>,
) -> bool {
    let Some(root_key) = root_key else { return true };
    capability.unique_on_tenants
        || !capability.distributes_tables
        || parts.any(|part| part.trim_matches('"') == root_key)
}
