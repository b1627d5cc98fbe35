//! What tables and columns would lose, and how many rows are in them.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement};
use tenantry_entity::Engine;

use super::{Request, named};
use crate::{
    db::{literal, table_size},
    error::Result,
    refusal::Loss,
    runner::{effect::Effect, samples::Samples, sums::Sum},
    schema::{Action, Schema, Table},
    sql::quoted_table,
};

/// The tables that go or lose something, those that go first.
pub(super) fn losing(
    effect: &Effect,
    engine: Engine,
    live: &Schema,
    drops: &[String],
    emptied: &[String],
) -> Vec<String> {
    let mut losing = drops.to_vec();
    let thinner = effect.rebuilt.iter().map(|(name, _)| name).filter(|name| {
        live.tables.get(*name).is_some_and(|table| !lost_columns(effect, table).is_empty())
    });
    let only_computed = |name: &&String| {
        let is_of_it = |(table, _): &&(String, String)| table == *name;
        let table = live.tables.get(*name).filter(|_| effect.lost.iter().any(|it| is_of_it(&it)));
        table.is_some_and(|table| lost_columns(effect, table).is_empty())
    };
    let thins = effect.thins.iter().filter(|name| !only_computed(name));
    let mut others: Vec<String> =
        thins.chain(thinner).filter_map(|it| named(live, engine, it)).collect();
    others.extend(emptied.iter().cloned());
    for name in others {
        if !losing.contains(&name) {
            losing.push(name);
        }
    }
    losing
}

/// The tables that lose rows but stay. A row that is deleted takes along what refers to it, or what
/// that knows of it.
pub(super) fn emptied(effect: &Effect, engine: Engine, live: &Schema) -> Vec<String> {
    let mut emptied: Vec<String> =
        effect.emptied.iter().filter_map(|it| named(live, engine, it)).collect();
    let mut at = 0;
    while let Some(parent) = emptied.get(at).cloned() {
        at += 1;
        for table in live.tables.values() {
            let follows = table.foreign_keys.iter().any(|key| {
                let refers = key.ref_table.eq_ignore_ascii_case(&parent);
                refers && !matches!(key.on_delete, Action::NoAction | Action::Restrict)
            });
            if follows && !emptied.contains(&table.name) {
                emptied.push(table.name.clone());
            }
        }
    }
    emptied
}

/// The columns that a table loses, if it stays.
pub(super) fn lost_columns(effect: &Effect, table: &Table) -> Vec<String> {
    let lost = effect.lost.iter().filter(|(name, _)| *name == table.name);
    let mut lost: Vec<String> = lost.map(|(_, column)| column.clone()).collect();
    for (_, columns) in effect.rebuilt.iter().filter(|(name, _)| *name == table.name) {
        let gone = table.columns.iter().filter(|column| !columns.contains(&column.name));
        lost.extend(gone.map(|column| column.name.clone()));
    }
    // What is computed, is lost with nothing.
    lost.retain(|name| table.column(name).is_none_or(|column| column.generated.is_none()));
    lost
}

/// What would be lost, by table, with how much room it takes.
pub(super) async fn losses(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    live: &Schema,
    drops: &[String],
    counts: &[Count],
) -> Result<Vec<Loss>, DbErr> {
    let mut losses = Vec::new();
    for count in counts.iter().filter(|count| count.real_rows > 0) {
        let bytes = table_size(tx, request.engine, &count.table).await?;
        let (table, real_rows, edited) =
            (count.table.clone(), count.real_rows, count.edited.is_some());
        let columns = match live.tables.get(&table) {
            Some(live) if !drops.contains(&table) => lost_columns(request.effect, live),
            _ => Vec::new(),
        };
        losses.push(Loss { table, columns, real_rows, edited, bytes });
    }
    Ok(losses)
}

/// What is counted in a table.
#[derive(Clone, Debug)]
pub(super) struct Count {
    pub(super) table: String,
    pub(super) real_rows: i64,
    /// A sum over what is in the real rows, so that one replaced by another is noticed.
    pub(super) which: Option<String>,
    /// What is in the sample rows, if they count as real, since they are not what the seeder has made.
    pub(super) edited: Option<Sum>,
}

impl Count {
    /// What is counted in an empty table.
    pub(super) fn none(table: &str) -> Self {
        Self { table: table.to_owned(), real_rows: 0, which: None, edited: None }
    }
}

/// Those of the tables that have any rows.
pub(super) async fn filled<'t>(
    tx: &DatabaseTransaction,
    engine: Engine,
    tables: &[&'t Table],
) -> Result<Vec<&'t Table>, DbErr> {
    let has_rows = |(at, table): (usize, &&Table)| {
        format!("SELECT {at} AS at WHERE EXISTS (SELECT 1 FROM {})", quoted_table(&table.name))
    };
    let parts: Vec<String> = tables.iter().enumerate().map(has_rows).collect();
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    let mut filled = Vec::new();
    for row in tx.query_all_raw(stmt).await? {
        let at: i32 = row.try_get("", "at")?;
        filled.extend(usize::try_from(at).ok().and_then(|at| tables.get(at)));
    }
    Ok(filled)
}

/// Counts the real rows of all tables in one statement.
pub(super) async fn count(
    tx: &DatabaseTransaction,
    samples: &Samples,
    tables: &[&Table],
) -> Result<Vec<Count>, DbErr> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let engine = samples.engine;
    // SQLite has nothing to sum up with, so there it is done for the tables that have any.
    let which = match engine {
        Engine::Sqlite => "NULL",
        _ => "(sum(('x0' || left(md5(counted::text), 15))::bit(64)::bigint))::text",
    };
    let parts: Vec<String> = tables
        .iter()
        .map(|table| {
            format!(
                "SELECT {name} AS table_name, count(*) AS real_rows, {which} AS which \
                 FROM {} AS counted WHERE ({}) IS NOT TRUE",
                quoted_table(&table.name),
                samples.rows(table),
                name = literal(&table.name),
            )
        })
        .collect();
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    let mut counts = Vec::with_capacity(tables.len());
    for row in tx.query_all_raw(stmt).await? {
        let mut count = Count {
            table: row.try_get("", "table_name")?,
            real_rows: row.try_get("", "real_rows")?,
            which: row.try_get("", "which")?,
            edited: None,
        };
        let table = tables.iter().find(|table| table.name == count.table);
        if let Some(table) = table.filter(|_| engine == Engine::Sqlite && count.real_rows > 0) {
            count.which = Some(samples.real_rows(tx, table).await?.contents.sum.to_string());
        }
        counts.push(count);
    }
    Ok(counts)
}
