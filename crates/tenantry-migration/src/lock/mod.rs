//! The one lock that keeps migrations and seedings apart, and who holds it.
//!
//! It is tried for again and again, in short transactions, instead of waited for in one long one:
//! PostgreSQL's CREATE INDEX CONCURRENTLY waits for every transaction that may still look at the
//! table, so a runner that waited for its holder in the server would be waited for by it.

mod file;
mod holder;
#[cfg(target_os = "linux")]
mod proc;

use std::time::Duration;

pub(crate) use file::{LockFile, sqlite_file};
pub use holder::Holder;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tenantry_entity::Engine;
use tokio::time::{Instant, sleep};

use crate::error::{Error, Result, sqlstate};

/// How long a command waits for others, and how long others wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For another migration or seeding to finish.
    pub lock_wait: Duration,
    /// For another session's lock on a table. Everybody who comes to that table meanwhile waits
    /// behind us, so this is how long we may hold them up.
    pub lock_timeout: Duration,
    /// How long one statement may run; `None` for as long as it takes.
    pub statement_timeout: Option<Duration>,
    /// How often everything is tried that a lock on a table has stopped.
    pub attempts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            lock_wait: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            statement_timeout: None,
            attempts: 4,
        }
    }
}

/// What the lock is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To change the schema: alone.
    Migrate,
    /// To go on after something that ran outside of a transaction, with the lock kept meanwhile.
    Resume,
    /// To insert or delete sample rows: no schema changes meanwhile, and no other process seeds.
    Seed,
}

/// A transaction that holds the lock.
#[derive(Debug)]
pub struct Locked {
    /// The transaction.
    pub tx: DatabaseTransaction,
    /// The server process behind it, on PostgreSQL.
    pub backend: Option<i32>,
}

/// A command that changes the schema holds this alone; seeders share it. One for each database and
/// schema.
const SCHEMA_KEY: &str = "hashtext(current_database()), hashtext('tenantry ' || current_schema())";

/// A seeder holds this alone.
const SEED_KEY: &str =
    "hashtext(current_database()), hashtext('tenantry seed ' || current_schema())";

/// How long SQLite itself waits for another process to let go of the file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait between two tries, in milliseconds.
const PAUSE: std::ops::Range<u64> = 50..250;

/// Starts a transaction that holds the lock until it ends.
///
/// On PostgreSQL it reads what is committed, whatever the role's default: a count taken after a
/// lock has to see everything up to that lock. And it fails where a row-level policy would hide
/// rows from the role, instead of overlooking them.
///
/// # Errors
///
/// [`Error::Busy`], which names the holder, after [`Patience::lock_wait`]; or if the transaction
/// cannot be started.
pub async fn begin(
    db: &DatabaseConnection,
    engine: Engine,
    purpose: Purpose,
    patience: &Patience,
) -> Result<Locked> {
    let deadline = Instant::now() + patience.lock_wait;
    let mut waiting = false;
    // A file's lock does not say what it is for.
    let doing = match engine {
        Engine::Sqlite => "is using this database file",
        _ => "is migrating or seeding this database",
    };
    loop {
        let overdue = Instant::now() >= deadline;
        // Asking who holds the lock is worth its statement when the answer is shown.
        let holder = match attempt(db, engine, purpose, patience, overdue || !waiting).await? {
            Attempt::Locked(locked) => return Ok(locked),
            Attempt::Held(holder) => holder,
        };
        if overdue {
            let waited = patience.lock_wait.as_secs();
            return Err(Error::busy(
                "lock-held",
                format!(
                    "{holder} {doing}, and did not finish within {waited} seconds (--lock-wait); nothing was \
                 changed"
                ),
            ));
        }
        if !waiting {
            tracing::info!("waiting for {holder}, who {doing}");
            waiting = true;
        }
        sleep(Duration::from_millis(fastrand::u64(PAUSE))).await;
    }
}

/// Takes the lock inside a transaction of the caller's, which keeps its settings, until that ends.
/// Without waiting: it is the caller who holds locks meanwhile.
///
/// # Errors
///
/// [`Error::Busy`] if another process holds it.
pub async fn take(tx: &DatabaseTransaction, engine: Engine) -> Result<()> {
    if engine == Engine::Sqlite {
        let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
        let row = tx.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
        let file: Option<String> = row.map(|row| row.try_get("", "file")).transpose()?;
        let file = file.filter(|file| !file.is_empty());
        if file.is_some_and(|file| LockFile::is_held(file.as_ref())) {
            return Err(Error::busy(
                "lock-held",
                "another process is migrating this database; try again later",
            ));
        }
        return Ok(());
    }
    if !engine.capability().advisory_lock {
        return Ok(());
    }
    let sql = format!("SELECT {} AS locked", try_for(Purpose::Migrate));
    let row = tx.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    if row.map(|row| row.try_get("", "locked")).transpose()?.unwrap_or(false) {
        if engine.capability().distributes_tables {
            prepare_nodes(tx, &[]).await?;
        }
        return Ok(());
    }
    let holder = holder::on_postgres(tx, engine).await?;
    Err(Error::busy(
        "lock-held",
        format!("{holder} is migrating or seeding this database; try again later"),
    ))
}

