//! The only place that connects to a database.

use std::{path::Path, sync::Arc, time::Duration};

use entity::{
    Engine,
    engine::{IS_NILE, refuses_nobody},
    tenancy::{APPLICATION_ROLE, TENANT_SETTING},
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        self, ConnectOptions as _, Connection as _, PgConnection, Row as _,
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqlitePoolOptions},
    },
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    config::{FileMode, Target},
    error::{Error, Result, explain_sqlx},
};

/// How long connecting may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);

/// How long SQLite waits for another process to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The oldest PostgreSQL that is supported: `gen_random_uuid()` is built in from 13 on.
const OLDEST_POSTGRES: u32 = 130_000;

/// What to do about an SQLite file that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Create it.
    Create,
    /// Say so, and create nothing.
    Fail,
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    /// The connection, for SeaORM.
    pub connection: DatabaseConnection,
    /// Which engine it is.
    pub engine: Engine,
    /// The file, or host and database: for messages, without user and password.
    pub name: String,
    /// The role that applications work as, where the engine has roles.
    pub application_role: String,
}

impl Database {
    /// Connects, and checks that the database can be worked with.
    ///
    /// # Errors
    ///
    /// Within ten seconds, with a sentence that says what to do: if the server cannot be reached,
    /// does not let the role in, or is too old; if the schema does not exist; if the file is
    /// absent, no database, locked or not accessible.
    pub async fn open(target: &Target, absent: Absent) -> Result<Self> {
        let database = match target {
            Target::Sqlite { path, mode, .. } => open_sqlite(path, *mode, absent).await?,
            Target::Postgres { options, schema, name, application_role, engine } => Self {
                application_role: application_role.clone(),
                ..open_postgres(options, schema.as_deref(), *engine, name).await?
            },
        };
        tracing::debug!(engine = %database.engine, database = %database.name, "connected");
        Ok(database)
    }

    /// Closes the connection, so that a server logs no broken one and SQLite removes its journal.
    pub async fn close(self) {
        // Nothing is left to be done with a connection that fails to close.
        let _ = self.connection.close().await;
    }
}

