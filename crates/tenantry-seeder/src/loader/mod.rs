//! How rows reach the database.
//!
//! A unit is a run of tenants that have some thousands of rows together. It is committed whole, so that
//! a few questions tell which units are there, whatever stopped the seeder before.

mod bulk;
mod collision;
mod copy;
mod insert;
mod probe;
mod sink;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use futures_util::future::try_join_all;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseConnectionType, DatabaseTransaction,
    TransactionTrait,
    sqlx::{self, postgres::PgPool},
};
use serde::Serialize;
use tenantry_entity::Engine;
use tenantry_migration::{
    Error, Result,
    db::{begin_for_tenant, finish},
    lock::{self, Patience, Purpose},
    runner::{Seeding, Stage},
};
use tokio::task::yield_now;

pub(crate) use self::{
    collision::explained,
    insert::insertion,
    sink::{Rows, Sink, Tally, everything},
};
use self::{
    copy::{Copy, Watched},
    insert::Insert,
    probe::{Presence, Rest},
    sink::{Group, Nowhere},
};
use crate::{
    progress::{Progress, Stop},
    samples::SampleTenant,
    seeder::Bound,
    set::DataSet,
};

/// Up to here, INSERTs are as quick as anything else, and all of it is one transaction.
pub(crate) const FEW: u64 = 5_000;

/// Rows that are worth a transaction of their own. On SQLite a commit writes every page that was touched,
/// and on a server each COPY waits at its end; in larger units client and server wait for each other
/// longer.
pub(crate) const UNIT: u64 = 50_000;

/// A way to load rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// INSERTs of many rows, all in one transaction.
    Insert,
    /// INSERTs of many rows, some tenants a transaction.
    InsertByUnit,
    /// INSERTs of many rows, one tenant a transaction: the engine takes no more.
    InsertByTenant,
    /// Binary COPY, some tenants a transaction.
    Copy,
    /// Binary COPY into empty tables without secondary indexes and foreign keys, which are built
    /// afterwards, all in one transaction.
    Bulk,
}

impl Loader {
    /// What suits so many rows here.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if `bulk` is wanted and this is no PostgreSQL server.
    pub fn choose(db: &DatabaseConnection, engine: Engine, rows: u64, bulk: bool) -> Result<Self> {
        let is_server = is_server(db);
        if bulk && !(is_server && engine == Engine::Postgres) {
            return Err(Error::Unusable(
                "--bulk is for a PostgreSQL server that keeps its own indexes, and not for a rehearsal; leave \
                 it out here"
                    .to_owned(),
            ));
        }
        Ok(match engine {
            _ if bulk => Self::Bulk,
            _ if !engine.capability().writes_across_tenants => Self::InsertByTenant,
            Engine::Sqlite if is_file(db) && rows > UNIT => Self::InsertByUnit,
            Engine::Sqlite => Self::Insert,
            _ if is_server && rows > FEW => Self::Copy,
            _ => Self::Insert,
        })
    }
}

impl Loader {
    /// About how many rows it loads in a second, on a machine with two processors that does nothing else.
    pub(crate) const fn rows_a_second(self) -> u64 {
        match self {
            Self::InsertByUnit => 110_000,
            Self::Insert | Self::InsertByTenant => 30_000,
            Self::Copy => 100_000,
            Self::Bulk => 200_000,
        }
    }
}

impl fmt::Display for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "INSERT, in one transaction",
            Self::InsertByUnit => "INSERT, some tenants a transaction",
            Self::InsertByTenant => "INSERT, one tenant a transaction",
            Self::Copy => "COPY, some tenants a transaction",
            Self::Bulk => "COPY before indexes and foreign keys, in one transaction",
        })
    }
}

/// What is to be done about a run of tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// It is there. What is in it is to be known all the same.
    Sum,
    /// Rows may be there.
    Complete,
    /// None is there.
    Load,
}

/// What is missing of a data set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    /// The ordinals of tenants that lack rows in shared tables.
    shared: Vec<u32>,
    /// Of all tenants, what is to be done about them, in runs: the first ordinals, and how many follow.
    tasks: Vec<(Task, Vec<u32>)>,
}

