//! Connecting to a PostgreSQL server, with a diagnosis when that fails.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{
    DatabaseConnection, sqlx,
    sqlx::{
        ConnectOptions as _, Connection as _, PgConnection, Row as _,
        postgres::{PgConnectOptions, PgPoolOptions},
    },
};
use tenantry_entity::{
    Engine,
    engine::{IS_CITUS, IS_NILE, refuses_unknown_tenant},
};

use super::Database;
use crate::{
    error::{Error, Result, explain_sqlx},
    lock::Patience,
    project::Project,
    sql::{parts, quoted, set_schemas},
};

/// How long connecting may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);

/// When connecting takes longer than this, it is asked why.
const DIAGNOSIS_AFTER: Duration = Duration::from_millis(500);

/// The oldest PostgreSQL that is supported: `gen_random_uuid()` is built in from 13 on.
const OLDEST_POSTGRES: u32 = 130_000;

pub(super) async fn open_postgres(
    project: &'static Project,
    options: &PgConnectOptions,
    schema: Option<&str>,
    engine: Option<Engine>,
    name: &str,
) -> Result<Database> {
    let greeting: Arc<Mutex<Option<Greeting>>> = Arc::default();
    let heard = Arc::clone(&greeting);
    let path = schema.map(|schema| format!("SET search_path = {}; ", quoted(schema)));
    let named = project.schemas();
    let listed = (!named.is_empty()).then(|| set_schemas(named.iter().map(String::as_str)));
    let listed = listed.map(|listed| format!("SET {listed}; "));
    let settings: String = path.into_iter().chain(listed).collect();
    let pool = PgPoolOptions::new()
        // A command does one thing after the other, and a role may be limited to one connection.
        .max_connections(1)
        // What is kept for the session, such as a lock, must not go because the connection is old.
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(move |connection, _| {
            let (heard, settings) = (Arc::clone(&heard), settings.clone());
            Box::pin(async move {
                // The pool would try again for as long as this fails, and not say why.
                let answer = greet(connection, &settings, engine).await;
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
        Error::unusable(
            "cannot-connect",
            format!("cannot connect to PostgreSQL at {name}: {}", connect_error(error)),
        )
    };
    match connected {
        Ok(()) => {}
        Err(sqlx::Error::PoolTimedOut) => {
            return Err(Error::unusable(
                "cannot-connect",
                format!(
                    "PostgreSQL at {name} did not answer within {} seconds: check host and port",
                    CONNECT_TIMEOUT.as_secs()
                ),
            ));
        }
        Err(error) => return Err(failed(&error)),
    }
    let answer = greeting.lock().unwrap_or_else(PoisonError::into_inner).take();
    let greeted =
        answer.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(|error| failed(&error))?;
    if greeted.version < OLDEST_POSTGRES {
        return Err(Error::unusable(
            "server-too-old",
            format!(
                "PostgreSQL at {name} is version {}: 13 or newer is needed",
                greeted.version / 10_000
            ),
        ));
    }
    check(project, &named, &greeted, (schema, name))?;
    Ok(Database {
        project,
        connection: DatabaseConnection::from(pool),
        engine: greeted.engine,
        name: name.to_owned(),
        application_role: project.names().application_role.to_owned(),
        patience: Patience::default(),
    })
}

/// Fails if the project cannot be in a database that has greeted so.
fn check(
    project: &Project,
    named: &BTreeSet<String>,
    greeted: &Greeted,
    (schema, name): (Option<&str>, &str),
) -> Result<()> {
    if greeted.engine.capability().distributes_tables && !greeted.has_nodes {
        return Err(Error::unusable(
            "not-citus",
            format!(
                "{name} is said to be {}, and has not its extension: run `CREATE EXTENSION citus` as a \
             superuser, or leave out --engine",
                greeted.engine
            ),
        ));
    }
    match schema {
        Some(schema) if greeted.schema.is_none() => {
            return Err(Error::unusable(
                "no-such-schema",
                format!(
                    "the schema {} does not exist in {name}: create it with `CREATE SCHEMA {}`",
                    quoted(schema),
                    quoted(schema)
                ),
            ));
        }
        None if greeted.schema.is_none() => {
            return Err(Error::unusable(
                "no-such-schema",
                format!(
                    "the search_path of this role names no schema that exists in {name}: \
                 name one with --database-schema"
                ),
            ));
        }
        _ => {}
    }
    if let Some(schema) = greeted.schema.as_ref().filter(|it| named.contains(*it)) {
        let mut tables = (project.tables)().into_iter().map(|def| def.name);
        if let Some(table) = tables.find(|name| parts(name).0.is_none()) {
            return Err(Error::config(
                "schema-name-mixed",
                format!(
                    "some entities say `schema_name = \"{schema}\"`, and {table} says none and would be in \
                     that schema, too: write `schema_name` in all entities of a schema or in none of them, or name \
                     another with --database-schema"
                ),
            ));
        }
    }
    Ok(())
}

/// What a server says of itself to a new connection.
type Greeting = std::result::Result<Greeted, sqlx::Error>;

struct Greeted {
    /// As `server_version_num`.
    version: u32,
    /// The schema to work in, if there is one.
    schema: Option<String>,
    engine: Engine,
    /// Whether there is a catalogue of nodes, as Citus has it.
    has_nodes: bool,
}

/// Asks a new connection what has to be known, and prepares it.
async fn greet(connection: &mut PgConnection, settings: &str, engine: Option<Engine>) -> Greeting {
    // The server names its version as it lets us in, before it understands any query of ours.
    let version = connection.server_version_num().unwrap_or(OLDEST_POSTGRES);
    if version < OLDEST_POSTGRES {
        let engine = Engine::Postgres;
        return Ok(Greeted { version, schema: None, engine, has_nodes: false });
    }
    // A name that is not there is no error to the server, and no schema is current then.
    let sql = format!(
        "{settings}SELECT {IS_NILE} AS is_nile, {IS_CITUS} AS is_citus, \
         to_regclass('pg_dist_local_group') IS NOT NULL AS has_nodes, \
         current_schema()::text AS schema",
    );
    let row = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
    let engine = if let Some(engine) = engine {
        engine
    } else {
        let is_nile = row.try_get("is_nile")? && refuses_unknown_tenant(connection).await?;
        Engine::which(is_nile, row.try_get("is_citus")?)
    };
    if engine.capability().session_settings {
        // Without a limit of the role's own, no statement waits for another session's lock for ever.
        // To compile a statement that reads the catalogues takes longer than to run it, and the planner
        // does so by its estimate alone: <https://www.postgresql.org/docs/15/jit-decision.html>
        let sql = "SET quote_all_identifiers = off; SET jit = off; \
                   SELECT set_config('lock_timeout', '5s', false) \
                   WHERE current_setting('lock_timeout') = '0'";
        sqlx::raw_sql(sql).execute(&mut *connection).await?;
    }
    let (schema, has_nodes) = (row.try_get("schema")?, row.try_get("has_nodes")?);
    Ok(Greeted { version, schema, engine, has_nodes })
}

/// Why a server refuses a connection. The pool tries again and again where nothing listens, and reports
/// only that it took too long; so after a moment a second connection is tried once. Never returns if that
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
