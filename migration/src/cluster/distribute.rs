//! Distributing the tables of a database that was on one server until now.

use std::collections::{BTreeMap, BTreeSet};

use entity::Engine;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use sea_orm_migration::SchemaManager;
use serde::Serialize;

use super::health::tables_left_behind;
use crate::{
    db::{Database, finish, literal, quoted},
    diff::Change,
    drift::{Accepted, Drift, drift},
    error::{Error, List, Result},
    lock::{self, Purpose},
    ops::context::{ApplicationRole, Context},
    plan::Operation,
    refusal::Refusal,
    runner_on,
    schema::{Distribution, ForeignKey, Table, ddl, tenancy},
};

/// What [`distribute`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Distributed {
    /// The tables that were distributed, in order, with their rows.
    pub tables: Vec<(String, u64)>,
    /// The tables whose rows were removed from where they were before.
    pub cleared: Vec<String>,
}

/// Distributes the tables that the migrations have made while this was a plain PostgreSQL, rows kept;
/// does nothing where they are distributed already. All of it in one transaction, in which nobody
/// writes to them.
///
/// `online`, tables are distributed one by one while applications write to them, which takes logical
/// replication on this node. Foreign keys between tenant-scoped tables are away until all are done: Citus
/// refuses them meanwhile. Interrupted, it is gone on with by calling it again.
///
/// # Errors
///
/// If the engine has one node only, if tables are missing, or if a statement fails: without `online`,
/// nothing is changed then.
pub async fn distribute(db: &Database, online: bool) -> Result<Distributed> {
    if !db.engine.capability().distributes_tables {
        return Err(Refusal::plain(format!(
            "{} is {}, which has one node: create the extension citus, and add nodes, first",
            db.name, db.engine
        ))
        .into());
    }
    // Nodes work on each other as the role: it has to be able to log in before it is granted anything.
    runner_on(db)?.grant().await?;
    let mut done = Distributed::default();
    if online {
        one_by_one(db, &mut done).await?;
    } else {
        at_once(db, &mut done).await?;
    }
    done.cleared = clear(db).await?;
    Ok(done)
}

/// What there is to do.
struct Work {
    /// Tables to distribute, those referred to first.
    tables: Vec<(Table, Distribution)>,
    /// Statements that make plain indexes of uniques that no distributed table can have.
    uniques: Vec<String>,
    /// Foreign keys that are missing, with their tables.
    missing: Vec<(String, ForeignKey)>,
    live: Vec<Table>,
}

impl Work {
    /// Reads it off the difference between what there is and what should be.
    fn of(drift: &Drift) -> Result<Self> {
        let mut wanted: BTreeMap<&str, &Distribution> = BTreeMap::new();
        let (mut uniques, mut missing, mut others) = (Vec::new(), Vec::new(), BTreeSet::new());
        for change in &drift.changes {
            match change {
                Change::AddTable { table } => {
                    others.insert(table.name.clone());
                }
                Change::AlterDistribution {
                    table,
                    from: None | Some(Distribution::Other(_)),
                    to,
                } => {
                    wanted.extend(to.as_ref().map(|to| (table.as_str(), to)));
                }
                Change::AlterDistribution { table, from: Some(from), .. } => {
                    return Err(Refusal::plain(format!(
                        "{table} is {from}, which is not as it should be: run `SELECT \
                         undistribute_table({})` first; nothing was changed",
                        literal(&quoted(table))
                    ))
                    .into());
                }
                Change::AlterIndex { table, from, to } if from.unique && !to.unique => {
                    let Some(table) = drift.expected.tables.get(table) else { continue };
                    uniques.push(format!("DROP INDEX {}", quoted(&from.name)));
                    let create = ddl::create_index(table, to);
                    uniques.push(Engine::Citus.backend().build(&create).to_string());
                }
                Change::AddForeignKey { table, key } => missing.push((table.clone(), key.clone())),
                _ => {}
            }
        }
        if !others.is_empty() {
            let names: Vec<String> = others.into_iter().collect();
            return Err(Error::Unusable(format!(
                "{} cannot be distributed before there is such a table: run `migration up`, which \
                 distributes what it makes; nothing was changed",
                List(&names)
            )));
        }
        let order = drift.entities.in_foreign_key_order().into_iter();
        let tables = order
            .filter_map(|table| Some((table.clone(), (*wanted.get(table.name.as_str())?).clone())));
        let live = drift.live.tables.values().cloned().collect();
        Ok(Self { tables: tables.collect(), uniques, missing, live })
    }
}

async fn work_on<C>(db: &C, of: &Database) -> Result<Work>
where
    C: ConnectionTrait + sea_orm::TransactionTrait<Transaction = sea_orm::DatabaseTransaction>,
{
    let accepted = Accepted::compiled_in()?;
    Work::of(&drift(db, of.engine, &of.application_role, &accepted).await?)
}

