//! What the rules need to know, gathered in a fixed number of queries.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use tenantry_entity::Engine;
use tenantry_migration::{
    cluster::{self, Health},
    db::{Database, begin_read, count_rows, quoted},
    diff::Change,
    drift::{Accepted, Drift, drift, inexact},
    error::{Error, Result},
    isolation::{self, Matrix},
    schema::{ForeignKey, Index, LeftOut, Schema, Table},
};

use super::ValidateOptions;
use crate::Application;

/// A table up to this size is scanned for orphans even without being asked to, in bytes.
const SMALL_TABLE: i64 = 16 * 1024 * 1024;

/// What is known of the database.
pub(super) struct Facts {
    /// How the live schema differs from what the entities describe.
    pub drift: Drift,
    /// Where tables are missing, the migrations that are not applied, and the tables that they make.
    pub pending: (Vec<String>, Vec<String>),
    /// Rows whose parent does not exist.
    pub orphans: Vec<Orphans>,
    /// Rows that are equal where the engine keeps no unique that should be there.
    pub duplicates: Vec<Duplicates>,
    /// Sample rows by table, `(present, planned)`; empty when there are none at all.
    pub samples: BTreeMap<&'static str, (u64, u64)>,
    /// Sample rows that are not as they were made, as far as that was looked at.
    pub altered: Vec<tenantry_seeder::Difference>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
    /// Where rows are, on an engine with several nodes.
    pub health: Health,
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

/// Rows of a table that are equal in what should be unique.
pub(super) struct Duplicates {
    pub table: String,
    pub unique: String,
    pub values: u64,
}

/// Reads everything from one snapshot, where the engine has such transactions, so that what others do
/// meanwhile is no finding.
pub(super) async fn gather(
    application: &Application,
    db: &Database,
    options: &ValidateOptions,
) -> Result<Facts> {
    let tx = begin_read(&db.connection, db.engine).await?;
    let facts = gather_in(application, &tx, db, options).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    let mut facts = facts?;
    if facts.health.no_rows.is_some() {
        return Ok(facts);
    }
    let capability = db.engine.capability();
    if capability.row_level_security {
        match attack(db, &facts.drift).await {
            Ok((matrix, without)) => {
                facts.isolation = Some(matrix);
                if !without.is_empty() {
                    facts.notes.push(format!(
                        "isolation was attacked with two tenants that exist, and not on tables \
                         where one of them has no row: {}",
                        without.join(", ")
                    ));
                }
            }
            Err(why) => facts.notes.push(format!("isolation was not attacked: {why}")),
        }
    } else if !capability.isolates_tenants {
        facts.notes.push(format!(
            "isolation was not attacked: on {} only the application keeps tenants apart",
            db.engine
        ));
    } else if !is_incomplete(&facts.drift) {
        facts.notes.push(format!(
            "{} keeps tenants apart itself: only reads of rows that exist were tried, since two \
             tenants cannot be made up and taken back there",
            db.engine
        ));
        match isolation::look_across(db, &facts.drift.entities).await? {
            Some(matrix) => facts.isolation = Some(matrix),
            None => facts.notes.push(
                "isolation was not attacked: at least two tenants with rows are needed, and there are \
                 fewer"
                    .to_owned(),
            ),
        }
    }
    Ok(facts)
}

/// Whether tables or columns are missing, so that there is nothing to attack.
fn is_incomplete(drift: &Drift) -> bool {
    let missing =
        |change: &Change| matches!(change, Change::AddTable { .. } | Change::AddColumn { .. });
    drift.changes.iter().any(missing)
}

/// Attacks one tenant as another, unless it is clear that no scope can begin.
/// Says on which tables that could not be tried.
async fn attack(
    db: &Database,
    drift: &Drift,
) -> std::result::Result<(Matrix, Vec<String>), String> {
    if is_incomplete(drift) {
        return Err("tables or columns are missing".to_owned());
    }
    match &drift.application_role {
        Some(role) if !role.exists => Err(format!("{} does not exist", role.name)),
        _ if db.engine.capability().distributes_tables => {
            isolation::probe_existing(db, &drift.entities).await
        }
        _ => Ok((isolation::probe(db, &drift.entities).await?, Vec::new())),
    }
}

async fn gather_in(
    application: &Application,
    tx: &DatabaseTransaction,
    db: &Database,
    options: &ValidateOptions,
) -> Result<Facts> {
    let engine = db.engine;
    let drift = drift(
        application.project,
        tx,
        engine,
        &db.application_role,
        &Accepted::compiled_in(application.project)?,
    )
    .await?;
    let pending = if drift.changes.iter().any(|it| matches!(it, Change::AddTable { .. })) {
        application.project.bare_runner(tx)?.on(engine).pending_tables().await?
    } else {
        (Vec::new(), Vec::new())
    };
    let mut notes = Vec::new();
    if !drift.exact {
        notes.push(inexact(engine));
    }
    let left_out = drift.entities.left_out(engine);
    notes.extend(left_out.sentences(engine));
    let health = cluster::health(tx, engine, &drift.live).await?;
    if let Some(why) = health.no_rows {
        notes.push(format!("rows were not looked at, and isolation was not attacked: {why}"));
        return Ok(Facts {
            drift,
            pending,
            health,
            notes,
            orphans: Vec::new(),
            duplicates: Vec::new(),
            samples: BTreeMap::new(),
            altered: Vec::new(),
            isolation: None,
        });
    }
    let (orphans, skipped) =
        orphans(tx, engine, &drift.live, &drift.entities, &left_out, options.deep).await?;
    let duplicates = duplicates(tx, engine, &drift.live, &left_out).await?;
    if engine.capability().isolates_tenants && !options.deep {
        notes.push(format!("foreign keys that {engine} enforces were not checked; --deep does"));
    } else if !skipped.is_empty() {
        notes.push(format!(
            "large tables were not scanned for orphans: {}; --deep does",
            skipped.join(", ")
        ));
    }
    let samples = samples(application, tx, engine, &drift.live).await?;
    let mut altered = Vec::new();
    if options.deep && !samples.is_empty() && !is_incomplete(&drift) {
        match application.seeder().verify_in(tx, engine, None).await {
            Ok(verification) => altered = verification.differences,
            // Migrations are pending, say.
            Err(Error::Unusable(why)) => {
                notes.push(format!("sample rows were not verified: {why}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Facts {
        drift,
        pending,
        orphans,
        duplicates,
        samples,
        altered,
        health,
        notes,
        isolation: None,
    })
}

/// Finds rows without their parent, along the keys that should be there, whether they are or not.
/// Says which tables were too large to look.
async fn orphans(
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
    wanted: &Schema,
    left_out: &LeftOut,
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
    let is_enforced = |table: &str, key: &ForeignKey| {
        !left_out.foreign_keys.iter().any(|(name, other)| name == table && other == key)
    };
    keys.retain(|(table, key)| {
        !skipped.iter().any(|name| name == table) || !is_enforced(table, key)
    });
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

/// Counts what is there more than once although it should be unique, where the engine does not keep
/// it so.
async fn duplicates(
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
    left_out: &LeftOut,
) -> Result<Vec<Duplicates>> {
    let has = |table: &Table, part: &str| {
        let live = live.tables.get(&table.name);
        table.column(part).is_none() || live.is_some_and(|live| live.column(part).is_some())
    };
    let uniques: Vec<&(Table, Index)> = left_out
        .indexes
        .iter()
        .chain(&left_out.uniques)
        .filter(|(table, index)| {
            let parts = index.parts.iter().all(|part| has(table, &part.expr));
            index.unique && parts && live.tables.contains_key(&table.name)
        })
        .collect();
    let conditions: Vec<_> = uniques
        .iter()
        .map(|(table, index)| {
            let spelled = |part: &str| match table.column(part) {
                Some(column) => quoted(&column.name),
                None => format!("({part})"),
            };
            let parts: Vec<String> = index.parts.iter().map(|part| spelled(&part.expr)).collect();
            let set: Vec<String> = parts.iter().map(|part| format!("{part} IS NOT NULL")).collect();
            let set = set.iter().map(String::as_str).chain(index.predicate.as_deref());
            let set = set.collect::<Vec<_>>().join(" AND ");
            let (table, parts) = (quoted(&table.name), parts.join(", "));
            let twice = format!(
                "(SELECT 1 AS one FROM {table} WHERE {set} GROUP BY {parts} HAVING count(*) > 1) d"
            );
            (twice, "true".to_owned())
        })
        .collect();
    let counts = count_rows(tx, engine, &conditions).await?;
    let found = uniques.iter().zip(counts).filter(|(_, values)| *values > 0);
    let found = found.map(|((table, index), values)| Duplicates {
        table: table.name.clone(),
        unique: index.to_string(),
        values,
    });
    Ok(found.collect())
}

/// The tables too large to be scanned unasked. Where an engine enforces every key, orphans come
/// only of somebody switching that off; elsewhere every table is worth the scan.
async fn large_tables(
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
) -> Result<Vec<String>> {
    let capability = engine.capability();
    if !capability.always_enforces_foreign_keys {
        return Ok(Vec::new());
    }
    if capability.isolates_tenants {
        // Where tables are spread over tenants, nobody knows their size.
        return Ok(live.tables.keys().cloned().collect());
    }
    let size = if capability.distributes_tables {
        "CASE WHEN EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = c.oid) \
         THEN citus_relation_size(c.oid) ELSE pg_relation_size(c.oid) END"
    } else {
        "pg_relation_size(c.oid)"
    };
    let sql = format!(
        "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n \
         ON n.oid = c.relnamespace WHERE n.nspname = current_schema() \
         AND c.relkind IN ('r', 'p') AND coalesce({size}, 0) > {SMALL_TABLE} ORDER BY 1"
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
    application: &Application,
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
) -> Result<BTreeMap<&'static str, (u64, u64)>> {
    let countable: Vec<_> = (application.project.tables)()
        .iter()
        .filter_map(|def| Some((def.name, live.tables.get(def.name)?)))
        .collect();
    let census = application.seeder().census(tx, engine, &countable).await?;
    let any = census.values().any(|(present, _)| *present > 0);
    Ok(if any { census } else { BTreeMap::new() })
}
