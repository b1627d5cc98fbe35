//! What comes of tenant A's own writes: a trigger or a rule that works with other rights may change rows of B, or copy
//! from them into rows of A.

use std::collections::BTreeMap;

use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection, Row as _};

use super::{
    AttackResult,
    attack::On,
    probe::sentence,
    send::{keep_all, run},
    stage::{Stage, cannot_work_as, kind},
};
use crate::{
    db::{literal, quoted},
    schema::Table,
};

/// A value of B that is as long as this is found again wherever it is copied to, and is no coincidence.
const TELLING: usize = 20;

/// Inserts, updates and deletes rows of A in every table, as the role, and looks as the owner at the rows of B and for
/// values of B in rows of A. Only where something is found, table by table. Nothing of it stays.
///
/// # Errors
///
/// If the rows cannot be read.
pub(super) async fn own_writes(
    stage: &Stage<'_>,
    tx: &mut PgConnection,
    role: &str,
) -> std::result::Result<BTreeMap<String, AttackResult>, String> {
    let tables: Vec<&Table> = stage.attacked().filter(|table| is_owned(stage, table)).collect();
    run(tx, "SAVEPOINT own_write").await.map_err(sentence)?;
    let mut outcomes = BTreeMap::new();
    if tables.is_empty() {
        return Ok(outcomes);
    }
    let mut rows = texts(tx, &[rows_of_b(stage, &tables), values_of_b(stage, &tables)]).await?;
    let values = rows.split_off(tables.len());
    let before = Before { rows, values };
    let any = touches_b(stage, tx, role, &tables, &tables, &before).await?;
    for table in &tables {
        let touches = any && touches_b(stage, tx, role, &[table], &tables, &before).await?;
        let outcome = if touches { AttackResult::Through } else { AttackResult::NoRow };
        outcomes.insert(table.name.clone(), outcome);
    }
    Ok(outcomes)
}

fn is_owned(stage: &Stage<'_>, table: &Table) -> bool {
    matches!(kind(&stage.tenancy, table), On::Scoped | On::Optional)
}

/// What B has before A writes.
struct Before {
    rows: Vec<String>,
    values: Vec<String>,
}

/// Writes to some of the tables, and looks at all.
async fn touches_b(
    stage: &Stage<'_>,
    tx: &mut PgConnection,
    role: &str,
    written: &[&Table],
    tables: &[&Table],
    before: &Before,
) -> std::result::Result<bool, String> {
    let begin = format!("{}; SET LOCAL ROLE {}", stage.scope_sql(true), quoted(role));
    let touched = async {
        // Rows of A are looked at before they are gone.
        for forms in [&[None, Some(KEEPS)][..], &[Some(DELETES)]] {
            let writes =
                written.iter().flat_map(|table| forms.iter().map(|it| write(stage, table, *it)));
            let writes: Vec<String> = writes.collect();
            let writes: Vec<&str> = writes.iter().map(String::as_str).collect();
            run(tx, &begin).await.map_err(|error| cannot_work_as(role, &error))?;
            // What is refused changes nothing.
            keep_all(tx, &writes).await.map_err(sentence)?;
            let rows = rows_of_b(stage, tables);
            let found = found_of_b(stage, tables, &before.values);
            let after = texts(tx, &["RESET ROLE".to_owned(), rows, found]).await?;
            if after != before.rows {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let touched = touched.await;
    run(tx, "ROLLBACK TO SAVEPOINT own_write").await.map_err(sentence)?;
    touched
}

/// Leaves each row as it is.
const KEEPS: &str = "UPDATE {table} SET {tenant} = {tenant} WHERE {tenant} = {a}";
/// Leaves none.
const DELETES: &str = "DELETE FROM {table} WHERE {tenant} = {a}";

/// This statement, or the one that makes another row.
fn write(stage: &Stage<'_>, table: &Table, template: Option<&str>) -> String {
    match template {
        Some(template) => stage.filled(template, table),
        None => stage.a.another(table),
    }
}

/// Asks for each table what its rows of B are: a row of the result for each.
fn rows_of_b(stage: &Stage<'_>, tables: &[&Table]) -> String {
    let rows = "SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') FROM {table} t WHERE {tenant} = {b}";
    over_all(stage, tables, rows, "{all}")
}

/// Asks for values that only B has.
fn values_of_b(stage: &Stage<'_>, tables: &[&Table]) -> String {
    let values = "SELECT {tenant} = {b}, v.value FROM {table} t, jsonb_each_text(to_jsonb(t)) v \
                  WHERE {tenant} IN ({a}, {b})";
    let only = format!(
        "SELECT v.value FROM ({{all}}) v (is_of_b, value) WHERE length(v.value) >= {TELLING} \
         GROUP BY v.value HAVING bool_and(v.is_of_b)"
    );
    over_all(stage, tables, values, &only)
}

/// Asks whether a row of A has one of these values in it: one row if so.
fn found_of_b(stage: &Stage<'_>, tables: &[&Table], values: &[String]) -> String {
    let rows = "SELECT to_jsonb(t)::text FROM {table} t WHERE {tenant} = {a}";
    let list: Vec<String> = values.iter().map(|value| literal(value)).collect();
    let found = format!(
        "SELECT 'found' FROM ({{all}}) r (row) WHERE EXISTS (SELECT 1 FROM unnest(ARRAY[{}]::text[]) AS v (value) \
         WHERE position(v.value IN r.row) > 0) LIMIT 1",
        list.join(", ")
    );
    over_all(stage, tables, rows, &found)
}

/// A query into which the same of every table goes as `{all}`.
fn over_all(stage: &Stage<'_>, tables: &[&Table], of_each: &str, query: &str) -> String {
    let all: Vec<String> = tables.iter().map(|table| stage.filled(of_each, table)).collect();
    query.replace("{all}", &all.join(" UNION ALL "))
}

/// The texts that several queries give, one after the other, in one round trip.
async fn texts(
    tx: &mut PgConnection,
    queries: &[String],
) -> std::result::Result<Vec<String>, String> {
    let sql = AssertSqlSafe(queries.join("; "));
    let rows = sqlx::raw_sql(sql).fetch_all(&mut *tx).await.map_err(sentence)?;
    rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>().map_err(sentence)
}