impl Missing {
    /// Looks for what is missing.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub(crate) async fn of<C: ConnectionTrait>(db: &C, set: &DataSet) -> Result<Self> {
        let mut missing = Self::default();
        let mut size = 0;
        let ordinals: Vec<u32> = set.spec().ordinals().collect();
        for page in ordinals.chunks(probe::PAGE) {
            let tenants: Vec<SampleTenant> =
                page.iter().map(|ordinal| set.tenant(*ordinal)).collect();
            let presence = probe::presence(db, set.tables(), &tenants).await?;
            for (tenant, Presence { shared, rest }) in tenants.iter().zip(presence) {
                if !shared {
                    missing.shared.push(tenant.ordinal);
                }
                let task = match rest {
                    Rest::Absent => Task::Load,
                    Rest::Partial => Task::Complete,
                    Rest::Whole => Task::Sum,
                };
                match missing.tasks.last_mut() {
                    Some((last, run)) if *last == task && size < UNIT => run.push(tenant.ordinal),
                    _ => {
                        size = 0;
                        missing.tasks.push((task, vec![tenant.ordinal]));
                    }
                }
                size += tenant.total();
            }
        }
        Ok(missing)
    }

    /// Whether nothing is missing.
    pub(crate) fn is_none(&self) -> bool {
        self.shared.is_empty() && self.tasks.iter().all(|(task, _)| *task == Task::Sum)
    }

    /// How many rows of each table there are to be made.
    pub(crate) fn planned(&self, set: &DataSet) -> BTreeMap<&'static str, u64> {
        let mut planned = BTreeMap::new();
        let mut add = |ordinals: &[u32], are_shared: bool| {
            for ordinal in ordinals {
                let tenant = set.tenant(*ordinal);
                for (info, rows) in tenant.counts() {
                    if are_shared == info.is_shared() {
                        *planned.entry(info.name).or_default() += u64::from(rows);
                    }
                }
            }
        };
        add(&self.shared, true);
        for (_, ordinals) in self.tasks.iter().filter(|(task, _)| *task != Task::Sum) {
            add(ordinals, false);
        }
        planned
    }

    /// How many rows there are to be made.
    pub(crate) fn rows(&self, set: &DataSet) -> u64 {
        self.planned(set).values().sum()
    }
}

/// Where and how to load.
pub(crate) struct Loading<'a> {
    pub db: &'a DatabaseConnection,
    pub on: &'a Bound,
    pub set: &'a DataSet,
    pub workers: usize,
    pub patience: &'a Patience,
    pub stop: &'a Stop,
    pub progress: &'a Progress,
}

