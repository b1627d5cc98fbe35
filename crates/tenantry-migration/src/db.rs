//! The only place that connects to a database.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel, Statement,
    TransactionTrait,
    sqlx::{
        self, ConnectOptions as _, Connection as _, PgConnection, Row as _,
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqlitePoolOptions},
    },
};
use tenantry_entity::{
    Engine,
    engine::{IS_CITUS, IS_NILE, refuses_unknown_tenant},
    tenancy::{APPLICATION_ROLE, TENANT_SETTING},
};
use uuid::Uuid;

use tenantry_schema::sql::in_memory_with;
pub use tenantry_schema::sql::{literal, quoted};

use crate::{
    config::{FileMode, Target},
    error::{Error, Result, explain_sqlx},
    lock::{BUSY_TIMEOUT, Patience},
    project::Project,
};

/// How long connecting may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);

/// When connecting takes longer than this, it is asked why.
const DIAGNOSIS_AFTER: Duration = Duration::from_millis(500);

/// The oldest PostgreSQL that is supported: `gen_random_uuid()` is built in from 13 on.
const OLDEST_POSTGRES: u32 = 130_000;

/// What to do about an SQLite file that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Create it.
    Create,
    /// Say so, and create nothing.
    Fail,
    /// Create nothing, and work on an empty database in memory instead.
    InMemory,
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    /// What the database is for.
    pub project: &'static Project,
    /// The connection, for SeaORM.
    pub connection: DatabaseConnection,
    /// Which engine it is.
    pub engine: Engine,
    /// The file, or host and database: for messages, without user and password.
    pub name: String,
    /// The role that applications work as, where the engine has roles.
    pub application_role: String,
    /// How long commands wait for others.
    pub patience: Patience,
}

