//! Replaying statements that make tables in several schemas: in schemas of their own, which are rolled back.
//!
//! Temporary tables have one schema, in which two tables or indexes of one name meet.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, Tokenizer},
};
use tenantry_entity::Engine;

use super::{from_postgres, is_unknown, script, search_path};
use crate::{
    schema::{Policy, Schema, Table, names},
    sql::{Places, joined, parts, quoted, set_schemas},
};

/// The schema in which tables without one are made.
const MAIN: &str = "tenantry_replay";

/// As [`replay`](super::replay), with tables in `schemas`.
pub(super) async fn replay<C>(
    db: &C,
    engine: Engine,
    statements: &[String],
    schemas: &[String],
    only_creates: bool,
) -> Result<Schema, DbErr>
where
    C: ConnectionTrait + TransactionTrait<Transaction = sea_orm::DatabaseTransaction>,
{
    let scratch: Vec<(String, String)> = schemas
        .iter()
        .enumerate()
        .map(|(number, name)| (name.clone(), format!("{MAIN}_{number}")))
        .collect();
    let statements: Vec<String> =
        statements.iter().map(|sql| elsewhere(sql, &scratch)).collect::<Option<_>>().ok_or_else(
            || DbErr::Custom("a statement that cannot be read by its words".to_owned()),
        )?;
    let named = scratch.iter().map(|(_, name)| name.as_str());
    let made = [MAIN].into_iter().chain(named.clone()).map(|name| format!("CREATE SCHEMA {name}"));
    let made = made.collect::<Vec<_>>().join("; ");
    let made = format!("{made}; SET LOCAL {}; ", set_schemas(named));
    let script = script(&statements);
    // As in a temporary schema: with the whole path only where a type of an extension asks for it.
    for is_last in [false, true] {
        let transaction = db.begin().await?;
        let path = if is_last { search_path(&transaction, engine).await? } else { None };
        let path = path.map_or(MAIN.to_owned(), |path| format!("{MAIN}, {path}"));
        let outcome = async {
            let sql = format!("{made}SET LOCAL search_path = {path}; {script}");
            transaction.execute_unprepared(&sql).await?;
            let namespace = from_postgres::Namespace::Current(engine);
            from_postgres::read(&transaction, namespace, "").await
        };
        let outcome = outcome.await;
        transaction.rollback().await?;
        let is_to_repeat = only_creates && !is_last && outcome.as_ref().is_err_and(is_unknown);
        if !is_to_repeat {
            return outcome.map(|schema| back(schema, &scratch));
        }
    }
    Ok(Schema::default())
}

/// The statement with other schemas in place of these; `None` if its words cannot be told apart.
fn elsewhere(sql: &str, scratch: &[(String, String)]) -> Option<String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().ok()?;
    let places = Places::of(sql);
    let (mut text, mut done) = (String::with_capacity(sql.len()), 0);
    for (at, it) in tokens.iter().enumerate() {
        let is_period = |at: Option<usize>| {
            at.and_then(|at| tokens.get(at)).is_some_and(|it| it.token == Token::Period)
        };
        let Token::Word(word) = &it.token else { continue };
        if !is_period(Some(at + 1)) || is_period(at.checked_sub(1)) {
            continue;
        }
        let folded = match word.quote_style {
            Some(_) => word.value.clone(),
            None => word.value.to_lowercase(),
        };
        if let Some((_, name)) = scratch.iter().find(|(name, _)| *name == folded) {
            let (from, to) = (places.byte(it.span.start), places.byte(it.span.end));
            text.push_str(&sql[done..from]);
            text.push_str(&quoted(name));
            done = to;
        }
    }
    text.push_str(&sql[done..]);
    Some(text)
}

/// What was read, with the names that it stands for.
fn back(schema: Schema, scratch: &[(String, String)]) -> Schema {
    let name = |name: &str| {
        let (within, table) = parts(name);
        let within = within.as_deref();
        let known = scratch.iter().find(|(_, other)| within == Some(other.as_str()));
        joined(known.map(|(name, _)| name.as_str()).or(within), &table).into_owned()
    };
    let text = |text: &mut String| {
        for (name, other) in scratch {
            let shown = names::as_sql(name);
            *text = text.replace(&format!("{other}."), &format!("{shown}."));
        }
    };
    let mut renamed = Schema { tables: BTreeMap::new(), ..schema };
    for (_, mut table) in schema.tables {
        table.name = name(&table.name);
        for key in &mut table.foreign_keys {
            key.ref_table = name(&key.ref_table);
        }
        texts(&mut table).for_each(text);
        renamed.tables.insert(table.name.clone(), table);
    }
    renamed
}

/// What the server has written of expressions.
fn texts(table: &mut Table) -> impl Iterator<Item = &mut String> {
    let columns = table.columns.iter_mut().flat_map(|column| {
        let generated = column.generated.as_mut().map(|it| &mut it.expr);
        column.default.as_mut().into_iter().chain(generated)
    });
    let checks = table.checks.iter_mut().map(|check| &mut check.expr);
    let indexes = table.indexes.iter_mut().flat_map(|index| {
        index.predicate.iter_mut().chain(index.parts.iter_mut().map(|part| &mut part.expr))
    });
    columns
        .chain(checks)
        .chain(indexes)
        .chain(table.policies.iter_mut().flat_map(Policy::conditions_mut))
}

#[cfg(test)]
mod tests {
    use super::elsewhere;

    #[test]
    fn only_schemas_are_put_elsewhere() {
        let scratch =
            [("sales".to_owned(), "x_0".to_owned()), ("Of all".to_owned(), "x_1".to_owned())];
        let moved = |sql: &str| elsewhere(sql, &scratch).unwrap_or_default();
        let sql =
            "CREATE TABLE \"sales\".\"a\" (b text DEFAULT 'it''s sales.a', sales int) -- sales.b";
        assert_eq!(moved(sql), sql.replacen("\"sales\"", "\"x_0\"", 1));
        let sql = "INSERT INTO Sales.a SELECT * FROM \"Of all\".b WHERE c.sales.d = \"of all\".e";
        assert_eq!(
            moved(sql),
            "INSERT INTO \"x_0\".a SELECT * FROM \"x_1\".b WHERE c.sales.d = \"of all\".e"
        );
    }
}
