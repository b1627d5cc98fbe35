//! A schema as statements: what creates it on an engine.

use entity::Engine;
use sea_orm::sea_query::{
    self, ColumnDef, Expr, ForeignKey, ForeignKeyAction, Index, IndexCreateStatement, IndexOrder,
    StringLen, TableCreateStatement,
};

use super::{Action, BTREE, Column, ColumnType, Schema, Table, from_entities::RANDOM_UUID};
use crate::ops::v1;

/// The statements that create `schema` on `engine`, tables in foreign-key order and each followed
/// by its indexes.
#[must_use]
pub fn create(schema: &Schema, engine: Engine) -> Vec<String> {
    let backend = engine.backend();
    let mut statements = Vec::new();
    for table in schema.in_foreign_key_order() {
        let (create, indexes) = statements_for(table, engine);
        statements.push(backend.build(&create).to_string());
        statements.extend(indexes.iter().map(|index| backend.build(index).to_string()));
    }
    statements
}

/// One table as SeaQuery statements: the table with its keys and checks, then its indexes.
#[must_use]
pub fn statements_for(
    table: &Table,
    engine: Engine,
) -> (TableCreateStatement, Vec<IndexCreateStatement>) {
    let mut create = sea_query::Table::create();
    create.table(table.name.clone());
    for column in &table.columns {
        let mut def = ColumnDef::new_with_type(column.name.clone(), sea_type(&column.ty));
        if column.nullable {
            def.null();
        } else {
            def.not_null();
        }
        if let Some(default) = default_on(engine, column) {
            def.default(Expr::cust(default));
        }
        create.col(def);
    }
    if let Some(key) = &table.primary_key {
        let mut index = Index::create();
        if let Some(name) = &key.name {
            index.name(name);
        }
        for column in &key.columns {
            index.col(column.clone());
        }
        create.primary_key(&mut index);
    }
    for key in &table.foreign_keys {
        let mut stmt = ForeignKey::create();
        if let Some(name) = &key.name {
            stmt.name(name);
        }
        stmt.from_tbl(table.name.clone()).to_tbl(key.ref_table.clone());
        for (from, to) in key.columns.iter().zip(&key.ref_columns) {
            stmt.from_col(from.clone()).to_col(to.clone());
        }
        if key.on_delete != Action::NoAction {
            stmt.on_delete(sea_action(key.on_delete));
        }
        if key.on_update != Action::NoAction {
            stmt.on_update(sea_action(key.on_update));
        }
        create.foreign_key(&mut stmt);
    }
    for check in &table.checks {
        let expr = Expr::cust(check.expr.clone());
        match &check.name {
            Some(name) => create.check((name.clone(), expr)),
            None => create.check(expr),
        };
    }
    let indexes = table
        .indexes
        .iter()
        .map(|index| {
            let mut stmt = Index::create();
            stmt.name(&index.name).table(table.name.clone());
            if index.unique {
                stmt.unique();
            }
            if index.method != BTREE {
                stmt.index_type(sea_query::IndexType::Custom(index.method.clone().into()));
            }
            for part in &index.parts {
                let order = if part.descending { IndexOrder::Desc } else { IndexOrder::Asc };
                match (table.column(&part.expr).is_some(), part.descending) {
                    (true, false) => stmt.col(part.expr.clone()),
                    (true, true) => stmt.col((part.expr.clone(), order)),
                    (false, _) => stmt.col((Expr::cust(part.expr.clone()), order)),
                };
            }
            if let Some(predicate) = &index.predicate {
                use sea_query::ConditionalStatement as _;
                stmt.and_where(Expr::cust(predicate.clone()));
            }
            stmt.take()
        })
        .collect();
    (create.take(), indexes)
}

/// A column's default in an engine's words; `None` where the engine has none for it.
#[must_use]
pub fn default_on(engine: Engine, column: &Column) -> Option<String> {
    let default = column.default.as_deref()?;
    match default {
        RANDOM_UUID => engine.capability().random_uuid_default.then(|| RANDOM_UUID.to_owned()),
        "CURRENT_TIMESTAMP" => Some(v1::now_sql(engine).to_owned()),
        "LOCALTIMESTAMP" => Some(v1::local_now_sql(engine).to_owned()),
        other => Some(other.to_owned()),
    }
}

fn sea_type(ty: &ColumnType) -> sea_query::ColumnType {
    use sea_query::ColumnType as Sea;
    match ty {
        ColumnType::Uuid => Sea::Uuid,
        ColumnType::Text => Sea::Text,
        ColumnType::Varchar(Some(length)) => Sea::String(StringLen::N(*length)),
        ColumnType::Varchar(None) => Sea::String(StringLen::None),
        ColumnType::SmallInt => Sea::SmallInteger,
        ColumnType::Integer => Sea::Integer,
        ColumnType::BigInt => Sea::BigInteger,
        ColumnType::Boolean => Sea::Boolean,
        ColumnType::Timestamp => Sea::DateTime,
        ColumnType::TimestampTz => Sea::TimestampWithTimeZone,
        ColumnType::Jsonb => Sea::JsonBinary,
        ColumnType::Other(text) => Sea::custom(text.clone()),
    }
}

fn sea_action(action: Action) -> ForeignKeyAction {
    match action {
        Action::NoAction => ForeignKeyAction::NoAction,
        Action::Restrict => ForeignKeyAction::Restrict,
        Action::Cascade => ForeignKeyAction::Cascade,
        Action::SetNull => ForeignKeyAction::SetNull,
        Action::SetDefault => ForeignKeyAction::SetDefault,
    }
}