impl Loading<'_> {
    /// Inserts what is missing inside of a transaction.
    pub(crate) async fn within(
        &self,
        tx: &DatabaseTransaction,
        missing: &Missing,
    ) -> Result<Tally> {
        let sink = || Insert { db: tx, engine: self.on.engine };
        let mut tally =
            self.group(&mut sink(), Group::Shared, &self.tenants(&missing.shared)).await?;
        tally.extend(&self.sum_shared(missing).await?);
        for (task, ordinals) in &missing.tasks {
            let tenants = self.tenants(ordinals);
            tally.extend(&match task {
                Task::Sum => self.whole(&mut Nowhere(self.on.engine), &tenants).await?,
                Task::Complete | Task::Load => self.whole(&mut sink(), &tenants).await?,
            });
        }
        Ok(tally)
    }

    /// Inserts what is missing, one transaction a unit. False beside it if it was told to stop before the
    /// end.
    pub(crate) async fn by_unit(&self, missing: &Missing) -> Result<(Tally, bool)> {
        self.progress.begin(missing.planned(self.set));
        let mut tally = Tally::default();
        let pool = (self.on.engine != Engine::Sqlite).then(|| workers(self.db, self.workers));
        for ordinals in missing.shared.chunks(1_000) {
            if self.stop.is_asked_for() {
                return Ok((tally, false));
            }
            let shared = self.shared(pool.as_ref(), &self.tenants(ordinals)).await?;
            self.tell(&shared);
            tally.extend(&shared);
        }
        // First what is missing, so that it gets on however often it is killed.
        let is_sum = |(task, _): &&(Task, Vec<u32>)| *task == Task::Sum;
        let (sums, loads): (Vec<_>, Vec<_>) = missing.tasks.iter().partition(is_sum);
        let tasks = Mutex::new(loads.into_iter().chain(sums));
        let next = || {
            let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
            if self.stop.is_asked_for() { None } else { tasks.next() }
        };
        let work = async || {
            let mut tally = Tally::default();
            while let Some((task, ordinals)) = next() {
                let tenants = self.tenants(ordinals);
                let unit = self.unit(pool.as_ref(), *task, &tenants).await?;
                if *task == Task::Sum {
                    // Otherwise nobody would hear of a Ctrl-C.
                    yield_now().await;
                } else {
                    self.tell(&unit);
                }
                tally.extend(&unit);
            }
            Ok::<_, Error>(tally)
        };
        let count = if pool.is_some() { self.workers } else { 1 };
        let tallies = try_join_all((0..count).map(|_| work())).await?;
        for other in &tallies {
            tally.extend(other);
        }
        if let Some(pool) = pool {
            pool.close().await;
        }
        let done = tasks.into_inner().unwrap_or_else(PoisonError::into_inner).next().is_none();
        if done {
            tally.extend(&self.sum_shared(missing).await?);
        }
        Ok((tally, done))
    }

    /// Notes on a connection of its own which rows are about to be loaded.
    pub(crate) async fn note(&self, spec: &str) -> Result<()> {
        let pool = workers(self.db, 1);
        let db = DatabaseConnection::from(pool.clone());
        let noted = self.on.journal.note_seeding(&db, spec).await;
        pool.close().await;
        noted
    }

    /// Loads everything into empty tables.
    pub(crate) async fn bulk(&self) -> Result<Tally> {
        self.progress.begin(self.set.planned());
        let pool = workers(self.db, 2);
        let watched = Watched { progress: self.progress, stop: self.stop };
        let (tx, tally) = bulk::load(&pool, self.set, self.patience, watched).await?;
        // If it is killed between the commit and the note on it, it is known which rows these are.
        let db = DatabaseConnection::from(pool.clone());
        self.on.journal.note_seeding(&db, &self.set.spec().to_string()).await?;
        tx.commit().await.map_err(|error| copy::failed(error, "the tables"))?;
        pool.close().await;
        Ok(tally)
    }

    async fn shared(&self, pool: Option<&PgPool>, tenants: &[SampleTenant]) -> Result<Tally> {
        let tx = self.transaction(pool).await?;
        let shared = self
            .group(&mut Insert { db: &tx, engine: self.on.engine }, Group::Shared, tenants)
            .await;
        finish(tx, shared).await
    }

    async fn unit(
        &self,
        pool: Option<&PgPool>,
        task: Task,
        tenants: &[SampleTenant],
    ) -> Result<Tally> {
        match (task, pool) {
            (Task::Sum, _) => self.whole(&mut Nowhere(self.on.engine), tenants).await,
            (Task::Load, Some(pool)) => {
                let failed = |error| copy::failed(error, "the tables");
                let mut tx = pool.begin().await.map_err(failed)?;
                let settings = sqlx::AssertSqlSafe(self.patience.settings_sql());
                sqlx::raw_sql(settings).execute(&mut *tx).await.map_err(failed)?;
                let mut sink = Copy { connection: &mut tx, watched: None };
                let tally = self.whole(&mut sink, tenants).await?;
                tx.commit().await.map_err(failed)?;
                Ok(tally)
            }
            (Task::Complete, _) | (Task::Load, None) => {
                let tx = self.transaction(pool).await?;
                let mut sink = Insert { db: &tx, engine: self.on.engine };
                let tally = self.whole(&mut sink, tenants).await;
                finish(tx, tally).await
            }
        }
    }

    /// A transaction of one unit. On SQLite it has the lock, and looks whether these rows are still meant.
    async fn transaction(&self, pool: Option<&PgPool>) -> Result<DatabaseTransaction> {
        if let Some(pool) = pool {
            let tx = TransactionTrait::begin(&DatabaseConnection::from(pool.clone())).await?;
            tx.execute_unprepared(&self.patience.settings_sql()).await?;
            return Ok(tx);
        }
        let tx = lock::begin(self.db, self.on.engine, Purpose::Seed, self.patience).await?.tx;
        self.check_meant(&tx).await?;
        Ok(tx)
    }

    /// Fails if somebody has seeded other rows or removed these since they were begun.
    pub(crate) async fn check_meant<C: ConnectionTrait>(&self, db: &C) -> Result<()> {
        let noted = self.on.journal.seeding(db).await?;
        let is_meant = |noted: &Seeding| {
            noted.spec == self.set.spec().to_string() && noted.stage != Stage::Leaving
        };
        if !noted.as_ref().is_some_and(is_meant) {
            return Err(Error::Busy(
                "somebody else has seeded other rows meanwhile, or removed these; what is there stays"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Inserts what is missing on an engine that lets a transaction write to one tenant or to what is
    /// shared, and whose tenants come one by one, each before anything else in its transaction.
    pub(crate) async fn by_tenant(&self, missing: &Missing) -> Result<(Tally, bool)> {
        self.progress.begin(missing.planned(self.set));
        let mut shared = Insert { db: self.db, engine: self.on.engine };
        let mut tally =
            self.group(&mut shared, Group::Shared, &self.tenants(&missing.shared)).await?;
        self.tell(&tally);
        for (task, ordinals) in &missing.tasks {
            for ordinal in ordinals.iter().filter(|_| *task != Task::Sum) {
                if self.stop.is_asked_for() {
                    return Ok((tally, false));
                }
                let tenants = [self.set.tenant(*ordinal)];
                let mut unit = self.group(&mut shared, Group::Roots, &tenants).await?;
                let tx = begin_for_tenant(self.db, tenants[0].id).await?;
                let mut insert = Insert { db: &tx, engine: self.on.engine };
                let scoped = self.group(&mut insert, Group::Scoped, &tenants).await;
                unit.extend(&finish(tx, scoped).await?);
                self.tell(&unit);
                tally.extend(&unit);
            }
        }
        Ok((tally, true))
    }

    /// Tells whoever watches of rows that are there now.
    fn tell(&self, unit: &Tally) {
        for (table, (_, contents)) in &unit.0 {
            self.progress.add(table, contents.rows());
        }
    }

    async fn group(
        &self,
        sink: &mut impl Sink,
        group: Group,
        tenants: &[SampleTenant],
    ) -> Result<Tally> {
        sink::group(sink, group, self.set.tables(), tenants).await
    }

    async fn whole(&self, sink: &mut impl Sink, tenants: &[SampleTenant]) -> Result<Tally> {
        sink::whole(sink, self.set.tables(), tenants).await
    }

    fn tenants(&self, ordinals: &[u32]) -> Vec<SampleTenant> {
        ordinals.iter().map(|ordinal| self.set.tenant(*ordinal)).collect()
    }

    /// What is in the shared rows that are there.
    async fn sum_shared(&self, missing: &Missing) -> Result<Tally> {
        let mut tally = Tally::default();
        let there =
            self.set.spec().ordinals().filter(|it| missing.shared.binary_search(it).is_err());
        for ordinal in there {
            let tenants = [self.set.tenant(ordinal)];
            let mut nowhere = Nowhere(self.on.engine);
            tally.extend(&self.group(&mut nowhere, Group::Shared, &tenants).await?);
            yield_now().await;
        }
        Ok(tally)
    }
}

/// Whether it is a PostgreSQL server. A rehearsal sees one connection, and in it one transaction.
pub(crate) fn is_server(db: &DatabaseConnection) -> bool {
    matches!(db.inner, DatabaseConnectionType::SqlxPostgresPoolConnection(_))
}

/// Whether it is an SQLite file, and no rehearsal.
pub(crate) fn is_file(db: &DatabaseConnection) -> bool {
    matches!(db.inner, DatabaseConnectionType::SqlxSqlitePoolConnection(_))
}

/// Connections to the same database for so many workers.
pub(crate) fn workers(db: &DatabaseConnection, count: usize) -> PgPool {
    let pool = db.get_postgres_connection_pool();
    let connections = u32::try_from(count).unwrap_or(1).max(1);
    let options = pool.options().clone().min_connections(0).max_connections(connections);
    options.connect_lazy_with(pool.connect_options().as_ref().clone())
}
