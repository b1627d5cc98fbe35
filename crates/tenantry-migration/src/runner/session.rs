//! The transaction of a call, on a connection without foreign keys where tables are recreated; and
//! how it is left and entered again around what cannot run in one.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    TransactionTrait as _, sqlx,
};
use sea_orm_migration::SchemaManagerConnection;
use tenantry_entity::Engine;

use super::{
    Command, Direction, Runner,
    blocked::Blockers,
    foreign_keys::{self, Orphans, Unenforced},
    guard::Consented,
    journal::History,
    recorder::runs_outside,
};
use crate::{
    backup::Backup,
    db::finish,
    error::{Error, Result, sqlstate},
    lock::{self, LockFile, Locked, Patience, Purpose},
    ops::v1::FOREIGN_KEYS_ENFORCED,
    sql::set_schemas,
};

/// One try of a call.
pub(super) struct Session {
    engine: Engine,
    patience: Patience,
    /// `None` between two transactions.
    tx: Option<DatabaseTransaction>,
    /// The connection behind it; `None` if the transaction is the caller's.
    connection: Option<DatabaseConnection>,
    /// The same, if it is for this session only, and closed with it.
    own: Option<DatabaseConnection>,
    /// The same, where foreign keys had to be switched off.
    unenforced: Option<Unenforced>,
    /// The rows that referred to nothing before, where nothing enforces foreign keys.
    orphans: Option<Orphans>,
    /// The server process, on PostgreSQL.
    backend: Option<i32>,
    /// What keeps others away between two transactions, on SQLite.
    file: Option<LockFile>,
    divided: bool,
    permits_void: bool,
    /// The rows that are being written to a file.
    pub backup: Option<Backup>,
    /// How many such files are done.
    pub backups: u32,
    /// The tables that may lose columns but not rows, and whose sample rows are unedited.
    pub thinned: Vec<String>,
    /// The command's name.
    pub command: &'static str,
    /// What was consented to, if the guard let something pass only for that.
    pub consented: Option<Consented>,
    /// What the database knew when the session began, and what the session added.
    pub history: History,
}

impl Session {
    /// The transaction.
    ///
    /// There is one except within [`Session::leave`] and [`Session::enter`], between which no other
    /// code runs.
    #[allow(clippy::expect_used, reason = "see above")]
    pub(super) fn tx(&self) -> &DatabaseTransaction {
        self.tx.as_ref().expect("a session has a transaction")
    }

    /// The connection, while there is no transaction.
    #[allow(clippy::expect_used, reason = "only who has left a transaction asks")]
    pub(super) fn connection(&self) -> &DatabaseConnection {
        self.connection.as_ref().expect("only a session with a connection can be divided")
    }

