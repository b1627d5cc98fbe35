//! Loads what is missing, unit by unit or tenant by tenant.

use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, TransactionTrait, sqlx,
    sqlx::postgres::PgPool,
};
use tenantry_entity::Engine;
use tenantry_migration::{
    Error, Result,
    db::{begin_for_tenant, finish},
    lock::{self, Patience, Purpose},
    runner::{NotedSeeding, SeedingStage},
};
use tokio::task::yield_now;

use super::{
    bulk, copy,
    copy::{Copy, Watched},
    insert::Insert,
    missing::Missing,
    sink::{self, Group, Nowhere, Sink, Tally},
    workers,
};
use crate::{
    progress::{Progress, Stop},
    samples::SampleTenant,
    seeder::Bound,
    set::DataSet,
};

/// Rows that are worth a transaction of their own. On SQLite a commit writes every page that was touched,
/// and on a server each COPY waits at its end; in larger units client and server wait for each other
/// longer.
pub(crate) const UNIT: u64 = 50_000;

/// What is to be done about a run of tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// It is there. What is in it is to be known all the same.
    Sum,
    /// Rows may be there.
    Complete,
    /// None is there.
    Load,
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
                    // Otherwise a Ctrl-C would not be noticed.
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

    /// Fails if other rows were seeded or these removed since they were begun.
    pub(crate) async fn check_meant<C: ConnectionTrait>(&self, db: &C) -> Result<()> {
        let noted = self.on.journal.seeding(db).await?;
        let is_meant = |noted: &NotedSeeding| {
            noted.spec == self.set.spec().to_string() && noted.stage != SeedingStage::Leaving
        };
        if !noted.as_ref().is_some_and(is_meant) {
            return Err(Error::busy(
                "samples-changed-meanwhile",
                "another process has seeded other rows meanwhile, or removed these; what is there stays",
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
                let tx = begin_for_tenant(self.db, self.on.names().setting, tenants[0].id).await?;
                let mut insert = Insert { db: &tx, engine: self.on.engine };
                let scoped = self.group(&mut insert, Group::Scoped, &tenants).await;
                unit.extend(&finish(tx, scoped).await?);
                self.tell(&unit);
                tally.extend(&unit);
            }
        }
        Ok((tally, true))
    }

    /// Reports rows that are there now.
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