/// Keeps the lock for the session, beyond the transaction that holds it.
pub(crate) async fn keep<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<()> {
    if engine.capability().advisory_lock {
        db.execute_unprepared(&format!("SELECT pg_advisory_lock({SCHEMA_KEY})")).await?;
    }
    Ok(())
}

/// Ends what [`keep`] did.
///
/// # Errors
///
/// If the lock is not held any more: the connection was lost, and another one has taken its place.
pub(crate) async fn let_go<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<()> {
    if !engine.capability().advisory_lock {
        return Ok(());
    }
    let sql = format!("SELECT pg_advisory_unlock({SCHEMA_KEY}) AS held");
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    if row.map(|row| row.try_get("", "held")).transpose()?.unwrap_or(false) {
        return Ok(());
    }
    Err(Error::unusable(
        "connection-lost",
        "the connection was lost outside of a transaction, and the lock with it, so another process may \
         have changed something meanwhile: `status` shows what is half done",
    ))
}

/// The statements that take the lock in a script, waiting for it; that keep it beyond the transaction;
/// and that let it go.
pub(crate) fn in_a_script() -> [String; 3] {
    ["pg_advisory_xact_lock", "pg_advisory_lock", "pg_advisory_unlock"]
        .map(|function| format!("SELECT {function}({SCHEMA_KEY})"))
}

enum Attempt {
    Locked(Locked),
    Held(Holder),
}

