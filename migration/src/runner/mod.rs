//! Runs migrations: one transaction for everything one call does, and nothing destroyed unasked.
//!
//! [`Migrator`](crate::Migrator)'s `up`, `down`, `fresh`, `refresh` and `reset` come here, so the
//! guarantees hold for applications that call those as well:
//!
//! - all steps of a call run in one transaction, on SQLite too: a failure leaves the database as it
//!   was;
//! - a second caller waits for the first;
//! - before rows are dropped, their tables are locked, compared with what the migrations made, and
//!   counted; see [`Refusal`].

mod acceptance;
mod application_role;
mod bookkeeping;
mod dependents;
mod foreign_keys;
mod guard;
mod recorder;
mod sample_rows;
mod session;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use entity::{Engine, tenancy::APPLICATION_ROLE};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigrationTrait, MigratorTrait, SchemaManager,
    SchemaManagerConnection,
};
use serde::Serialize;

pub use acceptance::scripts;
pub use application_role::Granted;
use bookkeeping::Relation;
pub use bookkeeping::{MigrationState, State};
pub use dependents::{Dependent, dependents};
pub use guard::Destructive;
use recorder::Effect;
pub(crate) use recorder::record_in;
pub use recorder::{Direction, record};
pub use sample_rows::{sample_ids, sample_rows};

use crate::{
    db::quoted,
    error::{Error, List, Result},
    refusal::Refusal,
};

/// What a call changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Migrations rolled back, in the order in which that happened.
    pub rolled_back: Vec<String>,
    /// Migrations applied, in the order in which that happened.
    pub applied: Vec<String>,
}

impl Outcome {
    /// Whether anything changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rolled_back.is_empty() && self.applied.is_empty()
    }
}

/// Runs the migrations of one migrator on one database.
///
/// ```no_run
/// # async fn example(db: &sea_orm::DatabaseConnection) -> migration::Result<()> {
/// use migration::{Migrator, Runner};
///
/// let outcome = Runner::new::<Migrator>(db)?.up(None).await?;
/// println!("{} migrations applied", outcome.applied.len());
/// # Ok(())
/// # }
/// ```
pub struct Runner<'c> {
    db: SchemaManagerConnection<'c>,
    engine: Engine,
    migrations: Vec<Box<dyn MigrationTrait>>,
    table: String,
    consent: Option<String>,
    production: bool,
    application_role: String,
    failed_statement: Arc<Mutex<Option<String>>>,
}

impl<'c> Runner<'c> {
    /// A runner for the migrations of `M`, without consent to destroy anything.
    ///
    /// # Errors
    ///
    /// If the database is of a kind that is not supported, or two migrations have one name.
    pub fn new<M: MigratorTrait>(db: impl IntoSchemaManagerConnection<'c>) -> Result<Self> {
        Self::of(db, M::migrations(), &M::migration_table_name().to_string())
    }

    /// A runner for these migrations, in their order, recorded in the table `bookkeeping`.
    ///
    /// # Errors
    ///
    /// As [`Runner::new`].
    pub fn of(
        db: impl IntoSchemaManagerConnection<'c>,
        migrations: Vec<Box<dyn MigrationTrait>>,
        bookkeeping: &str,
    ) -> Result<Self> {
        let db = db.into_database_executor();
        let engine = Engine::of(db.get_database_backend())
            .ok_or_else(|| Error::Unusable("this kind of database is not supported".to_owned()))?;
        let mut names = BTreeSet::new();
        if let Some(twice) = migrations.iter().find(|m| !names.insert(m.name().to_owned())) {
            return Err(Error::Config(format!("two migrations are named {}", twice.name())));
        }
        Ok(Self {
            db,
            engine,
            migrations,
            table: bookkeeping.to_owned(),
            consent: None,
            production: false,
            application_role: APPLICATION_ROLE.to_owned(),
            failed_statement: Arc::default(),
        })
    }

