//! Rows without their parent, equal rows, and sample rows.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Statement};
use tenantry_entity::Engine;
use tenantry_migration::{
    db::{count_rows, is_ours, name_in_model, quoted, quoted_table},
    error::Result,
    schema::{ForeignKey, Index, LeftOut, Schema, Table},
};

use crate::Seeder;

/// A table up to this size is scanned for orphans even without being asked to, in bytes.
const SMALL_TABLE: i64 = 16 * 1024 * 1024;

/// Rows of a table whose parent does not exist.
pub(in crate::validation) struct Orphans {
    pub table: String,
    pub parent: String,
    pub columns: String,
    pub rows: u64,
}

/// Rows of a table that are equal in what should be unique.
pub(in crate::validation) struct Duplicates {
    pub table: String,
    pub unique: String,
    pub values: u64,
}

/// Finds rows without their parent, along the keys that should be there, whether they are or not.
/// Says which tables were too large to look.
pub(super) async fn orphans(
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
        keys.iter().map(|(table, key)| (quoted_table(table), has_no_parent(table, key))).collect();
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
pub(super) async fn duplicates(
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
            let (table, parts) = (quoted_table(&table.name), parts.join(", "));
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
/// only where that was switched off; elsewhere every table is worth the scan.
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
        // Where tables are spread over tenants, their size is not known.
        return Ok(live.tables.keys().cloned().collect());
    }
    let size = if capability.distributes_tables {
        "CASE WHEN EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = c.oid) \
         THEN citus_relation_size(c.oid) ELSE pg_relation_size(c.oid) END"
    } else {
        "pg_relation_size(c.oid)"
    };
    let sql = format!(
        "SELECT {} AS name FROM pg_class c WHERE {} \
         AND c.relkind IN ('r', 'p') AND coalesce({size}, 0) > {SMALL_TABLE} ORDER BY 1",
        name_in_model("c"),
        is_ours("c.relnamespace")
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
    let table = quoted_table(table);
    let pairs = key.columns.iter().zip(&key.ref_columns);
    let joined: Vec<String> =
        pairs.map(|(from, to)| format!("p.{} = {table}.{}", quoted(to), quoted(from))).collect();
    let set: Vec<String> =
        key.columns.iter().map(|column| format!("{} IS NOT NULL", quoted(column))).collect();
    format!(
        "{} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
        set.join(" AND "),
        quoted_table(&key.ref_table),
        joined.join(" AND ")
    )
}

/// Counts the sample rows, unless there are none.
pub(super) async fn samples(
    seeder: Option<&Seeder>,
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
) -> Result<BTreeMap<&'static str, (u64, u64)>> {
    let Some(seeder) = seeder else { return Ok(BTreeMap::new()) };
    let countable: Vec<_> = (seeder.project.tables)()
        .iter()
        .filter_map(|def| Some((def.name, live.tables.get(def.name)?)))
        .collect();
    let census = seeder.census(tx, engine, &countable).await?;
    let any = census.values().any(|(present, _)| *present > 0);
    Ok(if any { census } else { BTreeMap::new() })
}