impl Database {
    /// Connects, and checks that the database can be worked with.
    ///
    /// # Errors
    ///
    /// Within ten seconds, with a sentence that says what to do: if the server cannot be reached,
    /// does not let the role in, or is too old; if the schema does not exist; if the file is
    /// absent, no database, locked or not accessible.
    pub async fn open(project: &'static Project, target: &Target, absent: Absent) -> Result<Self> {
        let database = match target {
            Target::Sqlite { path, mode, .. } => open_sqlite(project, path, *mode, absent).await?,
            Target::Postgres { options, schema, name, application_role, engine } => Self {
                application_role: application_role.clone(),
                ..open_postgres(project, options, schema.as_deref(), *engine, name).await?
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

async fn open_sqlite(
    project: &'static Project,
    path: &Path,
    mode: FileMode,
    absent: Absent,
) -> Result<Database> {
    let shown = path.display();
    let unusable = |what: String| Error::Unusable(what);
    if path.is_dir() {
        return Err(unusable(format!("{shown} is a folder: name a file in DATABASE_URL")));
    }
    let exists = path
        .try_exists()
        .map_err(|error| unusable(format!("cannot look for the SQLite file {shown}: {error}")))?;
    if !exists && absent == Absent::InMemory && mode == FileMode::Create {
        let connection = in_memory_with(true).await?;
        return Ok(sqlite(project, connection, path));
    }
    if !exists {
        if absent != Absent::Create || mode != FileMode::Create {
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
        // Those that insert are large, and few of them are in use at a time.
        .statement_cache_capacity(8)
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
    Ok(sqlite(project, DatabaseConnection::from(pool), path))
}

fn sqlite(project: &'static Project, connection: DatabaseConnection, path: &Path) -> Database {
    Database {
        project,
        connection,
        engine: Engine::Sqlite,
        name: path.display().to_string(),
        application_role: APPLICATION_ROLE.to_owned(),
        patience: Patience::default(),
    }
}

async fn open_postgres(
    project: &'static Project,
    options: &PgConnectOptions,
    schema: Option<&str>,
    engine: Option<Engine>,
    name: &str,
) -> Result<Database> {
    let greeting: Arc<Mutex<Option<Greeting>>> = Arc::default();
    let heard = Arc::clone(&greeting);
    let wanted = schema.map(ToOwned::to_owned);
    let pool = PgPoolOptions::new()
        // A command does one thing after the other, and a role may be limited to one connection.
        .max_connections(1)
        // What is kept for the session, such as a lock, must not go because the connection is old.
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(move |connection, _| {
            let (heard, wanted) = (Arc::clone(&heard), wanted.clone());
            Box::pin(async move {
                // The pool would try again for as long as this fails, and not say why.
                let answer = greet(connection, wanted.as_deref(), engine).await;
                *heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                Ok(())
            })
        })
        .connect_lazy_with(options.clone());
    let connected = async { pool.acquire().await.map(drop) };
    let connected = tokio::select! {
        connected = connected => connected,
        error = diagnosed(options) => Err(error),
    };
    let failed = |error: &sqlx::Error| {
        Error::Unusable(format!("cannot connect to PostgreSQL at {name}: {}", connect_error(error)))
    };
    match connected {
        Ok(()) => {}
        Err(sqlx::Error::PoolTimedOut) => {
            return Err(Error::Unusable(format!(
                "PostgreSQL at {name} did not answer within {} seconds: check host and port",
                CONNECT_TIMEOUT.as_secs()
            )));
        }
        Err(error) => return Err(failed(&error)),
    }
    let answer = greeting.lock().unwrap_or_else(PoisonError::into_inner).take();
    let greeted =
        answer.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(|error| failed(&error))?;
    if greeted.version < OLDEST_POSTGRES {
        return Err(Error::Unusable(format!(
            "PostgreSQL at {name} is version {}: 13 or newer is needed",
            greeted.version / 10_000
        )));
    }
    if greeted.engine.capability().distributes_tables && !greeted.has_nodes {
        return Err(Error::Unusable(format!(
            "{name} is said to be {}, and has not its extension: run `CREATE EXTENSION citus` as a \
             superuser, or leave out --engine",
            greeted.engine
        )));
    }
    match schema {
        Some(schema) if !greeted.schema_exists => {
            return Err(Error::Unusable(format!(
                "the schema {} does not exist in {name}: create it with `CREATE SCHEMA {}`",
                quoted(schema),
                quoted(schema)
            )));
        }
        None if !greeted.schema_exists => {
            return Err(Error::Unusable(format!(
                "the search_path of this role names no schema that exists in {name}: \
                 name one with --database-schema"
            )));
        }
        _ => {}
    }
    Ok(Database {
        project,
        connection: DatabaseConnection::from(pool),
        engine: greeted.engine,
        name: name.to_owned(),
        application_role: APPLICATION_ROLE.to_owned(),
        patience: Patience::default(),
    })
}

/// What a server says of itself to a new connection.
type Greeting = std::result::Result<Greeted, sqlx::Error>;

struct Greeted {
    /// As `server_version_num`.
    version: u32,
    /// Whether there is a schema to work in.
    schema_exists: bool,
    engine: Engine,
    /// Whether there is a catalogue of nodes, as Citus has it.
    has_nodes: bool,
}

/// Asks a new connection what has to be known, and prepares it.
async fn greet(
    connection: &mut PgConnection,
    schema: Option<&str>,
    engine: Option<Engine>,
) -> Greeting {
    // The server names its version as it lets us in, before it understands any query of ours.
    let version = connection.server_version_num().unwrap_or(OLDEST_POSTGRES);
    if version < OLDEST_POSTGRES {
        let engine = Engine::Postgres;
        return Ok(Greeted { version, schema_exists: false, engine, has_nodes: false });
    }
    // A name that is not there is no error to the server, and no schema is current then.
    let path = schema.map(|schema| format!("SET search_path = {}; ", quoted(schema)));
    let sql = format!(
        "{}SELECT {IS_NILE} AS is_nile, {IS_CITUS} AS is_citus, \
         to_regclass('pg_dist_local_group') IS NOT NULL AS has_nodes, \
         current_schema() IS NOT NULL AS schema_exists",
        path.unwrap_or_default()
    );
    let row = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
    let engine = if let Some(engine) = engine {
        engine
    } else {
        let is_nile = row.try_get("is_nile")? && refuses_unknown_tenant(connection).await?;
        Engine::which(is_nile, row.try_get("is_citus")?)
    };
    if engine.capability().session_settings {
        // Without a limit of the role's own, nobody waits for another session's lock for ever.
        let sql = "SET quote_all_identifiers = off; SELECT set_config('lock_timeout', '5s', false) \
                   WHERE current_setting('lock_timeout') = '0'";
        sqlx::raw_sql(sql).execute(&mut *connection).await?;
    }
    let (schema_exists, has_nodes) = (row.try_get("schema_exists")?, row.try_get("has_nodes")?);
    Ok(Greeted { version, schema_exists, engine, has_nodes })
}

/// Why a server lets nobody in. The pool tries again and again where nothing listens, and reports
/// only that it took too long; so after a moment somebody else tries once. Never returns if that
/// succeeds.
async fn diagnosed(options: &PgConnectOptions) -> sqlx::Error {
    tokio::time::sleep(DIAGNOSIS_AFTER).await;
    match options.connect().await {
        Err(error) => error,
        Ok(connection) => {
            // The server is slow, but there.
            let _ = connection.close().await;
            std::future::pending().await
        }
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
                _ if inner.to_string().contains("certificate") => {
                    "give the server one of X.509 version 3 that is trusted here, or, in a network that \
                     is trusted, add `sslmode=disable` to the URL"
                }
                _ => "check host and port",
            };
            format!("{inner}: {hint}")
        }
        other => explain_sqlx(other),
    }
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

/// SQL for these ids, one after the other.
#[must_use]
pub fn listed(engine: Engine, ids: &[Uuid]) -> String {
    let listed = ids.iter().map(|id| match engine {
        // As sqlx keeps them there.
        Engine::Sqlite => format!("X'{}'", id.simple()),
        _ => format!("'{id}'"),
    });
    listed.collect::<Vec<_>>().join(", ")
}

/// SQL for how much room the relation `c` of `pg_class` takes with all that belongs to it, in bytes:
/// on Citus, on all nodes. There, no row may have been changed in the transaction.
pub(crate) fn total_size(engine: Engine) -> &'static str {
    if engine.capability().distributes_tables {
        "CASE WHEN EXISTS (SELECT FROM pg_dist_partition d WHERE d.logicalrelid = c.oid) \
         THEN citus_total_relation_size(c.oid, false) ELSE pg_total_relation_size(c.oid) END"
    } else {
        "pg_total_relation_size(c.oid)"
    }
}

/// How much room a table takes with all that belongs to it, in bytes; `None` where nobody tells.
///
/// # Errors
///
/// If the query fails.
pub async fn table_size<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    table: &str,
) -> Result<Option<i64>, DbErr> {
    let sql = match engine {
        Engine::Sqlite => format!(
            "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema \
             WHERE tbl_name = {})",
            literal(table)
        ),
        _ if !engine.capability().table_locks => return Ok(None),
        _ => format!(
            "SELECT {} AS bytes FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
             WHERE c.relname = {}",
            total_size(engine),
            literal(table)
        ),
    };
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    row.map_or(Ok(None), |row| row.try_get("", "bytes"))
}