    /// Takes the database for this engine. [`Runner::new`] cannot tell Nile from PostgreSQL;
    /// [`Engine::detect`] asks.
    #[must_use]
    pub fn on(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Asks the database which engine it is.
    ///
    /// # Errors
    ///
    /// As [`Engine::detect`].
    pub async fn detect(&self) -> Result<Engine> {
        Ok(match &self.db {
            SchemaManagerConnection::Connection(db) => Engine::detect(db).await?,
            other => Engine::ask(other).await?,
        })
    }

    /// The engine that the runner works on.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Consents to the loss that a [`Refusal`] described, by the hash it gave. The consent is void
    /// when real rows have come or gone since, or something was added to the tables by hand.
    #[must_use]
    pub fn confirm(mut self, hash: Option<String>) -> Self {
        self.consent = hash;
        self
    }

    /// In production, dropping a table needs consent even if it holds no real row.
    #[must_use]
    pub fn production(mut self, production: bool) -> Self {
        self.production = production;
        self
    }

    /// Grants to the role of this name what migrations grant to the application role, instead of to
    /// [`APPLICATION_ROLE`].
    #[must_use]
    pub fn application_role(mut self, name: impl Into<String>) -> Self {
        self.application_role = name.into();
        self
    }

    /// Applies pending migrations, at most `steps`. Makes the application role if there is none,
    /// and grants it what it should have had before.
    ///
    /// # Errors
    ///
    /// If a migration fails, if a migration that was applied is unknown here, or if tables are in
    /// the way. Nothing is changed then.
    pub async fn up(&self, steps: Option<u32>) -> Result<Outcome> {
        let role = self.role(true).await?;
        let session = self.begin(&[Direction::Up]).await?;
        let tx = &session.tx;
        let work = async {
            let applied = self.known_applied(tx).await?;
            let new = self.apply(tx, &applied, steps).await?;
            let all: Vec<String> = applied.into_iter().chain(new.iter().cloned()).collect();
            self.finish_grants(tx, &role, &all).await?;
            Ok(Outcome { applied: new, ..Outcome::default() })
        };
        let outcome = self.context(&role).during(work).await;
        session.finish(outcome).await
    }

    /// Rolls back applied migrations, newest first, at most `steps`.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if real rows or hand-made changes would be lost without consent, and as
    /// [`Runner::up`].
    pub async fn down(&self, steps: Option<u32>) -> Result<Outcome> {
        let role = self.role(false).await?;
        let session = self.begin(&[Direction::Down]).await?;
        let tx = &session.tx;
        let work = async {
            let applied = self.known_applied(tx).await?;
            let rolled_back = self.roll_back(tx, &applied, steps).await?;
            Ok(Outcome { rolled_back, ..Outcome::default() })
        };
        let outcome = self.context(&role).during(work).await;
        session.finish(outcome).await
    }

    /// Rolls back all applied migrations and applies all.
    ///
    /// # Errors
    ///
    /// As [`Runner::down`].
    pub async fn refresh(&self) -> Result<Outcome> {
        let role = self.role(true).await?;
        let session = self.begin(&[Direction::Down, Direction::Up]).await?;
        let tx = &session.tx;
        let work = async {
            let applied = self.known_applied(tx).await?;
            let rolled_back = self.roll_back(tx, &applied, None).await?;
            let applied = self.apply(tx, &[], None).await?;
            self.finish_grants(tx, &role, &applied).await?;
            Ok(Outcome { rolled_back, applied })
        };
        let outcome = self.context(&role).during(work).await;
        session.finish(outcome).await
    }

    /// Rolls back all applied migrations, removes the bookkeeping, and proves that nothing of ours
    /// is left.
    ///
    /// # Errors
    ///
    /// As [`Runner::down`], and if something is left.
    pub async fn reset(&self) -> Result<Outcome> {
        let role = self.role(false).await?;
        let session = self.begin(&[Direction::Down]).await?;
        let tx = &session.tx;
        let work = async {
            let applied = self.known_applied(tx).await?;
            let rolled_back = self.roll_back(tx, &applied, None).await?;
            self.drop_bookkeeping(tx).await?;
            self.revoke_usage(tx, &role).await?;
            self.prove_nothing_left(tx).await?;
            Ok(Outcome { rolled_back, ..Outcome::default() })
        };
        let outcome = self.context(&role).during(work).await;
        session.finish(outcome).await
    }

    /// Drops every table that the migrations own, whatever the bookkeeping says, and applies all
    /// migrations. Tables of others stay.
    ///
    /// # Errors
    ///
    /// As [`Runner::down`].
    pub async fn fresh(&self) -> Result<Outcome> {
        let role = self.role(true).await?;
        let session = self.begin(&[Direction::Down, Direction::Up]).await?;
        let tx = &session.tx;
        let work = async {
            let applied = self.applied(tx).await?.unwrap_or_default();
            let mut owned = self.owned_tables().await?;
            owned.reverse();
            let names: Vec<String> = applied.into_iter().map(|(name, _)| name).collect();
            let effect = Effect::dropping(owned);
            let (permit, doomed) = self.guard(tx, effect, &names, true).await?;
            self.drop_tables(tx, &doomed, &permit).await?;
            self.drop_bookkeeping(tx).await?;
            let applied = self.apply(tx, &[], None).await?;
            self.finish_grants(tx, &role, &applied).await?;
            Ok(Outcome { applied, ..Outcome::default() })
        };
        let outcome = self.context(&role).during(work).await;
        session.finish(outcome).await
    }

    /// The state of every migration: those of this migrator in their order, then those that were
    /// applied and are unknown here. Writes nothing and creates nothing.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn status(&self) -> Result<Vec<MigrationState>> {
        let applied = self.applied(&self.db).await?.unwrap_or_default();
        Ok(bookkeeping::states(&self.migrations, &applied))
    }

