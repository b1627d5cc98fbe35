//! What the rules need to know, gathered in a fixed number of queries.

use std::collections::BTreeMap;

use entity::Engine;
use migration::{
    Migrator,
    db::{Database, count_rows, quoted},
    diff::{Change, diff},
    error::Result,
    schema::{self, ForeignKey, Schema},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, IsolationLevel, Statement, TransactionTrait};

use super::ValidateOptions;

/// A table up to this size is scanned for orphans even without being asked to, in bytes.
const SMALL_TABLE: i64 = 16 * 1024 * 1024;

/// What is known of the database.
pub(super) struct Facts {
    /// What would have to change to make the live schema the expected one. What follows from
    /// another change is left out: the index of a missing column, for example.
    pub changes: Vec<Change>,
    /// How many tables the entities describe.
    pub tables: usize,
    /// Tables that no entity describes.
    pub unknown_tables: Vec<String>,
    /// Rows whose parent does not exist.
    pub orphans: Vec<Orphans>,
    /// Sample rows by table, `(present, planned)`; empty when there are none at all.
    pub samples: BTreeMap<&'static str, (u64, u64)>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
}

/// Rows of a table whose parent does not exist.
pub(super) struct Orphans {
    pub table: String,
    pub parent: String,
    pub columns: String,
    pub rows: u64,
}

/// Reads everything from one snapshot, so that what others do meanwhile is no finding.
pub(super) async fn gather(db: &Database, options: &ValidateOptions) -> Result<Facts> {
    let engine = db.engine;
    let isolation = engine.capability().table_locks.then_some(IsolationLevel::RepeatableRead);
    let tx = db.connection.begin_with_config(isolation, None).await?;
    let facts = gather_in(&tx, engine, options).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    facts
}

async fn gather_in(
    tx: &DatabaseTransaction,
    engine: Engine,
    options: &ValidateOptions,
) -> Result<Facts> {
    let neutral = Schema::from_entities()?;
    let tables = neutral.tables.len();
    let live = schema::read(tx, engine).await?;
    let mut unknown_tables: Vec<String> =
        live.tables.keys().filter(|name| !neutral.tables.contains_key(*name)).cloned().collect();
    unknown_tables.retain(|name| *name != Migrator::bookkeeping());
    let live = live.filtered(|name| neutral.tables.contains_key(name));
    let expected = schema::expected(tx, engine, neutral).await?;
    let mut notes = Vec::new();
    let changes = if expected.exact {
        diff(&live, &expected.schema)
    } else {
        notes.push(
            "defaults, checks and partial indexes were not compared: that needs the right to make \
             temporary tables, on a server that is not read-only"
                .to_owned(),
        );
        diff(&live.clone().without_expressions(), &expected.schema)
    };
    let (orphans, skipped) = orphans(tx, engine, &live, &expected.schema, options.deep).await?;
    if !skipped.is_empty() {
        notes.push(format!(
            "large tables were not scanned for orphans: {}; --deep does",
            skipped.join(", ")
        ));
    }
    Ok(Facts {
        changes: without_consequences(changes),
        tables,
        unknown_tables,
        orphans,
        samples: samples(tx, engine, &live).await?,
        notes,
    })
}

/// Leaves out what only follows from another change, so that one piece of damage is one finding:
/// what was built on a missing column went with it, and an expression over a column of another
/// type is spelled differently.
fn without_consequences(changes: Vec<Change>) -> Vec<Change> {
    let causes: Vec<(String, String, bool)> = changes
        .iter()
        .filter_map(|change| match change {
            Change::AddColumn { table, column } => Some((table.clone(), column.name.clone(), true)),
            Change::AlterType { table, to, .. } => Some((table.clone(), to.name.clone(), false)),
            _ => None,
        })
        .collect();
    let concerns = |change: &Change, column: &str| match change {
        Change::AddIndex { index, .. } | Change::AlterIndex { to: index, .. } => {
            index.parts.iter().any(|part| mentions(&part.expr, column))
                || index.predicate.as_deref().is_some_and(|text| mentions(text, column))
        }
        Change::AddForeignKey { key, .. } => key.columns.iter().any(|name| name == column),
        Change::AddCheck { check, .. } | Change::AlterCheck { to: check, .. } => {
            mentions(&check.expr, column)
        }
        Change::AlterPrimaryKey { to: Some(key), .. } => key.columns.iter().any(|c| c == column),
        Change::AlterDefault { to, .. } => to.name == column,
        _ => false,
    };
    changes
        .into_iter()
        .filter(|change| {
            !causes.iter().any(|(table, column, missing)| {
                let follows = match change {
                    Change::AlterDefault { .. }
                    | Change::AlterIndex { .. }
                    | Change::AlterCheck { .. } => !missing,
                    _ => *missing,
                };
                follows && change.table() == table && concerns(change, column)
            })
        })
        .collect()
}

