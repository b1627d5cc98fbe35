//! Runs migrations: one transaction for everything one call does, and nothing destroyed unasked.
//!
//! A `Migrator`'s `up`, `down`, `fresh`, `refresh` and `reset` come here, so the
//! guarantees hold for applications that call those as well:
//!
//! - all steps of a call run in one transaction, on SQLite too: a failure leaves the database as it
//!   was;
//! - a second caller waits for the first;
//! - before rows are dropped, their tables are locked, compared with what the migrations made, and
//!   counted; see [`Refusal`](crate::refusal::Refusal).

mod acceptance;
mod apply;
mod attached;
mod blocked;
mod bookkeeping;
mod choose;
mod command;
mod dependents;
mod effect;
mod foreign_keys;
mod guard;
mod history;
mod journal;
mod outside;
mod permit;
mod preflight;
mod recorder;
mod repair;
mod role;
mod sample_rows;
mod samples;
mod sent;
mod session;
mod state;
mod stored;
mod sums;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex},
};

pub use acceptance::scripts;
use apply::Records;
pub(crate) use attached::{Attached, attached};
pub use command::{Command, Down, Outcome, Up};
pub use dependents::{Dependent, dependents};
use effect::{Effect, Schemas};
pub use journal::{Event, table_beside as journal_beside};
pub use permit::Destructive;
pub use recorder::record;
pub(crate) use recorder::record_in;
use recorder::{Recording, Recordings};
pub use repair::Resolution;
pub use role::Granted;
pub use samples::{NotedSeeding, Samples, SeedingStage};
use sea_orm::ConnectionTrait;
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigrationTrait, MigratorTrait, SchemaManagerConnection,
};
use sent::Sent;
pub(crate) use sent::parses;
use session::Session;
pub use state::{MigrationState, Standing, State};
pub use stored::Contents;
pub use sums::Sum;
use tenantry_entity::{
    Engine,
    sample_id::SampleCodes,
    tenancy::{TENANCY, TableDef, Tenancy},
};
pub use tenantry_schema::direction::Direction;

use crate::{
    error::{Error, Result},
    lock::Patience,
    observer::{Observer, Phase, Watch},
    project::Project,
};

