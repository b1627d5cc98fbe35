//! Distributing the tables of a database that was on one server until now.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, Statement, sea_query::PostgresQueryBuilder,
};
use sea_orm_migration::SchemaManager;
use serde::Serialize;
use tenantry_entity::Engine;

use super::health::tables_left_behind;
use crate::{
    db::{Database, finish, literal, quoted},
    diff::Change,
    drift::{Accepted, Drift, drift, plain_indexes},
    error::{Error, Result},
    lock::{self, Purpose},
    ops::{
        context::{ApplicationRole, Context},
        v1,
    },
    plan::Operation,
    refusal::Refusal,
    schema::{Distribution, ForeignKey, Table, ddl},
};

/// What [`distribute`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Distributed {
    /// The tables that were distributed, in order, with their rows.
    pub tables: Vec<(String, u64)>,
    /// The foreign keys that were missing, and were added.
    pub keys: Vec<String>,
    /// The tables whose rows were removed from where they were before.
    pub cleared: Vec<String>,
}

/// Distributes the tables that the migrations have made while this was a plain PostgreSQL, rows kept;
/// does nothing where they are distributed already. All of it in one transaction, in which no other session
/// writes to them.
///
/// `online`, tables are distributed one by one while applications write to them, which takes logical
/// replication on this node. Foreign keys between tenant-scoped tables are away until all are done: Citus
/// refuses them meanwhile. Interrupted, it is gone on with by calling it again, in either form.
///
/// # Errors
///
/// If the engine has one node only, or if a statement fails: without `online`, nothing is changed then.
pub async fn distribute(db: &Database, online: bool) -> Result<Distributed> {
    if db.engine == Engine::Sqlite {
        return Err(Refusal::plain("not-citus", format!(
            "{} is an SQLite file, and tables are distributed on Citus only; nothing was changed",
            db.name
        ))
        .into());
    }
    if !db.engine.capability().distributes_tables {
        return Err(Refusal::plain(
            "not-citus",
            format!(
                "{} is {}, which has one node: create the extension citus, and add nodes, first",
                db.name, db.engine
            ),
        )
        .into());
    }
    // Nodes work on each other as the role: it has to be able to log in before it is granted anything.
    db.project.runner(db)?.grant().await?;
    let mut done = Distributed::default();
    if online {
        one_by_one(db, &mut done).await?;
    } else {
        at_once(db, &mut done).await?;
    }
    done.cleared = clear(db).await?;
    tidy(db).await;
    Ok(done)
}

/// What there is to do.
struct Work {
    /// Tables to distribute, those referred to first.
    tables: Vec<(Table, Distribution)>,
    /// Those of them that Citus has in its metadata already: it distributes none with a foreign key.
    taken: Vec<String>,
    /// Statements that make plain indexes of uniques that no distributed table can have.
    uniques: Vec<String>,
    /// Foreign keys that are missing, with their tables.
    missing: Vec<(String, ForeignKey)>,
    /// The foreign keys that entities have, by name.
    known: BTreeSet<String>,
}

impl Work {
    /// Reads it off the difference between what there is and what should be.
    fn of(drift: &Drift, engine: Engine) -> Result<Self> {
        let mut wanted: BTreeMap<&str, &Distribution> = BTreeMap::new();
        let (mut taken, mut missing) = (Vec::new(), Vec::new());
        for change in &drift.changes {
            match change {
                Change::AlterDistribution { table, from, to } => {
                    match from {
                        None => {}
                        Some(Distribution::Other(_)) => taken.push(table.clone()),
                        Some(from) => return Err(otherwise(table, from)),
                    }
                    wanted.extend(to.as_ref().map(|to| (table.as_str(), to)));
                }
                Change::AddForeignKey { table, key } => {
                    let is_there = |table: &String| drift.live.tables.contains_key(table);
                    if is_there(table) && is_there(&key.ref_table) {
                        missing.push((table.clone(), key.clone()));
                    }
                }
                _ => {}
            }
        }
        let order = drift.entities.in_foreign_key_order().into_iter();
        let tables = order
            .filter_map(|table| Some((table.clone(), (*wanted.get(table.name.as_str())?).clone())));
        Ok(Self {
            tables: tables.collect(),
            taken,
            uniques: plain_indexes(drift, engine),
            missing,
            known: drift
                .entities
                .tables
                .values()
                .flat_map(|table| &table.foreign_keys)
                .filter_map(|key| key.name.clone())
                .collect(),
        })
    }
}

fn otherwise(table: &str, is: &Distribution) -> Error {
    Refusal::plain(
        "distribution-differs",
        format!(
            "{table} is {is}, which is not as it should be: drop its foreign keys, run `SELECT \
         undistribute_table({})`, and then this again, which adds them; nothing was changed",
            literal(&quoted(table))
        ),
    )
    .into()
}

async fn work_on<C>(db: &C, of: &Database) -> Result<Work>
where
    C: ConnectionTrait + sea_orm::TransactionTrait<Transaction = sea_orm::DatabaseTransaction>,
{
    let accepted = Accepted::compiled_in(of.project)?;
    Work::of(&drift(of.project, db, of.engine, &of.application_role, &accepted).await?, of.engine)
}

