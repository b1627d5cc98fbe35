//! What the rules need to know, gathered in a fixed number of queries.

use std::collections::BTreeMap;

use migration::{
    Migrator,
    db::{Database, quoted},
    diff::{Change, diff},
    error::Result,
    schema::{self, ForeignKey, Schema},
};
use sea_orm::{ConnectionTrait, Statement};

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
    pub rows: i64,
}

pub(super) async fn gather(db: &Database, options: &ValidateOptions) -> Result<Facts> {
    let neutral = Schema::from_entities()?;
    let tables = neutral.tables.len();
    let live = schema::read(&db.connection, db.engine).await?;
    let mut unknown_tables: Vec<String> =
        live.tables.keys().filter(|name| !neutral.tables.contains_key(*name)).cloned().collect();
    unknown_tables.retain(|name| *name != Migrator::bookkeeping());
    let live = live.filtered(|name| neutral.tables.contains_key(name));
    let expected = schema::expected(&db.connection, db.engine, neutral).await?;
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
    let (orphans, skipped) = orphans(db, &live, options.deep).await?;
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
        samples: samples(db, &live).await?,
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

/// Finds rows without their parent, and says which tables were too large to look.
async fn orphans(db: &Database, live: &Schema, deep: bool) -> Result<(Vec<Orphans>, Vec<String>)> {
    let keys: Vec<(&str, &ForeignKey)> = live
        .tables
        .values()
        .flat_map(|table| table.foreign_keys.iter().map(|key| (table.name.as_str(), key)))
        .filter(|(_, key)| {
            // SQLite lets a key name what does not exist; there is nothing to join with then.
            let parent = live.tables.get(&key.ref_table);
            parent.is_some_and(|parent| {
                key.ref_columns.iter().all(|column| parent.column(column).is_some())
            })
        })
        .collect();
    let mut skipped = Vec::new();
    // An engine that enforces every key has orphans only after somebody switched that off.
    let small: Vec<String> = if db.engine.capability().always_enforces_foreign_keys && !deep {
        let sql = "SELECT c.relname::text AS name, pg_relation_size(c.oid) AS bytes \
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')";
        let stmt = Statement::from_string(db.engine.backend(), sql);
        let mut small = Vec::new();
        for row in db.connection.query_all_raw(stmt).await? {
            let (name, bytes): (String, i64) =
                (row.try_get("", "name")?, row.try_get("", "bytes")?);
            if bytes <= SMALL_TABLE {
                small.push(name);
            } else if live.tables.contains_key(&name) {
                skipped.push(name);
            }
        }
        small
    } else {
        live.tables.keys().cloned().collect()
    };
    let parts: Vec<String> = keys
        .iter()
        .enumerate()
        .filter(|(_, (table, _))| small.iter().any(|name| name == table))
        .map(|(number, (table, key))| orphan_query(number, table, key))
        .collect();
    if parts.is_empty() {
        return Ok((Vec::new(), skipped));
    }
    let stmt = Statement::from_string(db.engine.backend(), parts.join(" UNION ALL "));
    let mut found = Vec::new();
    for row in db.connection.query_all_raw(stmt).await? {
        let (number, rows): (i64, i64) = (row.try_get("", "number")?, row.try_get("", "n")?);
        if rows > 0
            && let Some((table, key)) =
                usize::try_from(number).ok().and_then(|number| keys.get(number))
        {
            found.push(Orphans {
                table: (*table).to_owned(),
                parent: key.ref_table.clone(),
                columns: key.columns.join(", "),
                rows,
            });
        }
    }
    Ok((found, skipped))
}

/// Counts the rows of a table that refer to nothing. A key with a NULL in it refers to nothing by
/// right.
fn orphan_query(number: usize, table: &str, key: &ForeignKey) -> String {
    let pairs = key.columns.iter().zip(&key.ref_columns);
    let joined: Vec<String> =
        pairs.map(|(from, to)| format!("p.{} = c.{}", quoted(to), quoted(from))).collect();
    let set: Vec<String> =
        key.columns.iter().map(|column| format!("c.{} IS NOT NULL", quoted(column))).collect();
    format!(
        "SELECT CAST({number} AS bigint) AS number, count(*) AS n FROM {} c \
         WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
        quoted(table),
        set.join(" AND "),
        quoted(&key.ref_table),
        joined.join(" AND ")
    )
}

/// Counts the sample rows, unless there are none.
async fn samples(db: &Database, live: &Schema) -> Result<BTreeMap<&'static str, (u64, u64)>> {
    let countable: Vec<&'static str> = entity::all()
        .iter()
        .map(|def| def.name)
        .filter(|name| live.tables.get(*name).is_some_and(|table| table.column("id").is_some()))
        .collect();
    let census = seeder::census(&db.connection, db.engine, &countable).await?;
    let any = census.values().any(|(present, _)| *present > 0);
    Ok(if any { census } else { BTreeMap::new() })
}
