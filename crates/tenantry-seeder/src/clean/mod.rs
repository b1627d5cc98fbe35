//! Takes the sample rows away, and nothing else.

mod batches;
mod dependents;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait,
};
use tenantry_entity::{
    Tenancy,
    sample_id::{IdKind, SampleId},
};
use tenantry_migration::{
    Error, Result,
    db::{begin_for_tenant, finish, listed_ids, quoted, quoted_table, read_id},
    lock::{self, Purpose},
    runner::{Destructive, SeedingStage},
    schema::{Column, Schema, Table, names, tenancy},
};

use self::{
    batches::{Seen, Work, batches, in_batches, is_many, left},
    dependents::check_dependents,
};
use crate::{
    Options, Report, TableInfo, TableReport,
    admission::ready,
    loader::{is_file, is_server, workers},
    seeder::{Bound, Seeder},
    spec::Spec,
    verify::verified,
};

/// How many rows of each table are gone.
type Deleted = BTreeMap<&'static str, u64>;

impl Seeder {
    /// Deletes every sample row, children first: few of them in one transaction, and of many some tenants a
    /// transaction, so that whatever ends it leaves whole tenants, and a second time goes on with the rest.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when rows that the seeder did not make hang on sample rows and would go with them, in
    /// our tables or in others, and when sample rows were edited. Otherwise if a migration is
    /// pending or the database fails. Nothing is changed then, or whole tenants are gone.
    pub async fn clean(&self, db: &DatabaseConnection, options: &Options) -> Result<Report> {
        let on = &self.bound(db, options).await?;
        let report = if on.engine.capability().writes_across_tenants {
            let tx = lock::begin(db, on.engine, Purpose::Seed, &options.patience).await?.tx;
            let outcome = locked(db, &tx, on, options).await;
            match finish(tx, outcome).await? {
                Begun::Done(report) => report,
                Begun::ByBatch(work) => out_of_file(db, on, options, work).await?,
            }
        } else {
            by_tenant(db, on, options).await?
        };
        tracing::info!(rows = report.changed(), "sample rows removed");
        Ok(report)
    }
}

/// Result of the locked transaction.
enum Begun {
    /// It is done.
    Done(Report),
    /// This is to be done by transactions that take the lock for themselves, which is noted.
    ByBatch(Work),
}

async fn locked(
    db: &DatabaseConnection,
    tx: &DatabaseTransaction,
    on: &Bound,
    options: &Options,
) -> Result<Begun> {
    let consent = options.confirm.as_deref();
    let noted = on.journal.seeding(tx).await?;
    let interrupted = noted.as_ref().is_some_and(|noted| noted.stage != SeedingStage::Done);
    // A spec that this version cannot parse counts as unknown: consent is needed.
    let spec: Option<Spec> = noted.and_then(|noted| noted.spec.parse().ok());
    let set = spec.map(|spec| on.set(spec));
    let interrupted = interrupted && set.is_some();
    // What is in no tenant is in no batch.
    let has_tenants = on.tables().iter().any(TableInfo::is_root);
    let many = set.filter(|set| has_tenants && is_many(set));
    let own = match many {
        Some(_) if is_server(db) => own_connection(db).await,
        _ => None,
    };
    let Some(set) = many.filter(|_| is_file(db) || own.is_some()) else {
        let schema = ready(tx, on).await?.schema;
        lock_out_writers(tx, on).await?;
        check_dependents(tx, on, None, false).await?;
        let permit = permitted(tx, on, &schema, interrupted, consent).await?;
        let deleted = delete(tx, on, &schema, None, &permit).await?;
        on.journal.note_cleaned(tx).await?;
        return Ok(Begun::Done(report(on, &deleted, true)));
    };
    // Rolled back, it lets go of the tables that it has read.
    let look = tx.begin().await?;
    let looked = async {
        let schema = ready(&look, on).await?.schema;
        check_dependents(&look, on, None, false).await?;
        // First, so that what changes meanwhile is seen by one or the other.
        let seen = Seen::of(&look, on, &schema).await?;
        let permit = permitted(&look, on, &schema, interrupted, consent).await?;
        let tenants = sample_tenants(&look, on).await?;
        options.progress.begin(left(&set, &tenants));
        Ok::<_, Error>(Work { batches: batches(&set, tenants), set, schema, permit, seen })
    };
    let looked = looked.await;
    look.rollback().await?;
    let work = looked?;
    if options.stop.is_asked_for() {
        return Ok(Begun::Done(report(on, &Deleted::new(), false)));
    }
    let Some(own) = own else {
        on.journal.note_cleaning(tx, &work.set.spec().to_string()).await?;
        return Ok(Begun::ByBatch(work));
    };
    on.journal.note_cleaning(&own, &work.set.spec().to_string()).await?;
    let begin = async || {
        let batch = TransactionTrait::begin(&own).await?;
        batch.execute_unprepared(&options.patience.settings_sql()).await?;
        Ok(batch)
    };
    let done = in_batches(begin, on, options, &work).await;
    own.close().await?;
    done.map(Begun::Done)
}