/// Runs the migrations of one migrator on one database.
///
/// ```no_run
/// # use tenantry_migration::MigratorTrait;
/// # async fn example<Migrator: MigratorTrait>(
/// #     db: &sea_orm::DatabaseConnection,
/// # ) -> tenantry_migration::Result<()> {
/// use tenantry_migration::Runner;
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
    tables: fn() -> Vec<TableDef>,
    /// The text of the list of accepted differences.
    accepted_drift: &'static str,
    /// The schemas that entities name.
    schemas: Schemas,
    tool: String,
    consent: Option<String>,
    production: bool,
    /// How tenants are told apart.
    tenancy: Tenancy,
    application_role: String,
    environment: Option<String>,
    patience: Patience,
    observer: Option<Arc<Observer>>,
    backup: Option<PathBuf>,
    failed_statement: Arc<Mutex<Option<String>>>,
    recordings: Recordings,
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
        let engine = Engine::of(db.get_database_backend()).ok_or_else(|| {
            Error::unusable("database-unsupported", "this kind of database is not supported")
        })?;
        let mut names = BTreeSet::new();
        if let Some(twice) = migrations.iter().find(|m| !names.insert(m.name().to_owned())) {
            return Err(Error::config(
                "migration-named-twice",
                format!("two migrations are named {}", twice.name()),
            ));
        }
        Ok(Self {
            db,
            engine,
            migrations,
            table: bookkeeping.to_owned(),
            tables: Vec::new,
            schemas: Schemas::default(),
            tool: concat!("tenantry ", env!("CARGO_PKG_VERSION")).to_owned(),
            consent: None,
            production: false,
            tenancy: TENANCY,
            application_role: TENANCY.application_role.to_owned(),
            environment: None,
            patience: Patience::default(),
            observer: None,
            accepted_drift: "",
            backup: None,
            failed_statement: Arc::default(),
            recordings: Recordings::default(),
        })
    }

    /// Takes the name of the program, tenancy and the codes of its sample rows from a project. Without one, no
    /// row counts as a sample.
    #[must_use]
    pub fn of_project(mut self, project: &Project) -> Self {
        (self.tables, self.tool) = (project.tables, project.tool());
        self.accepted_drift = project.accepted_drift;
        self.tenancy = project.names();
        self.tenancy.application_role.clone_into(&mut self.application_role);
        self.with_schemas(project.schemas())
    }

    /// Tables in these schemas of the database are known with them, as `sales.orders`: those that entities name by
    /// `schema_name`. A project says so itself.
    #[must_use]
    pub fn with_schemas(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.schemas = Arc::new(names.into_iter().collect());
        self
    }

    /// What these statements do to tables.
    fn effect<'s>(&self, statements: impl IntoIterator<Item = &'s Sent>) -> Effect {
        Effect::of(statements, &self.schemas)
    }

    /// The sample rows of the database.
    fn samples(&self) -> Samples {
        let codes = SampleCodes::of(&(self.tables)(), self.tenancy.column);
        Samples::new(self.engine, codes, self.tenancy, &self.table, &self.tool)
    }

    /// Where the journal is, and who writes into it.
    fn ledger(&self) -> journal::Ledger<'_> {
        journal::Ledger { table: &self.table, tool: &self.tool }
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

    /// Consents to the loss that a [refusal](crate::refusal::Refusal) described, by the hash it gave. The consent is void
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

    /// Grants to the role of this name what migrations grant to the application role, instead of to the one that
    /// [`TENANCY`] or the project names.
    #[must_use]
    pub fn application_role(mut self, name: impl Into<String>) -> Self {
        self.application_role = name.into();
        self
    }

    /// How long to wait for others, and how long they may have to wait for us.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Writes the rows that are about to be lost to this file, which must not exist, before they are;
    /// [`restore`](crate::backup::restore) brings them back.
    #[must_use]
    pub fn backup(mut self, file: Option<PathBuf>) -> Self {
        self.backup = file;
        self
    }

    /// Lets a rehearsal see what is done.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The environment that this process belongs to, as `APP_ENV` names it. It is noted in the
    /// database by what applies migrations, and production stays production wherever a copy of the
    /// database goes.
    #[must_use]
    pub fn environment(mut self, name: Option<String>) -> Self {
        self.environment = name;
        self
    }

    /// Applies pending migrations, at most `steps`. Makes the application role if there is none,
    /// and grants it what it should have had before.
    ///
    /// # Errors
    ///
    /// If a migration fails, if a migration that was applied is unknown here, if one would be
    /// applied out of order, or if tables are in the way; [`Error::Refused`] also if real rows would
    /// be lost without consent; [`Error::Busy`] if another process is at it for too long. Nothing is
    /// changed then.
    pub async fn up(&self, steps: Option<u32>) -> Result<Outcome> {
        self.run(&Command::Up(Up { steps, ..Up::default() })).await
    }

    /// Rolls back what was applied last, at most `steps`.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if real rows or hand-made changes would be lost without consent, and as
    /// [`Runner::up`].
    pub async fn down(&self, steps: Option<u32>) -> Result<Outcome> {
        self.run(&Command::Down(Down { steps, to: None })).await
    }

    /// As [`Command::Refresh`].
    ///
    /// # Errors
    ///
    /// As [`Runner::down`].
    pub async fn refresh(&self) -> Result<Outcome> {
        self.run(&Command::Refresh).await
    }

    /// As [`Command::Reset`].
    ///
    /// # Errors
    ///
    /// As [`Runner::down`], and if something is left.
    pub async fn reset(&self) -> Result<Outcome> {
        self.run(&Command::Reset).await
    }

    /// As [`Command::Fresh`].
    ///
    /// # Errors
    ///
    /// As [`Runner::down`].
    pub async fn fresh(&self) -> Result<Outcome> {
        self.run(&Command::Fresh).await
    }

    /// Does what the command says. All of it in one transaction, except that a migration which
    /// cannot run in one divides what comes before it from what comes after. What a lock on a table
    /// has stopped is tried again; see [`Patience`].
    ///
    /// # Errors
    ///
    /// As [`Runner::up`] and [`Runner::down`].
    pub async fn run(&self, command: &Command) -> Result<Outcome> {
        if let Command::Up(up) = command
            && self.is_done(up).await?
        {
            return Ok(Outcome::default());
        }
        let role = self.role(command.applies()).await?;
        let mut attempt = 1;
        loop {
            let mut session = self.begin(command).await?;
            let blockers = session.blockers();
            let work = self.work(&mut session, command, &role);
            let work = self.context(&role).during(Box::pin(work));
            let outcome = match blockers {
                Some(blockers) => blockers.watch_during(work).await,
                None => work.await,
            };
            // Inside a transaction of the caller's, waiting would keep the caller's locks.
            let again =
                attempt < self.patience.attempts && !session.is_divided() && !self.is_nested();
            match session.finish(outcome).await {
                Err(error) if again && error.is_about_a_lock() => {
                    let pause = Patience::pause(attempt);
                    tracing::warn!("{error}");
                    tracing::warn!(
                        "trying again in {:.1} s ({} of {} tries)",
                        pause.as_secs_f64(),
                        attempt + 1,
                        self.patience.attempts
                    );
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether there is nothing to do: found out without a lock, in one statement, since most calls
    /// find nothing.
    async fn is_done(&self, up: &Up) -> Result<bool> {
        if self.is_nested() {
            return Ok(false);
        }
        let granted = self.everything_granted_sql().await?;
        let read = journal::read_quickly(&self.db, self.engine, &self.table, granted.as_deref());
        let Some(history) = read.await else { return Ok(false) };
        let states = self.states(&history).await?;
        let is_pending = |state| matches!(state, State::Pending | State::OutOfOrder);
        let at_rest = states.iter().all(|it| it.state == State::Applied || is_pending(it.state));
        if !at_rest || !self.unnoted(&history).is_empty() {
            return Ok(false);
        }
        if self.new_environment(&history).is_some() || !self.pending(&history, up)?.is_empty() {
            return Ok(false);
        }
        tracing::info!("no migration is pending");
        Ok(true)
    }

    /// The work of one try, inside the session.
    async fn work(
        &self,
        session: &mut Session,
        command: &Command,
        role: &role::Role,
    ) -> Result<Outcome> {
        session.history = self.history(session.tx()).await?;
        if !matches!(command, Command::Fresh) {
            self.check_known(&session.history)?;
            self.check_whole(&session.history, command)?;
            self.adopt(session).await?;
        }
        let mut outcome = Outcome::default();
        match command {
            Command::Up(up) => {
                self.check_unedited(&session.history).await?;
                let pending = self.pending(&session.history, up)?;
                self.apply(session, &pending, None, &mut outcome).await?;
            }
            Command::Down(down) => {
                let to_roll_back = self.to_roll_back(&session.history, down)?;
                self.roll_back(session, &to_roll_back, &[], Records::Kept, &mut outcome).await?;
            }
            Command::Redo(steps) => {
                let down = Down { steps: Some(*steps), to: None };
                let to_roll_back = self.to_roll_back(&session.history, &down)?;
                let again: Vec<&dyn MigrationTrait> = to_roll_back.iter().rev().copied().collect();
                let permit = self
                    .roll_back(session, &to_roll_back, &again, Records::Kept, &mut outcome)
                    .await?;
                self.apply(session, &again, permit, &mut outcome).await?;
            }
            Command::Refresh => {
                let to_roll_back = self.to_roll_back(&session.history, &Down::default())?;
                let all: Vec<&dyn MigrationTrait> =
                    self.migrations.iter().map(AsRef::as_ref).collect();
                let permit = self
                    .roll_back(session, &to_roll_back, &all, Records::Kept, &mut outcome)
                    .await?;
                self.apply(session, &all, permit, &mut outcome).await?;
            }
            Command::Reset => {
                let to_roll_back = self.to_roll_back(&session.history, &Down::default())?;
                let mut permit = self
                    .roll_back(session, &to_roll_back, &[], Records::Dropped, &mut outcome)
                    .await?;
                if permit.is_none() {
                    let (effect, steps) = (Effect::default(), Vec::new());
                    let asked = guard::Asked { effect, steps, bookkeeping_too: true };
                    permit = Some(self.guard(session, asked).await?.permit);
                }
                if let Some(permit) = permit {
                    self.drop_bookkeeping(session, &permit).await?;
                }
                let grants = self.watch(Phase::Grants);
                self.revoke_usage(session.tx(), role).await?;
                drop(grants);
                // Where nothing was ours, what there is stays.
                if !to_roll_back.is_empty() {
                    self.prove_nothing_left(session.tx()).await?;
                }
            }
            Command::Fresh => {
                let mut owned = self.owned_tables().await?;
                owned.reverse();
                let effect = Effect::dropping(owned);
                let asked = guard::Asked { effect, steps: Vec::new(), bookkeeping_too: true };
                let guard::Permitted { permit, drops, .. } = self.guard(session, asked).await?;
                self.drop_tables(session.tx(), &drops, &permit).await?;
                let environment = session.history.environment().map(ToOwned::to_owned);
                self.drop_bookkeeping(session, &permit).await?;
                let all: Vec<&dyn MigrationTrait> =
                    self.migrations.iter().map(AsRef::as_ref).collect();
                self.apply(session, &all, Some(permit), &mut outcome).await?;
                self.note_environment(session, environment).await?;
            }
        }
        if command.applies() {
            self.note_environment(session, None).await?;
            let applied = self.in_order(&session.history);
            let _grants = self.watch(Phase::Grants);
            self.finish_grants(session.tx(), role, &applied).await?;
        }
        Ok(outcome)
    }

    /// The state of every migration: those of this migrator in their order, then those that were
    /// applied and are unknown here. Writes nothing and creates nothing.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn status(&self) -> Result<Vec<MigrationState>> {
        Ok(self.standing().await?.migrations)
    }

    /// The same, with the environment that the database belongs to.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn standing(&self) -> Result<Standing> {
        let mut history = None;
        if !self.is_nested() {
            history = journal::read_quickly(&self.db, self.engine, &self.table, None).await;
        }
        let history = match history {
            Some(history) => history,
            None => self.history(&self.db).await?,
        };
        Ok(Standing {
            migrations: self.states(&history).await?,
            environment: history.environment().map(ToOwned::to_owned),
        })
    }

    /// The tables that the migrations make, in the order in which they are made.
    ///
    /// # Errors
    ///
    /// If a migration cannot be recorded.
    pub async fn owned_tables(&self) -> Result<Vec<String>> {
        let mut recordings = Vec::new();
        for migration in &self.migrations {
            recordings.push(self.recorded(migration.as_ref(), Direction::Up).await?);
        }
        Ok(self.effect(recordings.iter().flat_map(|it| it.iter())).left)
    }

    /// The migrations that are not applied, and the tables that they make.
    ///
    /// # Errors
    ///
    /// If a query fails, or a migration cannot be recorded.
    pub async fn pending_tables(&self) -> Result<(Vec<String>, Vec<String>)> {
        let states = self.standing().await?.migrations.into_iter();
        let pending = states.filter(|it| matches!(it.state, State::Pending | State::OutOfOrder));
        let pending: Vec<String> = pending.map(|it| it.name).collect();
        let mut recordings = Vec::new();
        for migration in pending.iter().filter_map(|name| self.known(name)) {
            recordings.push(self.recorded(migration, Direction::Up).await?);
        }
        let made = self.effect(recordings.iter().flat_map(|it| it.iter())).created;
        Ok((pending, made))
    }

    /// What half of a migration sends on the engine that is worked on.
    async fn recorded(
        &self,
        migration: &dyn MigrationTrait,
        direction: Direction,
    ) -> Result<Arc<Recording>> {
        self.recordings.of(migration, self.engine, direction).await
    }

    /// SHA-256 of what a migration sends to apply itself, so that a change of its words is no
    /// change, and one of its effect is. On Citus, of what it sends to PostgreSQL, so that a database
    /// keeps its history when it becomes one.
    async fn fingerprint(&self, migration: &dyn MigrationTrait) -> Result<String> {
        let engine = if self.engine == Engine::Citus { Engine::Postgres } else { self.engine };
        Ok(self.recordings.of(migration, engine, Direction::Up).await?.sha256())
    }

    /// Whether it works inside a transaction of the caller's.
    fn is_nested(&self) -> bool {
        self.observer.is_some() || !matches!(self.db, SchemaManagerConnection::Connection(_))
    }

    /// Takes what is done, as long as the guard lives, for a part of this.
    fn watch(&self, what: Phase) -> Watch<'_> {
        Watch::of(self.observer.as_deref(), what)
    }
}
