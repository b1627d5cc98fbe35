//! The only place that connects to a database.

use std::{path::Path, sync::Arc, time::Duration};

use entity::Engine;
use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        self, ConnectOptions as _, Connection as _, PgConnection, Row as _,
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqlitePoolOptions},
    },
};
use tokio::time::timeout;

use crate::{
    config::Target,
    error::{Error, Result, explain_sqlx},
};

/// How long connecting may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

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
            Target::Sqlite { path, .. } => open_sqlite(path, absent).await?,
            Target::Postgres { options, schema, name } => {
                open_postgres(options, schema.as_deref(), name).await?
            }
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

async fn open_sqlite(path: &Path, absent: Absent) -> Result<Database> {
    let shown = path.display();
    let unusable = |what: String| Error::Unusable(what);
    if path.is_dir() {
        return Err(unusable(format!("{shown} is a folder: name a file in DATABASE_URL")));
    }
    if !path.exists() {
        if absent == Absent::Fail {
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
        .create_if_missing(absent == Absent::Create)
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
    })
}

async fn open_postgres(
    options: &PgConnectOptions,
    schema: Option<&str>,
    name: &str,
) -> Result<Database> {
    probe_postgres(options, schema, name).await?;
    let search_path = schema.map(|schema| format!("SET search_path = {}", quoted(schema)));
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(move |connection, _| {
            let search_path = search_path.clone();
            Box::pin(async move {
                if let Some(sql) = search_path {
                    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await?;
                }
                Ok(())
            })
        })
        .connect_lazy_with(options.clone());
    Ok(Database {
        connection: DatabaseConnection::from(pool),
        engine: Engine::Postgres,
        name: name.to_owned(),
    })
}

/// Connects once outside the pool, which would retry a refused port until its timeout and then
/// report only the timeout.
async fn probe_postgres(
    options: &PgConnectOptions,
    schema: Option<&str>,
    name: &str,
) -> Result<()> {
    let failed = |error: &sqlx::Error| {
        Error::Unusable(format!("cannot connect to PostgreSQL at {name}: {}", connect_error(error)))
    };
    let attempt = async {
        let mut connection: PgConnection = options.connect().await?;
        // The server names its version as it lets us in, before it understands any query of ours.
        let version = connection.server_version_num().unwrap_or(OLDEST_POSTGRES);
        if version < OLDEST_POSTGRES {
            return Ok::<(u32, bool, Option<String>), sqlx::Error>((version, false, None));
        }
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1), \
             current_schema()::text",
        )
        .bind(schema)
        .fetch_one(&mut connection)
        .await?;
        connection.close().await?;
        Ok((version, row.try_get(0)?, row.try_get(1)?))
    };
    let Ok(answer) = timeout(CONNECT_TIMEOUT, attempt).await else {
        return Err(Error::Unusable(format!(
            "PostgreSQL at {name} did not answer within {} seconds: check host and port",
            CONNECT_TIMEOUT.as_secs()
        )));
    };
    let (version, schema_exists, current_schema) = answer.map_err(|error| failed(&error))?;
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
        _ => Ok(()),
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

/// An SQLite database in memory, gone when it is closed.
pub(crate) async fn in_memory() -> Result<DatabaseConnection, DbErr> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(SqliteConnectOptions::new().in_memory(true))
        .await
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))?;
    Ok(DatabaseConnection::from(pool))
}

/// A name as a quoted SQL identifier.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
