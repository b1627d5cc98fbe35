//! Takes the sample rows away, and nothing else.

use std::collections::BTreeMap;

use entity::{Engine, Scope};
use migration::{
    Result,
    db::{begin_for_tenant, count_rows, finish, quoted},
    lock::{self, Purpose},
    refusal::Refusal,
    runner::{
        Dependent, Destructive, dependents, note_cleaned, permit_cleaning, sample_ids, sample_rows,
    },
    schema::{Schema, Table, tenancy::ROOT},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, Statement};
use uuid::Uuid;

use crate::{Options, Report, TableReport, admission::ready};

/// Deletes every sample row, children first, in one transaction; one tenant a transaction where the
/// engine takes no more.
///
/// # Errors
///
/// [`migration::Error::Refused`] when rows that the seeder did not make hang on sample rows and
/// would go with them, in our tables or in others. Otherwise if a migration is pending or the
/// database fails. Nothing is changed then, or whole tenants are gone.
pub async fn clean(db: &DatabaseConnection, options: &Options) -> Result<Report> {
    let engine = options.engine_of(db).await?;
    let report = if engine.capability().writes_across_tenants {
        let tx = lock::begin(db, engine, Purpose::Seed, &options.patience).await?.tx;
        let outcome = delete(&tx, engine, options.confirm.as_deref()).await;
        finish(tx, outcome).await?
    } else {
        delete_by_tenant(db, engine, options.confirm.as_deref()).await?
    };
    tracing::info!(rows = report.changed(), "sample rows removed");
    Ok(report)
}

async fn delete(tx: &DatabaseTransaction, engine: Engine, confirm: Option<&str>) -> Result<Report> {
    let schema = ready(tx, engine).await?.schema;
    let tables = entity::all();
    if engine.capability().table_locks {
        // A row that is inserted meanwhile would go by a cascade. This mode also holds off the foreign
        // keys of tables that are not ours, which lock the rows that they refer to.
        let names: Vec<String> = tables.iter().map(|def| quoted(def.name)).collect();
        let names = names.join(", ");
        tx.execute_unprepared(&format!("LOCK TABLE {names} IN EXCLUSIVE MODE")).await?;
    }
    check_hanging(tx, engine).await?;
    let known: Vec<&Table> = schema.tables.values().collect();
    let permit = permit_cleaning(tx, engine, &known, confirm).await?;
    let mut deleted = BTreeMap::new();
    for def in tables.iter().rev() {
        deleted.insert(def.name, delete_from(tx, engine, &schema, def.name, &permit).await?);
    }
    note_cleaned(tx, engine).await?;
    Ok(report(&deleted))
}

/// The same on an engine that lets a transaction write to one tenant, or to what is shared.
async fn delete_by_tenant(
    db: &DatabaseConnection,
    engine: Engine,
    confirm: Option<&str>,
) -> Result<Report> {
    let schema = ready(db, engine).await?.schema;
    check_hanging(db, engine).await?;
    let tables = entity::all();
    let permit = permit_cleaning(db, engine, &[], confirm).await?;
    let mut deleted: BTreeMap<&'static str, u64> = BTreeMap::new();
    for tenant in sample_tenants(db, engine).await? {
        let tx = begin_for_tenant(db, tenant).await?;
        for def in tables.iter().rev().filter(|def| def.scope == Scope::Tenant) {
            *deleted.entry(def.name).or_default() +=
                delete_from(&tx, engine, &schema, def.name, &permit).await?;
        }
        tx.commit().await?;
    }
    for def in tables.iter().rev().filter(|def| def.scope == Scope::Shared) {
        if def.name != ROOT {
            deleted.insert(def.name, delete_from(db, engine, &schema, def.name, &permit).await?);
        }
    }
    // One by one, as they came.
    for tenant in sample_tenants(db, engine).await? {
        let sql = format!("DELETE FROM {} WHERE id = '{tenant}'", quoted(ROOT));
        let stmt = Statement::from_string(engine.backend(), sql);
        *deleted.entry(ROOT).or_default() += db.execute_raw(stmt).await?.rows_affected();
    }
    note_cleaned(db, engine).await?;
    Ok(report(&deleted))
}

/// The ids of the tenants that the seeder made.
async fn sample_tenants(db: &DatabaseConnection, engine: Engine) -> Result<Vec<Uuid>> {
    let samples = sample_ids(engine, "id", ROOT);
    let sql = format!("SELECT id FROM {} WHERE {samples} ORDER BY id", quoted(ROOT));
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    Ok(rows.iter().map(|row| row.try_get("", "id")).collect::<std::result::Result<_, _>>()?)
}

/// Deletes the sample rows of one table; returns how many there were.
async fn delete_from<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    schema: &Schema,
    table: &str,
    _permit: &Destructive,
) -> Result<u64> {
    let Some(known) = schema.tables.get(table) else { return Ok(0) };
    let sql = format!("DELETE FROM {} WHERE {}", quoted(table), sample_rows(engine, known));
    let stmt = Statement::from_string(engine.backend(), sql);
    Ok(db.execute_raw(stmt).await?.rows_affected())
}

fn report(deleted: &BTreeMap<&'static str, u64>) -> Report {
    let tables = entity::all();
    let of = |counts: &BTreeMap<&'static str, u64>, table| counts.get(table).copied();
    let tables = tables.iter().map(|def| TableReport {
        table: def.name,
        changed: of(deleted, def.name).unwrap_or_default(),
        updated: 0,
        planned: of(deleted, def.name).unwrap_or_default(),
    });
    Report { tables: tables.collect(), stopped: false }
}

/// Refuses where rows that the seeder did not make belong to sample rows.
async fn check_hanging<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<()> {
    let hanging = hanging(db, engine).await?;
    if hanging.is_empty() {
        return Ok(());
    }
    Err(Refusal::plain(format!(
        "refused, because rows that the seeder did not make belong to sample rows, in {}: move or \
         delete them first; nothing was changed",
        hanging.join(", ")
    ))
    .into())
}

/// The tables with rows that the seeder did not make and that refer to sample rows.
async fn hanging<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<Vec<String>> {
    let schema = Schema::from_entities()?;
    let ours: Vec<String> = schema.tables.keys().cloned().collect();
    let mut tables = Vec::new();
    let mut conditions = Vec::new();
    let mut heirs = Vec::new();
    // Every key that there is, also those that somebody made by hand, in this schema or another;
    // and those that the engine does not take.
    let left_out = schema.left_out(engine).foreign_keys.into_iter();
    let left_out = left_out.map(|(table, key)| Dependent::foreign_key(&table, &key));
    for dependent in dependents(db, engine, &ours).await?.into_iter().chain(left_out) {
        let Dependent::ForeignKey { table, sql_name, columns, target, ref_columns, .. } = dependent
        else {
            // What is in a table that inherits would be deleted through ours.
            if let Dependent::Heir { table, .. } = dependent {
                heirs.push(table);
            }
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
    let counts = count_rows(db, engine, &conditions).await?;
    let hanging = tables.into_iter().zip(counts).filter(|(_, rows)| *rows > 0);
    let mut hanging: Vec<String> = hanging.map(|(table, _)| table).chain(heirs).collect();
    hanging.sort();
    hanging.dedup();
    Ok(hanging)
}