async fn open_sqlite(path: &Path, mode: FileMode, absent: Absent) -> Result<Database> {
    let shown = path.display();
    let unusable = |what: String| Error::Unusable(what);
    if path.is_dir() {
        return Err(unusable(format!("{shown} is a folder: name a file in DATABASE_URL")));
    }
    let exists = path
        .try_exists()
        .map_err(|error| unusable(format!("cannot look for the SQLite file {shown}: {error}")))?;
    if !exists {
        if absent == Absent::Fail || mode != FileMode::Create {
            return Err(unusable(format!(
                "there is no database file {shown}: `up` or `run` would create it"
            )));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
            && !folder.is_dir()
        {
            return Err(unusable(format!(
                "the folder {} does not exist: create it, or name another in DATABASE_URL",
                folder.display()
            )));
        }
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(absent == Absent::Create && mode == FileMode::Create)
        .read_only(mode == FileMode::ReadOnly)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let failed = |error: &sqlx::Error| {
        unusable(format!("cannot use the SQLite file {shown}: {}", explain_sqlx(error)))
    };
    // One connection: a second one would wait for the first one's locks.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .map_err(|error| failed(&error))?;
    // Opening reads nothing; this does, and so finds a file that is no database or is locked.
    sqlx::query("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&pool)
        .await
        .map_err(|error| failed(&error))?;
    Ok(Database {
        connection: DatabaseConnection::from(pool),
        engine: Engine::Sqlite,
        name: path.display().to_string(),
        application_role: APPLICATION_ROLE.to_owned(),
    })
}

async fn open_postgres(
    options: &PgConnectOptions,
    schema: Option<&str>,
    engine: Option<Engine>,
    name: &str,
) -> Result<Database> {
    let detected = probe_postgres(options, schema, name).await?;
    let engine = engine.unwrap_or(detected);
    let mut setup = Vec::new();
    if engine.capability().session_settings {
        // Without a limit of the role's own, nobody waits for another session's lock for ever.
        setup.push(
            "SELECT set_config('lock_timeout', '5s', false) \
             WHERE current_setting('lock_timeout') = '0'"
                .to_owned(),
        );
        setup.push("SET quote_all_identifiers = off".to_owned());
    }
    if let Some(schema) = schema {
        setup.push(format!("SET search_path = {}", quoted(schema)));
    }
    let setup = setup.join("; ");
    let pool = PgPoolOptions::new()
        // A command does one thing after the other, and a role may be limited to one connection.
        .max_connections(1)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(move |connection, _| {
            let setup = setup.clone();
            Box::pin(async move {
                if !setup.is_empty() {
                    sqlx::raw_sql(sqlx::AssertSqlSafe(setup)).execute(connection).await?;
                }
                Ok(())
            })
        })
        .connect_lazy_with(options.clone());
    Ok(Database {
        connection: DatabaseConnection::from(pool),
        engine,
        name: name.to_owned(),
        application_role: APPLICATION_ROLE.to_owned(),
    })
}

/// Connects once outside the pool, which would retry a refused port until its timeout and then
/// report only the timeout. Says which engine it is.
async fn probe_postgres(
    options: &PgConnectOptions,
    schema: Option<&str>,
    name: &str,
) -> Result<Engine> {
    let failed = |error: &sqlx::Error| {
        Error::Unusable(format!("cannot connect to PostgreSQL at {name}: {}", connect_error(error)))
    };
    let attempt = async {
        let mut connection: PgConnection = options.connect().await?;
        // The server names its version as it lets us in, before it understands any query of ours.
        let version = connection.server_version_num().unwrap_or(OLDEST_POSTGRES);
        if version < OLDEST_POSTGRES {
            return Ok::<_, sqlx::Error>((version, false, None::<String>, false));
        }
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1), \
             current_schema()::text, {IS_NILE}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(schema);
        let row = query.fetch_one(&mut connection).await?;
        let is_nile = row.try_get(2)? && refuses_nobody(&mut connection).await?;
        connection.close().await?;
        Ok((version, row.try_get(0)?, row.try_get(1)?, is_nile))
    };
    let Ok(answer) = timeout(CONNECT_TIMEOUT, attempt).await else {
        return Err(Error::Unusable(format!(
            "PostgreSQL at {name} did not answer within {} seconds: check host and port",
            CONNECT_TIMEOUT.as_secs()
        )));
    };
    let (version, schema_exists, current_schema, is_nile) =
        answer.map_err(|error| failed(&error))?;
    if version < OLDEST_POSTGRES {
        return Err(Error::Unusable(format!(
            "PostgreSQL at {name} is version {}: 13 or newer is needed",
            version / 10_000
        )));
    }
    match schema {
        Some(schema) if !schema_exists => Err(Error::Unusable(format!(
            "the schema {} does not exist in {name}: create it with `CREATE SCHEMA {}`",
            quoted(schema),
            quoted(schema)
        ))),
        None if current_schema.is_none() => Err(Error::Unusable(format!(
            "the search_path of this role names no schema that exists in {name}: \
             name one with --database-schema"
        ))),
        _ => Ok(if is_nile { Engine::Nile } else { Engine::Postgres }),
    }
}

fn connect_error(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(inner) => {
            let hint = match inner.kind() {
                std::io::ErrorKind::ConnectionRefused => {
                    "nothing listens there: is the server running, and is the port right?"
                }
                std::io::ErrorKind::NotFound => "there is no such socket",
                _ => "check host and port",
            };
            format!("{inner}: {hint}")
        }
        other => explain_sqlx(other),
    }
}

/// Starts a transaction that writes, alone among all that start this way on the same schema: the
/// next one waits, for at most ten seconds on PostgreSQL and five on SQLite.
///
/// On PostgreSQL it reads what is committed, whatever the role's default: a count taken after a
/// lock has to see everything up to that lock. And it fails where a row-level policy would hide
/// rows from the role, instead of overlooking them.
///
/// # Errors
///
/// If the transaction cannot be started, or the wait was too long.
pub async fn begin_write<C>(db: &C, engine: Engine) -> Result<DatabaseTransaction, DbErr>
where
    C: TransactionTrait<Transaction = DatabaseTransaction>,
{
    let capability = engine.capability();
    let tx = db
        .begin_with_options(TransactionOptions {
            isolation_level: capability.session_settings.then_some(IsolationLevel::ReadCommitted),
            // A transaction that starts as a reader fails when it wants to write beside another.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if capability.session_settings {
        tx.execute_unprepared(&format!(
            "SET LOCAL lock_timeout = '10s'; SET LOCAL row_security = off; \
             SET LOCAL quote_all_identifiers = off; {ADVISORY_LOCK}; \
             SET LOCAL lock_timeout = '5s'"
        ))
        .await?;
    } else if capability.advisory_lock {
        tx.execute_unprepared(ADVISORY_LOCK).await?;
    }
    Ok(tx)
}

/// Starts a transaction that works for one tenant: the setting comes first, which is what engines
/// ask for that keep tenants apart themselves.
///
/// # Errors
///
/// If the transaction cannot be started, or the engine does not know the tenant.
pub async fn begin_for_tenant(
    db: &DatabaseConnection,
    tenant: Uuid,
) -> Result<DatabaseTransaction, DbErr> {
    let tx = db.begin().await?;
    tx.execute_unprepared(&format!("SET LOCAL {TENANT_SETTING} = '{tenant}'")).await?;
    Ok(tx)
}

/// Starts a transaction that only reads, and sees everything as it is at one moment.
///
/// # Errors
///
/// If the transaction cannot be started.
pub async fn begin_read(
    db: &DatabaseConnection,
    engine: Engine,
) -> Result<DatabaseTransaction, DbErr> {
    let isolation = engine.capability().table_locks.then_some(IsolationLevel::RepeatableRead);
    db.begin_with_config(isolation, None).await
}

/// Starts a savepoint in the caller's transaction, which keeps its settings, and takes the lock of
/// [`begin_write`] until that transaction ends.
pub(crate) async fn begin_nested(
    tx: &DatabaseTransaction,
    engine: Engine,
) -> Result<DatabaseTransaction, DbErr> {
    let nested = tx.begin().await?;
    if engine.capability().advisory_lock {
        nested.execute_unprepared(ADVISORY_LOCK).await?;
    }
    Ok(nested)
}

/// One lock for each database and schema.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext(current_database()), \
                             hashtext('tenantry ' || current_schema()))";

/// Ends a transaction by its outcome: commits, or rolls back and waits until that is done. A
/// transaction that is merely dropped keeps its locks until its connection is next used.
///
/// # Errors
///
/// The outcome's own, or that of the commit.
pub async fn finish<T>(tx: DatabaseTransaction, outcome: Result<T>) -> Result<T> {
    match outcome {
        Ok(value) => {
            tx.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // The outcome's error says more than a failed rollback would.
            let _ = tx.rollback().await;
            Err(error)
        }
    }
}

/// Counts rows in several tables by one statement. Each entry is a table, as SQL for behind FROM,
/// and a condition on its rows; the counts come in the same order.
///
/// # Errors
///
/// If the statement fails.
pub async fn count_rows<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &[(String, String)],
) -> Result<Vec<u64>, DbErr> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(number, (table, condition))| {
            format!(
                "SELECT CAST({number} AS bigint) AS number, count(*) AS n FROM {table} \
                 WHERE {condition}"
            )
        })
        .collect();
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    let mut counts = vec![0; tables.len()];
    for row in db.query_all_raw(stmt).await? {
        let (number, rows): (i64, i64) = (row.try_get("", "number")?, row.try_get("", "n")?);
        if let Some(count) = usize::try_from(number).ok().and_then(|at| counts.get_mut(at)) {
            *count = u64::try_from(rows).unwrap_or_default();
        }
    }
    Ok(counts)
}

/// An SQLite database in memory, gone when it is closed. It enforces no foreign key: what is tried
/// in it is schema, in any order.
pub(crate) async fn in_memory() -> Result<DatabaseConnection, DbErr> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(SqliteConnectOptions::new().in_memory(true).foreign_keys(false))
        .await
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))?;
    Ok(DatabaseConnection::from(pool))
}

/// A text as an SQL literal.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name as a quoted SQL identifier.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