/// Another connection to the same server, if it takes one.
async fn own_connection(db: &DatabaseConnection) -> Option<DatabaseConnection> {
    let pool = workers(db, 1);
    match pool.acquire().await {
        Ok(_) => Some(DatabaseConnection::from(pool)),
        Err(error) => {
            tracing::debug!(%error, "no second connection: all of it is one transaction");
            None
        }
    }
}

/// Out of an SQLite file, whose lock is the one for writing: every batch takes it for itself.
async fn out_of_file(
    db: &DatabaseConnection,
    on: &Bound,
    options: &Options,
    work: Work,
) -> Result<Report> {
    let begin = async || Ok(lock::begin(db, on.engine, Purpose::Seed, &options.patience).await?.tx);
    in_batches(begin, on, options, &work).await
}

/// Holds off everybody who would insert. Their rows would go by a cascade.
async fn lock_out_writers<C: ConnectionTrait>(tx: &C, on: &Bound) -> Result<()> {
    if !on.engine.capability().table_locks {
        return Ok(());
    }
    // This mode also holds off the foreign keys of tables that are not ours, which lock the rows that they
    // refer to.
    let names: Vec<String> = on.tables().iter().map(|info| quoted_table(info.name)).collect();
    tx.execute_unprepared(&format!("LOCK TABLE {} IN EXCLUSIVE MODE", names.join(", "))).await?;
    Ok(())
}

/// Permits it unless sample rows were edited.
async fn permitted(
    tx: &DatabaseTransaction,
    on: &Bound,
    schema: &Schema,
    interrupted: bool,
    consent: Option<&str>,
) -> Result<Destructive> {
    // Of rows that are not all there, the journal does not have the sum.
    let as_made = if interrupted { as_made(tx, on, schema).await? } else { BTreeSet::new() };
    let tables = schema.tables.values().filter(|table| !as_made.contains(table.name.as_str()));
    on.journal.permit_cleaning(tx, &tables.collect::<Vec<&Table>>(), consent).await
}

/// The tables in which every sample row that is there is as it was made.
async fn as_made(
    tx: &DatabaseTransaction,
    on: &Bound,
    schema: &Schema,
) -> Result<BTreeSet<&'static str>> {
    let lacks = |table: &str, column: &str| {
        schema.tables.get(table).is_some_and(|live| live.column(column).is_none())
    };
    if on.tables().iter().any(|def| def.columns.iter().any(|column| lacks(def.name, column))) {
        // Then no row is what a factory makes.
        return Ok(BTreeSet::new());
    }
    let verification = verified(tx, on, None).await?;
    let differs = |table: &str| {
        let mut differences = verification.differences.iter().filter(|it| it.table == table);
        differences.any(|it| it.changed + it.unknown > 0)
    };
    // It is not known what should be in a column that the entities do not have.
    let is_known = |table: &str, columns: &[&str]| {
        let live = schema.tables.get(table);
        let is_known = |it: &Column| it.generated.is_some() || columns.contains(&it.name.as_str());
        live.is_some_and(|it| it.columns.iter().all(is_known))
    };
    let tables = on.tables().iter();
    let tables = tables.filter(|def| !differs(def.name) && is_known(def.name, &def.columns));
    Ok(tables.map(|def| def.name).collect())
}

/// Deletes the sample rows of all tables, or those that belong to these tenants.
async fn delete<C: ConnectionTrait>(
    tx: &C,
    on: &Bound,
    schema: &Schema,
    tenants: Option<&[SampleId]>,
    permit: &Destructive,
) -> Result<Deleted> {
    let mut deleted = Deleted::new();
    for def in on.tables().iter().rev() {
        let only = match tenants {
            None => String::new(),
            Some(tenants) => {
                let listed = listed_ids(on.engine, tenants);
                let Some(theirs) = belonging_to(schema, &on.names(), def.name, &listed) else {
                    continue;
                };
                format!("{theirs} AND ")
            }
        };
        deleted.insert(def.name, delete_from(tx, on, schema, def.name, &only, permit).await?);
    }
    Ok(deleted)
}