async fn at_once(db: &Database, done: &mut Distributed) -> Result<()> {
    let locked = lock::begin(&db.connection, db.engine, Purpose::Migrate, &db.patience).await?;
    let tx = locked.tx;
    let outcome = async {
        let work = work_on(&tx, db).await?;
        for sql in &work.uniques {
            tx.execute_unprepared(sql).await?;
        }
        if !work.tables.is_empty() {
            // Nobody writes in between, so that rows can be counted.
            let names = work.tables.iter().map(|(table, _)| quoted(&table.name));
            let names = names.collect::<Vec<_>>().join(", ");
            tx.execute_unprepared(&format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
                .await?;
        }
        let manager = SchemaManager::new(&tx);
        for (table, distribution) in &work.tables {
            let before = count(&tx, db.engine, &table.name).await?;
            tracing::info!("distributing {}: {before} rows", table.name);
            let operation = operation(table, distribution);
            context(db).during(operation.run(&manager)).await?;
            let after = count(&tx, db.engine, &table.name).await?;
            if before != after {
                return Err(Error::Unusable(format!(
                    "{} had {before} rows before it was distributed, and {after} after; nothing was \
                     changed",
                    table.name
                )));
            }
            done.tables.push((table.name.clone(), after));
        }
        Ok(())
    };
    let outcome = outcome.await;
    finish(tx, outcome).await
}

fn operation(table: &Table, distribution: &Distribution) -> Operation {
    Operation::Distribute { table: table.name.clone(), distribution: distribution.clone() }
}

/// What operations are told outside of a runner.
fn context(db: &Database) -> Context {
    let application_role = ApplicationRole { name: db.application_role.clone(), exists: true };
    Context { engine: db.engine, application_role }
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
                tracing::info!("somebody was in the way, trying again: {sql}");
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
    lock::let_go(connection, db.engine).await?;
    outcome
}

async fn steps(db: &Database, work: Work, done: &mut Distributed) -> Result<()> {
    let connection = &db.connection;
    let pending: BTreeSet<&str> = work.tables.iter().map(|(table, _)| &*table.name).collect();
    let mut first = work.uniques.clone();
    for table in work.live.iter().filter(|table| pending.contains(table.name.as_str())) {
        let keys = table.foreign_keys.iter().filter_map(|key| key.name.as_ref());
        first.extend(keys.map(|name| {
            format!("ALTER TABLE {} DROP CONSTRAINT {}", quoted(&table.name), quoted(name))
        }));
    }
    if !first.is_empty() {
        tracing::info!("foreign keys are away until all tables are distributed");
    }
    for sql in &first {
        patiently(db, sql).await?;
    }
    connection.execute_unprepared(FOR_A_SESSION).await?;
    for (table, distribution) in &work.tables {
        let sql = match distribution {
            Distribution::By(column) => {
                let beside = if table.name == tenancy::ROOT {
                    literal("none")
                } else {
                    literal(&quoted(tenancy::ROOT))
                };
                format!(
                    "SELECT create_distributed_table_concurrently({}, {}, colocate_with => {beside})",
                    literal(&quoted(&table.name)),
                    literal(column)
                )
            }
            // There is no such form of it, and shared tables are small.
            _ => format!("SELECT create_reference_table({})", literal(&quoted(&table.name))),
        };
        tracing::info!("distributing {} while it is written to", table.name);
        connection.execute_unprepared(&sql).await?;
        done.tables.push((table.name.clone(), count(connection, db.engine, &table.name).await?));
    }
    // What is missing now is what was dropped, here or in a call before that was interrupted.
    let locked = lock::begin(connection, db.engine, Purpose::Resume, &db.patience).await?;
    let missing = work_on(&locked.tx, db).await.map(|work| work.missing);
    for (table, key) in finish(locked.tx, missing).await? {
        let name = key.name.clone().unwrap_or_default();
        tracing::info!("adding the foreign key {name}");
        // Rows that are there are looked at afterwards, while others go on writing.
        let create = ddl::foreign_key(&table, &key);
        let create = create.to_string(sea_orm::sea_query::PostgresQueryBuilder);
        patiently(db, &format!("{create} NOT VALID")).await?;
        let validate =
            format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", quoted(&table), quoted(&name));
        patiently(db, &validate).await?;
    }
    Ok(())
}

/// What a transaction of ours sets, for statements that run in none.
const FOR_A_SESSION: &str = "SET citus.enable_local_reference_table_foreign_keys = off; \
                             SET row_security = off";

/// Fails unless this node lets others follow what is written to it.
async fn check_logical(db: &DatabaseConnection, engine: Engine) -> Result<()> {
    let sql = "SELECT current_setting('wal_level') AS level";
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    let level: String = row.map(|row| row.try_get("", "level")).transpose()?.unwrap_or_default();
    if level == "logical" {
        return Ok(());
    }
    Err(Refusal::plain(format!(
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
        let known: BTreeSet<&str> = entity::all().iter().map(|def| def.name).collect();
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