    /// The tables that the migrations make, in the order in which they are made.
    ///
    /// # Errors
    ///
    /// If a migration cannot be recorded.
    pub async fn owned_tables(&self) -> Result<Vec<String>> {
        let mut statements = Vec::new();
        for migration in &self.migrations {
            statements.extend(record(migration.as_ref(), self.engine, Direction::Up).await?);
        }
        Ok(Effect::of(&statements).left)
    }

    /// The names recorded as applied, with their times; `None` if there is no bookkeeping.
    async fn applied<C: ConnectionTrait>(&self, db: &C) -> Result<Option<Vec<(String, i64)>>> {
        bookkeeping::read(db, self.engine, &self.table).await
    }

    /// The names recorded as applied, oldest first, if every one of them is known here.
    async fn known_applied(&self, tx: &DatabaseTransaction) -> Result<Vec<String>> {
        let applied = self.applied(tx).await?.unwrap_or_default();
        let states = bookkeeping::states(&self.migrations, &applied);
        let missing: Vec<String> = states
            .iter()
            .filter(|entry| entry.state == State::Missing)
            .map(|entry| entry.name.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::plain(format!(
                "the database has {} applied, which this program does not know: run the version of \
                 the program that has it; nothing was changed",
                List(&missing)
            ))
            .into());
        }
        Ok(states
            .into_iter()
            .filter(|entry| entry.state == State::Applied)
            .map(|entry| entry.name)
            .collect())
    }

    /// Applies what is pending beside `applied`, at most `steps`.
    async fn apply(
        &self,
        tx: &DatabaseTransaction,
        applied: &[String],
        steps: Option<u32>,
    ) -> Result<Vec<String>> {
        let limit = steps.map_or(usize::MAX, |steps| steps as usize);
        let pending: Vec<&dyn MigrationTrait> = self
            .migrations
            .iter()
            .map(AsRef::as_ref)
            .filter(|migration| !applied.iter().any(|name| name == migration.name()))
            .take(limit)
            .collect();
        if pending.is_empty() {
            tracing::info!("no migration is pending");
            return Ok(Vec::new());
        }
        self.check_nothing_in_the_way(tx, &pending).await?;
        self.check_accepted(applied, &pending, Direction::Up).await?;
        bookkeeping::create(tx, self.engine, &self.table).await?;
        let mut done = Vec::with_capacity(pending.len());
        for migration in pending {
            if migration.use_transaction() == Some(false) {
                return Err(Error::Config(format!(
                    "{} asks to run outside a transaction, which is not supported; nothing was \
                     changed",
                    migration.name()
                )));
            }
            tracing::info!("applying {}", migration.name());
            let manager = SchemaManager::new(tx);
            migration.up(&manager).await.map_err(|source| self.failure(migration, "up", source))?;
            bookkeeping::insert(tx, &self.table, migration.name()).await?;
            done.push(migration.name().to_owned());
        }
        Ok(done)
    }

    /// Fails if something has the name of a table that `pending` would create.
    async fn check_nothing_in_the_way(
        &self,
        tx: &DatabaseTransaction,
        pending: &[&dyn MigrationTrait],
    ) -> Result<()> {
        let existing = bookkeeping::relations(tx, self.engine).await?;
        let mut statements = Vec::new();
        for migration in pending {
            statements.extend(record(*migration, self.engine, Direction::Up).await?);
        }
        let in_the_way: Vec<&Relation> = Effect::of(&statements)
            .created
            .iter()
            .filter_map(|name| existing.iter().find(|relation| relation.name == *name))
            .collect();
        if in_the_way.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = in_the_way.iter().map(|relation| relation.name.clone()).collect();
        let verb = if names.len() == 1 { "exists" } else { "exist" };
        // `fresh` drops tables only.
        let fresh = if in_the_way.iter().all(|relation| relation.is_table) {
            ", or drop it with `fresh`"
        } else {
            ""
        };
        Err(Error::Unusable(format!(
            "{} {verb} already, but the migration that makes it is not recorded as applied: use an \
             empty database or schema, or rename what is in the way{fresh}; nothing was changed",
            List(&names)
        )))
    }

    /// Fails if a table that the migrations make is there.
    async fn prove_nothing_left(&self, tx: &DatabaseTransaction) -> Result<()> {
        let live = crate::schema::read(tx, self.engine, &self.application_role).await?;
        let owned = self.owned_tables().await?;
        let left: Vec<String> =
            live.tables.into_keys().filter(|name| owned.contains(name)).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Error::Unusable(format!(
            "after rolling back everything {} would be left: it was made by no migration that is \
             recorded as applied; `fresh` drops it too; nothing was changed",
            List(&left)
        )))
    }

    /// Rolls back the newest of `applied`, at most `steps`, after the guard has let it pass.
    async fn roll_back(
        &self,
        tx: &DatabaseTransaction,
        applied: &[String],
        steps: Option<u32>,
    ) -> Result<Vec<String>> {
        let limit = steps.map_or(usize::MAX, |steps| steps as usize);
        let all = limit >= applied.len();
        let doomed: Vec<&dyn MigrationTrait> = applied
            .iter()
            .rev()
            .take(limit)
            .filter_map(|name| self.migrations.iter().find(|m| m.name() == name))
            .map(AsRef::as_ref)
            .collect();
        if doomed.is_empty() {
            tracing::info!("no migration is applied");
            return Ok(Vec::new());
        }
        let mut statements = Vec::new();
        for migration in &doomed {
            statements.extend(record(*migration, self.engine, Direction::Down).await?);
        }
        let effect = Effect::of(&statements);
        // An unqualified DROP would go on looking, and find the table of that name in another
        // schema of the search_path.
        let existing = bookkeeping::relations(tx, self.engine).await?;
        let gone: Vec<String> = effect
            .drops
            .iter()
            .filter(|name| !existing.iter().any(|relation| relation.name == **name))
            .cloned()
            .collect();
        if !gone.is_empty() {
            return Err(Error::Unusable(format!(
                "cannot roll back: {} should be there and is not, so somebody dropped it by hand; \
                 `fresh` makes everything anew; nothing was changed",
                List(&gone)
            )));
        }
        self.check_accepted(applied, &doomed, Direction::Down).await?;
        let (permit, _) = self.guard(tx, effect, applied, all).await?;
        self.run_downs(tx, &doomed, &permit).await
    }

    async fn run_downs(
        &self,
        tx: &DatabaseTransaction,
        doomed: &[&dyn MigrationTrait],
        _permit: &Destructive,
    ) -> Result<Vec<String>> {
        let mut done = Vec::with_capacity(doomed.len());
        for migration in doomed {
            tracing::info!("rolling back {}", migration.name());
            let manager = SchemaManager::new(tx);
            migration
                .down(&manager)
                .await
                .map_err(|source| self.failure(*migration, "down", source))?;
            bookkeeping::delete(tx, &self.table, migration.name()).await?;
            done.push(migration.name().to_owned());
        }
        Ok(done)
    }

    async fn drop_tables(
        &self,
        tx: &DatabaseTransaction,
        tables: &[String],
        _permit: &Destructive,
    ) -> Result<()> {
        for table in tables {
            tracing::info!("dropping {table}");
            tx.execute_unprepared(&format!("DROP TABLE {}", quoted(table))).await?;
        }
        Ok(())
    }

    async fn drop_bookkeeping(&self, tx: &DatabaseTransaction) -> Result<()> {
        let existing = bookkeeping::relations(tx, self.engine).await?;
        if existing.iter().any(|relation| relation.name == self.table) {
            tx.execute_unprepared(&format!("DROP TABLE {}", quoted(&self.table))).await?;
        }
        Ok(())
    }

    /// Asks the guard about `effect`; gives its permit and the tables to drop that exist.
    async fn guard(
        &self,
        tx: &DatabaseTransaction,
        effect: Effect,
        applied: &[String],
        bookkeeping_too: bool,
    ) -> Result<(Destructive, Vec<String>)> {
        let mut made = Vec::new();
        let mut unknown = effect.unknown;
        for name in applied {
            match self.migrations.iter().find(|migration| migration.name() == name) {
                Some(migration) => {
                    let engine = guard::replayed_on(self.engine);
                    match record(migration.as_ref(), engine, Direction::Up).await {
                        Ok(sent) => made.extend(sent),
                        // It may be for one engine only.
                        Err(_) if engine != self.engine => {
                            unknown.push(format!("what {name} did, which cannot be replayed"));
                        }
                        Err(error) => return Err(error),
                    }
                }
                None => unknown.push(format!("what {name} did, which this program does not know")),
            }
        }
        guard::check(
            tx,
            &guard::Request {
                engine: self.engine,
                drops: &effect.drops,
                thins: &effect.thins,
                rebuilt: &effect.rebuilt,
                uncounted: if bookkeeping_too { std::slice::from_ref(&self.table) } else { &[] },
                unknown: &unknown,
                made_by: &made,
                consent: self.consent.as_deref(),
                production: self.production,
            },
        )
        .await
    }

    fn failure(
        &self,
        migration: &dyn MigrationTrait,
        direction: &'static str,
        source: DbErr,
    ) -> Error {
        let mut failed = self.failed_statement.lock().unwrap_or_else(PoisonError::into_inner);
        Error::Migration {
            name: migration.name().to_owned(),
            direction,
            statement: failed.take(),
            source,
        }
    }
}