async fn attempt(
    db: &DatabaseConnection,
    engine: Engine,
    purpose: Purpose,
    patience: &Patience,
    ask: bool,
) -> Result<Attempt> {
    let capability = engine.capability();
    if engine == Engine::Sqlite && patience.lock_wait < BUSY_TIMEOUT {
        let wait = patience.lock_wait.as_millis();
        db.execute_unprepared(&format!("PRAGMA busy_timeout = {wait}")).await?;
    }
    let begun = db
        .begin_with_options(TransactionOptions {
            isolation_level: capability.session_settings.then_some(IsolationLevel::ReadCommitted),
            // A transaction that starts as a reader fails when it wants to write beside another.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await;
    let held_file = || if ask { holder::of_file(sqlite_file(db)) } else { Holder::default() };
    let tx = match begun {
        Ok(tx) => tx,
        Err(error) if is_busy(&error) => return Ok(Attempt::Held(held_file())),
        Err(error) => return Err(error.into()),
    };
    if engine == Engine::Sqlite {
        // Another process may be between two transactions.
        let is_held = match (purpose, db.is_mock_connection()) {
            (Purpose::Resume, _) => false,
            (_, true) => take(&tx, engine).await.is_err(),
            (_, false) => sqlite_file(db).is_some_and(|file| LockFile::is_held(&file)),
        };
        if is_held {
            tx.rollback().await?;
            return Ok(Attempt::Held(held_file()));
        }
        // Readers are waited for in the end, or when changes no longer fit into memory.
        let wait = patience.lock_wait.as_millis().min(i32::MAX as u128);
        tx.execute_unprepared(&format!("PRAGMA busy_timeout = {wait}")).await?;
        return Ok(Attempt::Locked(Locked { tx, backend: None }));
    }
    match lock_on_postgres(&tx, engine, purpose, patience).await {
        Ok((true, backend)) => Ok(Attempt::Locked(Locked { tx, backend })),
        Ok((false, _)) => {
            let holder =
                if ask { holder::on_postgres(&tx, engine).await? } else { Holder::default() };
            tx.rollback().await?;
            Ok(Attempt::Held(holder))
        }
        Err(error) => {
            // The error says more than a failed rollback would.
            let _ = tx.rollback().await;
            Err(error)
        }
    }
}

/// What a transaction needs that changes tables which are spread over several nodes, in this order:
///
/// - one connection to each node, so that what was done on it is seen by what comes after it;
/// - no care of Citus's for tables that are not distributed yet, but refer to one that is on every
///   node already: it would take them into its metadata, and then refuse to distribute them;
/// - the settings here on the other nodes as well, where it waits for locks, too.
///
/// The lock itself is the coordinator's, and so is the schema: on another node nothing is done.
async fn prepare_nodes(tx: &DatabaseTransaction, settings: &[(&str, String)]) -> Result<()> {
    let sql = "SELECT groupid AS node, (SELECT nodename || ':' || nodeport FROM pg_dist_node \
               WHERE groupid = 0 AND noderole = 'primary' LIMIT 1) AS coordinator \
               FROM pg_dist_local_group";
    let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    if let Some(row) = row.filter(|row| row.try_get("", "node").is_ok_and(|node: i32| node != 0)) {
        let coordinator: Option<String> = row.try_get("", "coordinator")?;
        return Err(Error::unusable(
            "worker-node",
            format!(
                "this is a worker of a Citus cluster, and tables and sample rows are made through its \
             coordinator: connect to {}; nothing was changed",
                coordinator.as_deref().unwrap_or("that")
            ),
        ));
    }
    let mut sql = format!("{ON_CITUS}; SET LOCAL citus.propagate_set_commands = 'local'");
    for (name, value) in settings.iter().filter(|(name, _)| ON_EACH_NODE.contains(name)) {
        sql = format!("{sql}; SET LOCAL {name} = '{value}'");
    }
    tx.execute_unprepared(&format!("{sql}; SET LOCAL citus.propagate_set_commands = 'none'"))
        .await?;
    Ok(())
}

/// The first two of them.
pub(crate) const ON_CITUS: &str = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'; \
     SET LOCAL citus.enable_local_reference_table_foreign_keys = off";

/// The settings that matter wherever rows are.
const ON_EACH_NODE: [&str; 3] = ["row_security", "lock_timeout", "statement_timeout"];

/// Sets what the transaction needs and tries for the lock, in one statement.
async fn lock_on_postgres(
    tx: &DatabaseTransaction,
    engine: Engine,
    purpose: Purpose,
    patience: &Patience,
) -> Result<(bool, Option<i32>)> {
    let mut columns = Vec::new();
    if engine.capability().session_settings {
        columns.extend(
            patience
                .settings()
                .iter()
                .map(|(name, value)| format!("set_config('{name}', '{value}', true)")),
        );
        columns.push("pg_backend_pid() AS backend".to_owned());
    }
    let can_lock = engine.capability().advisory_lock;
    let locked = if can_lock { try_for(purpose) } else { "true".to_owned() };
    columns.push(format!("{locked} AS locked"));
    let sql = format!("SELECT {}", columns.join(", "));
    let row = tx.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    let Some(row) = row else { return Ok((false, None)) };
    let tells = engine.capability().session_settings;
    let backend = tells.then(|| row.try_get("", "backend")).transpose()?;
    let locked = row.try_get("", "locked")?;
    if locked && engine.capability().distributes_tables {
        prepare_nodes(tx, &patience.settings()).await?;
    }
    Ok((locked, backend))
}

impl Patience {
    /// How long to wait before a try, so that those who wait for the same do not come back together:
    /// between one and two seconds after the first, twice as long after each other.
    #[must_use]
    pub fn pause(attempt: u32) -> Duration {
        Duration::from_millis(fastrand::u64(1000..2000) << attempt.saturating_sub(1).min(4))
    }

    /// Reads something, and tries again where others have locked it meanwhile, in another order
    /// perhaps, so that the server has stopped one of the two.
    ///
    /// # Errors
    ///
    /// The work's own, of the last try.
    pub async fn reading<T>(&self, work: impl AsyncFn() -> Result<T>) -> Result<T> {
        let mut attempt = 1;
        loop {
            match work().await {
                Err(error) if error.is_about_a_lock() && attempt < self.attempts => {
                    let pause = Self::pause(attempt);
                    tracing::warn!("{error}; trying again in {:.1} s", pause.as_secs_f64());
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// What a transaction on PostgreSQL has to set, as one statement.
    #[must_use]
    pub fn settings_sql(&self) -> String {
        let settings = self.settings();
        let set =
            settings.iter().map(|(name, value)| format!("set_config('{name}', '{value}', true)"));
        format!("SELECT {}", set.collect::<Vec<_>>().join(", "))
    }

    /// What a transaction on PostgreSQL has to set, as names and values.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("row_security", "off".to_owned()),
            ("quote_all_identifiers", "off".to_owned()),
            // The holder of the lock may have to wait for what others of its connections do.
            ("idle_in_transaction_session_timeout", "0".to_owned()),
            // A backslash in a literal is one; and a number has all of its digits.
            ("standard_conforming_strings", "on".to_owned()),
            ("extra_float_digits", "1".to_owned()),
            ("lock_timeout", format!("{}ms", self.lock_timeout.as_millis())),
        ];
        if let Some(limit) = self.statement_timeout {
            settings.push(("statement_timeout", format!("{}ms", limit.as_millis())));
        }
        settings
    }
}

/// Tries for the lock until the transaction ends, beside others that change no schema.
pub(crate) fn try_shared() -> String {
    format!("pg_try_advisory_xact_lock_shared({SCHEMA_KEY})")
}

fn try_for(purpose: Purpose) -> String {
    match purpose {
        Purpose::Migrate | Purpose::Resume => format!("pg_try_advisory_xact_lock({SCHEMA_KEY})"),
        Purpose::Seed => format!("({} AND pg_try_advisory_xact_lock({SEED_KEY}))", try_shared()),
    }
}

/// `SQLITE_BUSY` and `SQLITE_LOCKED` with their extended forms: <https://www.sqlite.org/rescode.html>.
fn is_busy(error: &DbErr) -> bool {
    sqlstate(error).is_some_and(|code| ["5", "6", "261", "262", "517"].contains(&code.as_str()))
}
