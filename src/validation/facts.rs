//! What the rules need to know, gathered in a fixed number of queries.

use std::collections::BTreeMap;

use entity::Engine;
use migration::{
    db::{Database, begin_read, count_rows, quoted},
    diff::Change,
    drift::{Accepted, Drift, INEXACT, drift},
    error::Result,
    isolation::{self, Matrix},
    schema::{ForeignKey, Schema},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};

use super::ValidateOptions;

/// A table up to this size is scanned for orphans even without being asked to, in bytes.
const SMALL_TABLE: i64 = 16 * 1024 * 1024;

/// What is known of the database.
pub(super) struct Facts {
    /// How the live schema differs from what the entities describe.
    pub drift: Drift,
    /// Rows whose parent does not exist.
    pub orphans: Vec<Orphans>,
    /// Sample rows by table, `(present, planned)`; empty when there are none at all.
    pub samples: BTreeMap<&'static str, (u64, u64)>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
    /// What came of attacking one tenant as another; `None` where that could not be tried.
    pub isolation: Option<Matrix>,
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
    let tx = begin_read(&db.connection, db.engine).await?;
    let facts = gather_in(&tx, db, options).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    let mut facts = facts?;
    if db.engine.capability().row_level_security {
        match attack(db, &facts.drift).await {
            Ok(matrix) => facts.isolation = Some(matrix),
            Err(why) => facts.notes.push(format!("isolation was not attacked: {why}")),
        }
    }
    Ok(facts)
}

/// Attacks one tenant as another, unless it is clear that no scope can begin.
async fn attack(db: &Database, drift: &Drift) -> std::result::Result<Matrix, String> {
    let missing =
        |change: &Change| matches!(change, Change::AddTable { .. } | Change::AddColumn { .. });
    if drift.changes.iter().any(missing) {
        return Err("tables or columns are missing".to_owned());
    }
    match &drift.application_role {
        Some(role) if !role.exists => Err(format!("{} does not exist", role.name)),
        _ => isolation::probe(db, &drift.entities).await,
    }
}

async fn gather_in(
    tx: &DatabaseTransaction,
    db: &Database,
    options: &ValidateOptions,
) -> Result<Facts> {
    let engine = db.engine;
    let drift = drift(tx, engine, &db.application_role, &Accepted::compiled_in()?).await?;
    let mut notes = Vec::new();
    if !drift.exact {
        notes.push(INEXACT.to_owned());
    }
    let (orphans, skipped) =
        orphans(tx, engine, &drift.live, &drift.expected, options.deep).await?;
    if !skipped.is_empty() {
        notes.push(format!(
            "large tables were not scanned for orphans: {}; --deep does",
            skipped.join(", ")
        ));
    }
    let samples = samples(tx, engine, &drift.live).await?;
    Ok(Facts { drift, orphans, samples, notes, isolation: None })
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