async fn at_once(db: &Database, done: &mut Distributed) -> Result<()> {
    let locked = lock::begin(&db.connection, db.engine, Purpose::Migrate, &db.patience).await?;
    let tx = locked.tx;
    let outcome = async {
        let mut work = work_on(&tx, db).await?;
        while let Some(table) = work.taken.first() {
            let sql = format!(
                "SELECT undistribute_table({}, cascade_via_foreign_keys => true)",
                literal(&quoted(table))
            );
            tx.execute_unprepared(&sql).await?;
            work = work_on(&tx, db).await?;
        }
        for sql in &work.uniques {
            tx.execute_unprepared(sql).await?;
        }
        if !work.tables.is_empty() {
            // No session writes in between, so that rows can be counted.
            let names = work.tables.iter().map(|(table, _)| quoted(&table.name));
            let names = names.collect::<Vec<_>>().join(", ");
            tx.execute_unprepared(&format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
                .await?;
        }
        let manager = SchemaManager::new(&tx);
        for (table, distribution) in &work.tables {
            let before = count(&tx, db.engine, &table.name).await?;
            tracing::info!("distributing {}: {before} rows", table.name);
            let operation = Operation::distribute(table, distribution.clone());
            context(db).during(operation.run(&manager)).await?;
            let after = count(&tx, db.engine, &table.name).await?;
            if before != after {
                return Err(Error::unusable(
                    "rows-miscounted",
                    format!(
                        "{} had {before} rows before it was distributed, and {after} after; nothing was \
                     changed",
                        table.name
                    ),
                ));
            }
            done.tables.push((table.name.clone(), after));
        }
        for (table, key) in work_on(&tx, db).await?.missing {
            for sql in adding(&tx, db.engine, &table, &key).await? {
                tx.execute_unprepared(&sql).await?;
            }
            done.keys.extend(key.name);
        }
        Ok(())
    };
    let outcome = outcome.await;
    finish(tx, outcome).await
}

/// The statements that add a foreign key: rows that are there are looked at afterwards, while others go on
/// writing. One that was interrupted in between has only that left.
async fn adding<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    table: &str,
    key: &ForeignKey,
) -> Result<Vec<String>> {
    let name = key.name.clone().unwrap_or_default();
    tracing::info!("adding the foreign key {name}");
    let sql = format!(
        "SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass({}) AND conname = {}",
        literal(&quoted(table)),
        literal(&name)
    );
    let half = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?.is_some();
    let add = ddl::foreign_key(table, key).to_string(PostgresQueryBuilder);
    let add = (!half).then(|| format!("{add} NOT VALID"));
    let validate = format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", quoted(table), quoted(&name));
    Ok(add.into_iter().chain([validate]).collect())
}

/// What operations are told outside of a runner.
fn context(db: &Database) -> Context {
    let application_role = ApplicationRole { name: db.application_role.clone(), exists: true };
    Context { engine: db.engine, application_role, tenancy: db.project.names() }
}

async fn count<C: ConnectionTrait>(db: &C, engine: Engine, table: &str) -> Result<u64> {
    let tables = [(quoted(table), "true".to_owned())];
    Ok(crate::db::count_rows(db, engine, &tables).await?.first().copied().unwrap_or_default())
}

/// Runs a statement in a transaction of its own, so that it holds few locks while applications go on;
/// again, where one of theirs was in the way.
async fn patiently(db: &Database, sql: &str) -> Result<()> {
    let mut attempt = 1;
    loop {
        let locked = lock::begin(&db.connection, db.engine, Purpose::Resume, &db.patience).await?;
        let done = locked.tx.execute_unprepared(sql).await;
        match finish(locked.tx, done.map_err(Error::from)).await {
            Err(error) if error.is_about_a_lock() && attempt < db.patience.attempts => {
                tracing::info!("another session was in the way, trying again: {sql}");
                attempt += 1;
            }
            outcome => return outcome.map(|_| ()),
        }
    }
}

async fn one_by_one(db: &Database, done: &mut Distributed) -> Result<()> {
    let connection = &db.connection;
    check_logical(connection, db.engine).await?;
    // The lock is kept from here on, by the one connection that there is.
    let locked = lock::begin(connection, db.engine, Purpose::Migrate, &db.patience).await?;
    let kept = async {
        let work = work_on(&locked.tx, db).await?;
        lock::keep(&locked.tx, db.engine).await?;
        Ok(work)
    };
    let kept = kept.await;
    let work = finish(locked.tx, kept).await?;
    let outcome = steps(db, work, done).await;
    let let_go = lock::let_go(connection, db.engine).await;
    // Where the connection was lost, the first of them says why.
    outcome.and(let_go)
}

