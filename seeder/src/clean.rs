//! Takes the sample rows away, and nothing else.

use entity::Engine;
use migration::{
    Migrator, Result, Runner,
    db::{begin_write, count_rows, finish, quoted},
    refusal::Refusal,
    runner::{Dependent, dependents, sample_rows},
    schema::Schema,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, Statement};

use crate::{Report, TableReport, plan, ready};

/// Deletes every sample row, children first, in one transaction.
///
/// # Errors
///
/// [`migration::Error::Refused`] when rows that the seeder did not make hang on sample rows and
/// would go with them, in our tables or in others. Otherwise if a migration is pending or the
/// database fails. Nothing is changed then.
pub async fn clean(db: &DatabaseConnection) -> Result<Report> {
    let engine = Runner::new::<Migrator>(db)?.engine();
    let tx = begin_write(db, engine).await?;
    let outcome = delete(&tx, engine).await;
    let report = finish(tx, outcome).await?;
    tracing::info!(rows = report.changed(), "sample rows removed");
    Ok(report)
}

async fn delete(tx: &DatabaseTransaction, engine: Engine) -> Result<Report> {
    ready(tx).await?;
    let tables = entity::all();
    if engine.capability().table_locks {
        // A row inserted meanwhile could go by a cascade.
        let names: Vec<String> = tables.iter().map(|def| quoted(def.name)).collect();
        let names = names.join(", ");
        tx.execute_unprepared(&format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")).await?;
    }
    let hanging = hanging(tx, engine).await?;
    if !hanging.is_empty() {
        return Err(Refusal::plain(format!(
            "refused, because rows that the seeder did not make belong to sample rows, in {}: move \
             or delete them first; nothing was changed",
            hanging.join(", ")
        ))
        .into());
    }
    let planned = plan::planned(&plan::demo());
    let schema = Schema::from_entities()?;
    let mut reports = Vec::new();
    for def in tables.iter().rev() {
        let Some(table) = schema.tables.get(def.name) else { continue };
        let samples = sample_rows(engine, table);
        let sql = format!("DELETE FROM {} WHERE {samples}", quoted(def.name));
        let stmt = Statement::from_string(engine.backend(), sql);
        let changed = tx.execute_raw(stmt).await?.rows_affected();
        let planned = planned.get(def.name).copied().unwrap_or_default();
        reports.push(TableReport { table: def.name, changed, planned });
    }
    reports.reverse();
    Ok(Report { tables: reports })
}

/// The tables with rows that the seeder did not make and that refer to sample rows.
async fn hanging(tx: &DatabaseTransaction, engine: Engine) -> Result<Vec<String>> {
    let schema = Schema::from_entities()?;
    let ours: Vec<String> = schema.tables.keys().cloned().collect();
    let mut tables = Vec::new();
    let mut conditions = Vec::new();
    // Every key that there is, also those that somebody made by hand, in this schema or another.
    for dependent in dependents(tx, engine, &ours).await? {
        let Dependent::ForeignKey { table, sql_name, columns, target, ref_columns, .. } = dependent
        else {
            continue;
        };
        let Some(parent) = schema.tables.get(&target) else { continue };
        let real = match schema.tables.get(&table) {
            Some(own) => format!("({}) IS NOT TRUE", sample_rows(engine, own)),
            // In a table that is not ours, no row is the seeder's.
            None => "true".to_owned(),
        };
        let joined: Vec<String> = columns
            .iter()
            .zip(&ref_columns)
            .map(|(from, to)| format!("p.{} = c.{}", quoted(to), quoted(from)))
            .collect();
        let condition = format!(
            "{real} AND EXISTS (SELECT 1 FROM {} p WHERE {} AND {})",
            quoted(&target),
            joined.join(" AND "),
            sample_rows(engine, parent)
        );
        tables.push(table);
        conditions.push((format!("{sql_name} c"), condition));
    }
    let counts = count_rows(tx, engine, &conditions).await?;
    let hanging = tables.into_iter().zip(counts).filter(|(_, rows)| *rows > 0);
    let mut hanging: Vec<String> = hanging.map(|(table, _)| table).collect();
    hanging.sort();
    hanging.dedup();
    Ok(hanging)
}