/// SQL that is true for the rows of a table that belong to these tenants, by a column of their own or through their
/// parents; `None` if they belong to none.
fn belonging_to(schema: &Schema, names: &Tenancy, table: &str, listed: &str) -> Option<String> {
    let table = schema.tables.get(table)?;
    if let Some(column) = tenancy::column_of(names, table) {
        return Some(format!("{} IN ({listed})", quoted(column)));
    }
    let (key, parent) = tenancy::owner(schema, names, table)?;
    let theirs = belonging_to(schema, names, &parent.name, listed)?;
    let (column, of_parent) = (key.columns.first()?, key.ref_columns.first()?);
    Some(format!(
        "{} IN (SELECT {} FROM {} WHERE {theirs})",
        quoted(column),
        quoted(of_parent),
        quoted_table(&parent.name)
    ))
}

/// The same on an engine that lets a transaction write to one tenant, or to what is shared.
async fn by_tenant(db: &DatabaseConnection, on: &Bound, options: &Options) -> Result<Report> {
    let schema = ready(db, on).await?.schema;
    check_dependents(db, on, None, false).await?;
    let tables = on.tables();
    let permit = on.journal.permit_cleaning(db, &[], options.confirm.as_deref()).await?;
    let mut deleted = Deleted::new();
    for tenant in sample_tenants(db, on).await? {
        if options.stop.is_asked_for() {
            return Ok(report(on, &deleted, false));
        }
        let tx = begin_for_tenant(db, on.names().setting, tenant).await?;
        for def in tables.iter().rev().filter(|def| def.tenant_column().is_some()) {
            *deleted.entry(def.name).or_default() +=
                delete_from(&tx, on, &schema, def.name, "", &permit).await?;
        }
        tx.commit().await?;
    }
    for def in tables.iter().rev().filter(|def| def.is_shared()) {
        let rows = delete_from(db, on, &schema, def.name, "", &permit).await?;
        deleted.insert(def.name, rows);
    }
    let Tenancy { root, root_key, .. } = on.names();
    // One by one, as they came.
    for tenant in sample_tenants(db, on).await? {
        let only = format!("{} = '{tenant}' AND ", names::in_condition(root_key));
        *deleted.entry(root).or_default() +=
            delete_from(db, on, &schema, root, &only, &permit).await?;
    }
    on.journal.note_cleaned(db).await?;
    Ok(report(on, &deleted, true))
}

/// The ids of the tenants that the seeder made.
async fn sample_tenants<C: ConnectionTrait>(db: &C, on: &Bound) -> Result<Vec<SampleId>> {
    let Tenancy { root, root_key, .. } = on.names();
    let key = names::in_condition(root_key);
    let samples = on.journal.ids(&key, root);
    let sql = format!("SELECT {key} AS id FROM {} WHERE {samples} ORDER BY 1", quoted_table(root));
    let rows = db.query_all_raw(Statement::from_string(on.engine.backend(), sql)).await?;
    let kind = on.tables().iter().find(|info| info.is_root()).and_then(TableInfo::kind);
    let kind = kind.unwrap_or(IdKind::Uuid);
    Ok(rows.iter().map(|row| read_id(row, "id", kind)).collect::<std::result::Result<_, _>>()?)
}

/// Deletes the sample rows of one table that also meet a condition; returns how many there were.
async fn delete_from<C: ConnectionTrait>(
    db: &C,
    on: &Bound,
    schema: &Schema,
    table: &str,
    only: &str,
    _permit: &Destructive,
) -> Result<u64> {
    let Some(known) = schema.tables.get(table) else { return Ok(0) };
    let sql = format!("DELETE FROM {} WHERE {only}{}", quoted_table(table), on.journal.rows(known));
    let stmt = Statement::from_string(on.engine.backend(), sql);
    Ok(db.execute_raw(stmt).await?.rows_affected())
}

fn report(on: &Bound, deleted: &Deleted, done: bool) -> Report {
    let tables = on.tables().iter().map(|def| {
        let rows = deleted.get(def.name).copied().unwrap_or_default();
        TableReport { table: def.name, changed: rows, updated: 0, planned: rows }
    });
    Report { tables: tables.collect(), nodes: Vec::new(), stopped: !done }
}