/// Whether an SQL text names the column.
fn mentions(sql: &str, column: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    sql.split(|c| !is_word(c)).any(|word| word.eq_ignore_ascii_case(column))
}

/// Finds rows without their parent, along the keys that should be there, whether they are or not.
/// Says which tables were too large to look.
async fn orphans(
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
    wanted: &Schema,
    deep: bool,
) -> Result<(Vec<Orphans>, Vec<String>)> {
    // A missing column is a finding of its own, and there is nothing to join with then.
    let has = |table: &str, columns: &[String]| {
        let table = live.tables.get(table);
        table.is_some_and(|table| columns.iter().all(|column| table.column(column).is_some()))
    };
    let mut keys: Vec<(&str, &ForeignKey)> = wanted
        .tables
        .values()
        .flat_map(|table| table.foreign_keys.iter().map(|key| (table.name.as_str(), key)))
        .filter(|(table, key)| has(table, &key.columns) && has(&key.ref_table, &key.ref_columns))
        .collect();
    let skipped = if deep { Vec::new() } else { large_tables(tx, engine, live).await? };
    keys.retain(|(table, _)| !skipped.iter().any(|name| name == table));
    let conditions: Vec<_> =
        keys.iter().map(|(table, key)| (quoted(table), has_no_parent(table, key))).collect();
    let counts = count_rows(tx, engine, &conditions).await?;
    let found = keys.iter().zip(counts).filter(|(_, rows)| *rows > 0);
    let found = found.map(|((table, key), rows)| Orphans {
        table: (*table).to_owned(),
        parent: key.ref_table.clone(),
        columns: key.columns.join(", "),
        rows,
    });
    Ok((found.collect(), skipped))
}

/// The tables too large to be scanned unasked. Where an engine enforces every key, orphans come
/// only of somebody switching that off; elsewhere every table is worth the scan.
async fn large_tables(
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
) -> Result<Vec<String>> {
    if !engine.capability().always_enforces_foreign_keys {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n \
         ON n.oid = c.relnamespace WHERE n.nspname = current_schema() \
         AND c.relkind IN ('r', 'p') AND coalesce(pg_relation_size(c.oid), 0) > {SMALL_TABLE} ORDER BY 1"
    );
    let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let mut large = Vec::new();
    for row in rows {
        let name: String = row.try_get("", "name")?;
        if live.tables.contains_key(&name) {
            large.push(name);
        }
    }
    Ok(large)
}

/// SQL that is true for a row of `table` that refers to nothing. A key with a NULL in it refers to
/// nothing by right.
fn has_no_parent(table: &str, key: &ForeignKey) -> String {
    let table = quoted(table);
    let pairs = key.columns.iter().zip(&key.ref_columns);
    let joined: Vec<String> =
        pairs.map(|(from, to)| format!("p.{} = {table}.{}", quoted(to), quoted(from))).collect();
    let set: Vec<String> =
        key.columns.iter().map(|column| format!("{} IS NOT NULL", quoted(column))).collect();
    format!(
        "{} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
        set.join(" AND "),
        quoted(&key.ref_table),
        joined.join(" AND ")
    )
}

/// Counts the sample rows, unless there are none.
async fn samples(
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
) -> Result<BTreeMap<&'static str, (u64, u64)>> {
    let countable: Vec<_> = entity::all()
        .iter()
        .filter_map(|def| Some((def.name, live.tables.get(def.name)?)))
        .collect();
    let census = seeder::census(tx, engine, &countable).await?;
    let any = census.values().any(|(present, _)| *present > 0);
    Ok(if any { census } else { BTreeMap::new() })
}
