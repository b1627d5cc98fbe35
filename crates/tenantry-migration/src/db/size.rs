//! How many rows tables have, and how much room they take.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use tenantry_entity::Engine;
use tenantry_schema::sql::literal;

use crate::error::Result;
use crate::sql::{is_table, parts};

/// Counts rows in several tables by one statement. Each entry is a table, as SQL for behind FROM,
/// and a condition on its rows; the counts come in the same order.
///
/// # Errors
///
/// If the statement fails.
pub async fn count_rows<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &[(String, String)],
) -> Result<Vec<u64>, DbErr> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(number, (table, condition))| {
            format!(
                "SELECT CAST({number} AS bigint) AS number, count(*) AS n FROM {table} \
                 WHERE {condition}"
            )
        })
        .collect();
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    let mut counts = vec![0; tables.len()];
    for row in db.query_all_raw(stmt).await? {
        let (number, rows): (i64, i64) = (row.try_get("", "number")?, row.try_get("", "n")?);
        if let Some(count) = usize::try_from(number).ok().and_then(|at| counts.get_mut(at)) {
            *count = u64::try_from(rows).unwrap_or_default();
        }
    }
    Ok(counts)
}

/// SQL for how much room the relation `c` of `pg_class` takes with all that belongs to it, in bytes:
/// on Citus, on all nodes. There, no row may have been changed in the transaction.
pub(crate) fn total_size(engine: Engine) -> &'static str {
    if engine.capability().distributes_tables {
        "CASE WHEN EXISTS (SELECT FROM pg_dist_partition d WHERE d.logicalrelid = c.oid) \
         THEN citus_total_relation_size(c.oid, false) ELSE pg_total_relation_size(c.oid) END"
    } else {
        "pg_total_relation_size(c.oid)"
    }
}

/// How much room a table takes with all that belongs to it, in bytes; `None` where that is not known.
///
/// # Errors
///
/// If the query fails.
pub async fn table_size<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    table: &str,
) -> Result<Option<i64>, DbErr> {
    let sql = match engine {
        Engine::Sqlite => format!(
            "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema \
             WHERE tbl_name = {})",
            literal(&parts(table).1)
        ),
        _ if !engine.capability().table_locks => return Ok(None),
        _ => format!(
            "SELECT {} AS bytes FROM pg_class c WHERE {}",
            total_size(engine),
            is_table("c", table)
        ),
    };
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    row.map_or(Ok(None), |row| row.try_get("", "bytes"))
}