async fn steps(db: &Database, work: Work, done: &mut Distributed) -> Result<()> {
    let connection = &db.connection;
    let keys = keys_of(connection, db.engine, &work.tables).await?;
    if let Some((table, key)) = keys.iter().find(|(_, key)| !work.known.contains(key)) {
        return Err(Refusal::plain("foreign-key-unknown", format!(
            "{table} has the foreign key {key}, which no entity has, so that it would be dropped and not \
             added again: drop it, or leave out --online; nothing was changed"
        ))
        .into());
    }
    let mut first: Vec<String> =
        if work.uniques.is_empty() { Vec::new() } else { vec![work.uniques.join("; ")] };
    first.extend(keys.iter().map(|(table, key)| {
        format!("ALTER TABLE {} DROP CONSTRAINT {}", quoted(table), quoted(key))
    }));
    if !first.is_empty() {
        tracing::info!("foreign keys are away until all tables are distributed");
    }
    for sql in &first {
        patiently(db, sql).await?;
    }
    connection.execute_unprepared(&format!("{FOR_A_SESSION}; {NOTICE}")).await?;
    for (table, distribution) in &work.tables {
        let sql = match distribution {
            Distribution::By(column) => {
                v1::distribute_online_sql(&table.name, column, table.beside())
            }
            // There is no such form of it, and shared tables are small.
            _ => v1::replicate_sql(&table.name),
        };
        tracing::info!("distributing {} while it is written to", table.name);
        connection.execute_unprepared(&sql).await?;
        done.tables.push((table.name.clone(), count(connection, db.engine, &table.name).await?));
    }
    // What is missing now is what was dropped, here or in a call before that was interrupted.
    let locked = lock::begin(connection, db.engine, Purpose::Resume, &db.patience).await?;
    let missing = work_on(&locked.tx, db).await.map(|work| work.missing);
    for (table, key) in finish(locked.tx, missing).await? {
        for sql in adding(connection, db.engine, &table, &key).await? {
            patiently(db, &sql).await?;
        }
        done.keys.extend(key.name);
    }
    Ok(())
}

/// The foreign keys of these tables with the tables, also those that were never validated.
async fn keys_of<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &[(Table, Distribution)],
) -> std::result::Result<Vec<(String, String)>, DbErr> {
    let names: Vec<String> = tables.iter().map(|(table, _)| literal(&table.name)).collect();
    let sql = format!(
        "SELECT c.relname::text AS tbl, k.conname::text AS name FROM pg_constraint k \
         JOIN pg_class c ON c.oid = k.conrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
         WHERE k.contype = 'f' AND c.relname = ANY (ARRAY[{}]::text[]) ORDER BY 1, 2",
        names.join(", ")
    );
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "tbl")?, row.try_get("", "name")?))).collect()
}

/// What a transaction of ours sets, for statements that run in none.
const FOR_A_SESSION: &str = "SET citus.enable_local_reference_table_foreign_keys = off; \
                             SET row_security = off";

/// Lets the server notice that its client is gone, and stop: such a statement may wait for long, and keeps
/// the lock meanwhile.
pub(super) const NOTICE: &str = "SET client_connection_check_interval = '5s'";

/// Fails unless this node lets others follow what is written to it.
async fn check_logical(db: &DatabaseConnection, engine: Engine) -> Result<()> {
    let sql = "SELECT current_setting('wal_level') AS level";
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    let level: String = row.map(|row| row.try_get("", "level")).transpose()?.unwrap_or_default();
    if level == "logical" {
        return Ok(());
    }
    Err(Refusal::plain("no-replica-identity", format!(
        "tables that are written to meanwhile are copied by logical replication, and this node has \
         wal_level = {level}: set wal_level = logical and restart it, or leave out --online, which \
         keeps writers waiting; nothing was changed"
    ))
    .into())
}

/// Removes the rows of distributed tables from where they were before: they have been copied, and no
/// query sees them there.
async fn clear(db: &Database) -> Result<Vec<String>> {
    let locked = lock::begin(&db.connection, db.engine, Purpose::Migrate, &db.patience).await?;
    let tx = locked.tx;
    let outcome = async {
        let stmt = Statement::from_string(db.engine.backend(), tables_left_behind());
        let names: std::result::Result<Vec<String>, DbErr> =
            tx.query_all_raw(stmt).await?.iter().map(|row| row.try_get("", "tbl")).collect();
        let known: BTreeSet<&str> = (db.project.tables)().iter().map(|def| def.name).collect();
        let mut names = names?;
        names.retain(|name| known.contains(name.as_str()));
        for name in &names {
            let sql = format!(
                "SELECT truncate_local_data_after_distributing_table({})",
                literal(&quoted(name))
            );
            tx.execute_unprepared(&sql).await?;
        }
        Ok(names)
    };
    let outcome = outcome.await;
    finish(tx, outcome).await
}

/// Removes what copying has left behind. Citus does so by itself after a while, and may be at it already.
pub(super) async fn tidy(db: &Database) {
    let sql = "CALL citus_cleanup_orphaned_resources()";
    if let Err(error) = db.connection.execute_unprepared(sql).await {
        tracing::debug!(
            "what copying has left is removed later: {}",
            crate::error::explain(&error)
        );
    }
}