    /// Whether something can run outside of the transaction.
    pub(super) fn can_be_divided(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether something was committed before the end.
    pub(super) fn is_divided(&self) -> bool {
        self.divided
    }

    /// Whether the locks are gone under which the guard gave its permit.
    pub(super) fn permits_are_void(&self) -> bool {
        self.permits_void
    }

    /// Notes that the guard was asked again.
    pub(super) fn renew_permits(&mut self) {
        self.permits_void = false;
    }

    /// What can be known of who blocks this session.
    pub(super) fn blockers(&self) -> Option<Blockers> {
        let connection = self.connection.as_ref()?;
        Blockers::of(connection, self.backend?, self.patience.lock_timeout)
    }

    /// Commits, and keeps everybody else away. Statements wait for locks for at most `limit`, or for as
    /// long as it takes if that is zero.
    pub(super) async fn leave(&mut self, limit: Duration) -> Result<()> {
        let Some(tx) = self.tx.take() else { return Ok(()) };
        if let Some(file) = lock::sqlite_file(self.connection()) {
            self.file = Some(LockFile::take(&file)?);
        }
        self.check_foreign_keys(&tx).await?;
        if let Some(backup) = self.backup.take() {
            backup.keep()?;
            self.backups += 1;
        }
        lock::keep(&tx, self.engine).await?;
        // From here on there is a lock to let go of, also if committing fails.
        (self.divided, self.permits_void) = (true, true);
        tx.commit().await?;
        self.limit(limit).await
    }

    /// Sets how long statements outside of a transaction wait for locks, and run.
    async fn limit(&self, lock_timeout: Duration) -> Result<()> {
        if !self.engine.capability().session_settings {
            return Ok(());
        }
        let mut sql = format!("SET lock_timeout = '{}ms'", lock_timeout.as_millis());
        if let Some(limit) = self.patience.statement_timeout {
            sql = format!("{sql}; SET statement_timeout = '{}ms'", limit.as_millis());
        }
        self.connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    /// Begins another transaction after [`Session::leave`].
    pub(super) async fn enter(&mut self) -> Result<()> {
        self.limit(self.patience.lock_timeout).await?;
        let locked =
            lock::begin(self.connection(), self.engine, Purpose::Resume, &self.patience).await?;
        let held = lock::let_go(&locked.tx, self.engine).await;
        self.tx = Some(locked.tx);
        self.file = None;
        held
    }

    /// On SQLite, a reader of the file is in the way only in the end.
    fn cannot_commit(&self, error: DbErr) -> Error {
        let is_busy = self.engine == Engine::Sqlite
            && sqlstate(&error).is_some_and(|code| code == "5" || code == "261");
        if !is_busy || self.divided {
            return error.into();
        }
        Error::busy(
            "lock-held",
            format!(
                "another process is reading this database file, and did not finish within {} seconds \
             (--lock-wait); nothing was changed",
                self.patience.lock_wait.as_secs()
            ),
        )
    }

    async fn check_foreign_keys(&self, tx: &DatabaseTransaction) -> Result<()> {
        match &self.orphans {
            Some(orphans) => foreign_keys::check(tx, orphans).await,
            None => Ok(()),
        }
    }

    /// Ends the transaction by its outcome, and gives the connection back.
    pub(super) async fn finish<T>(mut self, outcome: Result<T>) -> Result<T> {
        let tx = self.tx.take();
        let outcome = match (outcome, &tx) {
            (Ok(value), Some(tx)) => self.check_foreign_keys(tx).await.map(|()| value),
            (outcome, _) => outcome,
        };
        let mut kept = None;
        let outcome = match (outcome, self.backup.take()) {
            (Ok(value), Some(backup)) => backup.keep().map(|path| {
                kept = Some(path);
                value
            }),
            (outcome, _) => outcome,
        };
        let outcome = if let Some(tx) = tx {
            let outcome = finish(tx, outcome).await;
            // If it is certain that nothing was lost, the file is not needed.
            match outcome {
                Err(Error::Database(error)) if was_rolled_back(&error) => {
                    if let Some(path) = kept {
                        let _ = std::fs::remove_file(path);
                    }
                    Err(self.cannot_commit(error))
                }
                outcome => outcome,
            }
        } else {
            if let Some(connection) = self.connection.as_ref().filter(|_| self.divided) {
                // Outside of a transaction something failed, and says more than this would.
                let _ = lock::let_go(connection, self.engine).await;
            }
            outcome
        };
        if let Some(unenforced) = self.unenforced {
            unenforced.end().await?;
        } else if let Some(own) = self.own {
            own.close().await?;
        }
        outcome
    }
}

/// Whether it is certain that the transaction of a failed COMMIT has changed nothing: SQLite says so, and
/// PostgreSQL where a constraint or another transaction is the reason.
fn was_rolled_back(error: &DbErr) -> bool {
    sqlstate(error)
        .is_some_and(|code| code.len() < 5 || code.starts_with("23") || code.starts_with("40"))
}

impl Runner<'_> {
    /// Starts the transaction of a call that may run what this command runs.
    pub(super) async fn begin(&self, command: &Command) -> Result<Session> {
        self.begin_for(command.name(), &directions(command)).await
    }

    /// Whether the command may recreate tables, so that foreign keys have to be off.
    pub(crate) async fn would_rebuild(&self, command: &Command) -> Result<bool> {
        self.may_rebuild(&directions(command)).await
    }

    /// Starts the transaction of a call that may run migrations in these directions.
    pub(super) async fn begin_for(
        &self,
        command: &'static str,
        directions: &[Direction],
    ) -> Result<Session> {
        let mut session = Session {
            engine: self.engine,
            patience: self.patience,
            tx: None,
            connection: None,
            own: None,
            unenforced: None,
            orphans: None,
            backend: None,
            file: None,
            divided: false,
            permits_void: false,
            backup: None,
            backups: 0,
            command,
            consented: None,
            thinned: Vec::new(),
            history: History::default(),
        };
        let connection = match &self.db {
            SchemaManagerConnection::Connection(connection) => *connection,
            // The caller, who began the transaction, has decided whether foreign keys are on.
            SchemaManagerConnection::Transaction(tx) => {
                let nested = nested(tx, self.engine).await?;
                self.name_schemas(&nested).await?;
                session.tx = Some(nested);
                return Ok(session);
            }
            SchemaManagerConnection::OwnedTransaction(tx) => {
                let nested = nested(tx, self.engine).await?;
                self.name_schemas(&nested).await?;
                session.tx = Some(nested);
                return Ok(session);
            }
        };
        let is_real = !connection.is_mock_connection();
        if is_real && self.may_rebuild(directions).await? {
            session.unenforced = Some(Unenforced::of(connection).await?);
        }
        let divisible = self.migrations.iter().any(|migration| runs_outside(migration.as_ref()));
        // The clone's callback is its own: the caller's connection keeps the one it has.
        let mut connection = match &session.unenforced {
            Some(own) => own.connection.clone(),
            None if is_real && divisible => match pinned(connection) {
                Some(own) => {
                    session.own = Some(own.clone());
                    own
                }
                None => connection.clone(),
            },
            None => connection.clone(),
        };
        let failed = Arc::clone(&self.failed_statement);
        connection.set_metric_callback(move |info| {
            if info.failed {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                *failed = Some(info.statement.sql.clone());
            }
        });
        let unenforced = session.unenforced.is_some()
            || self.observer.as_ref().is_some_and(|observer| observer.foreign_keys_off);
        let begun = async {
            let locked =
                lock::begin(&connection, self.engine, Purpose::Migrate, &self.patience).await?;
            let mut orphans = None;
            if unenforced {
                orphans = Some(foreign_keys::orphans(&locked.tx).await?);
            }
            self.name_schemas(&locked.tx).await?;
            Ok::<(Locked, Option<Orphans>), Error>((locked, orphans))
        };
        let begun = begun.await;
        session.connection = Some(connection);
        match begun {
            Ok((locked, orphans)) => {
                session.tx = Some(locked.tx);
                session.backend = locked.backend;
                session.orphans = orphans;
                Ok(session)
            }
            Err(error) => session.finish(Err(error)).await,
        }
    }

    /// Says on a connection that others have opened in which schemas tables are.
    async fn name_schemas(&self, tx: &DatabaseTransaction) -> Result<()> {
        if self.schemas.is_empty() || !self.engine.capability().session_settings {
            return Ok(());
        }
        let sql = format!("SET LOCAL {}", set_schemas(self.schemas.iter().map(String::as_str)));
        tx.execute_unprepared(&sql).await?;
        Ok(())
    }

    /// Whether a migration that may be run in these directions recreates a table.
    async fn may_rebuild(&self, directions: &[Direction]) -> Result<bool> {
        if !self.engine.capability().rebuilds_tables {
            return Ok(false);
        }
        let mut rebuilding = Vec::new();
        for direction in directions {
            for migration in &self.migrations {
                let sent = self.recorded(migration.as_ref(), *direction).await?;
                if sent.iter().any(|it| it.sql == FOREIGN_KEYS_ENFORCED) {
                    rebuilding.push((*direction, migration.name()));
                }
            }
        }
        // Mostly there is none, and then there is nothing to ask the database.
        if rebuilding.is_empty() {
            return Ok(false);
        }
        let history = self.history(&self.db).await?;
        Ok(rebuilding.into_iter().any(|(direction, name)| match direction {
            // What is rolled back first is applied again.
            Direction::Up => !history.is_recorded(name) || directions.len() > 1,
            Direction::Down => history.is_recorded(name),
        }))
    }
}

fn directions(command: &Command) -> Vec<Direction> {
    let down = command.rolls_back().then_some(Direction::Down);
    let up = command.applies().then_some(Direction::Up);
    down.into_iter().chain(up).collect()
}

/// A savepoint in the caller's transaction, which keeps its settings, and the lock until that ends.
async fn nested(tx: &DatabaseTransaction, engine: Engine) -> Result<DatabaseTransaction> {
    let nested = tx.begin().await?;
    match lock::take(&nested, engine).await {
        Ok(()) => Ok(nested),
        Err(error) => finish(nested, Err(error)).await,
    }
}

/// A connection that is the same one for every statement: what is outside of a transaction goes to
/// any connection of a pool. `None` if the pool has only one anyway, which it never replaces.
fn pinned(connection: &DatabaseConnection) -> Option<DatabaseConnection> {
    fn single<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> Option<sqlx::Pool<DB>> {
        let options = pool.options().clone();
        let lasts = options.get_max_lifetime().is_none() && options.get_idle_timeout().is_none();
        (options.get_max_connections() > 1 || !lasts).then(|| {
            options
                // The lock must not go because the connection is old.
                .max_lifetime(None)
                .idle_timeout(None)
                .min_connections(0)
                .max_connections(1)
                .connect_lazy_with(pool.connect_options().as_ref().clone())
        })
    }
    match connection.get_database_backend() {
        // A database in memory belongs to one connection.
        DbBackend::Sqlite if lock::sqlite_file(connection).is_none() => None,
        DbBackend::Sqlite => single(connection.get_sqlite_connection_pool()).map(Into::into),
        _ => single(connection.get_postgres_connection_pool()).map(Into::into),
    }
}
