//! Takes the sample rows away, and nothing else.

use migration::{Result, refusal::Refusal, runner::SampleRows, schema::Schema};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

use crate::{Report, TableReport, plan, ready};

/// Deletes every sample row, children first, in one transaction.
///
/// # Errors
///
/// [`migration::Error::Refused`] when real rows hang on sample rows, which would go with them.
/// Otherwise if a migration is pending or the database fails. Nothing is changed then.
pub async fn clean(db: &DatabaseConnection) -> Result<Report> {
    let engine = ready(db).await?;
    let schema = Schema::from_entities()?;
    let tx = db
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if engine.capability().table_locks {
        // A real row inserted meanwhile would be deleted by a cascade.
        let tables: Vec<String> =
            schema.tables.keys().map(|table| migration::db::quoted(table)).collect();
        tx.execute_unprepared(&format!(
            "SET LOCAL lock_timeout = '10s'; LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
            tables.join(", ")
        ))
        .await?;
    }
    let samples = |column| SampleRows { engine, column };
    let mut parts = Vec::new();
    for table in schema.tables.values() {
        // The last column of a key is the one that names the parent: the others carry the tenant.
        for parent in table.foreign_keys.iter().filter_map(|key| key.columns.last()) {
            parts.push(format!(
                "SELECT '{}' AS table_name, count(*) AS n FROM \"{}\" \
                 WHERE ({}) IS NOT TRUE AND {}",
                table.name,
                table.name,
                samples("id"),
                samples(parent)
            ));
        }
    }
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    let mut hanging: Vec<String> = Vec::new();
    for row in tx.query_all_raw(stmt).await? {
        let (table, rows): (String, i64) = (row.try_get("", "table_name")?, row.try_get("", "n")?);
        if rows > 0 && !hanging.contains(&table) {
            hanging.push(table);
        }
    }
    if !hanging.is_empty() {
        return Err(Refusal::plain(format!(
            "refused, because rows that the seeder did not make belong to sample rows, in {}: move \
             or delete them first; nothing was changed",
            hanging.join(", ")
        ))
        .into());
    }
    let planned = plan::planned(&plan::demo());
    let mut tables = Vec::new();
    for def in entity::all().iter().rev() {
        let sql = format!("DELETE FROM \"{}\" WHERE {}", def.name, samples("id"));
        let changed =
            tx.execute_raw(Statement::from_string(engine.backend(), sql)).await?.rows_affected();
        let planned = planned.get(def.name).copied().unwrap_or_default();
        tables.push(TableReport { table: def.name, changed, planned });
    }
    tx.commit().await?;
    tables.reverse();
    let report = Report { tables };
    tracing::info!(rows = report.changed(), "sample rows removed");
    Ok(report)
}
