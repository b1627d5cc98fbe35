//! Where the settings come from: options, environment variables, and a `.env` file.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use sea_orm::{DbBackend, sqlx::postgres::PgConnectOptions};
use tenantry_entity::{Engine, tenancy::APPLICATION_ROLE};
use url::Url;

use crate::{
    error::{Error, Result},
    project::Project,
    schema::names::MAX_BYTES,
};

/// Every environment variable that the binaries read.
pub mod env {
    /// The database: `postgres://user:password@host:port/name` or `sqlite://path`. Without it, the
    /// SQLite file `<name>.db` in the current folder, by the name of the project.
    pub const DATABASE_URL: &str = "DATABASE_URL";
    /// The PostgreSQL schema to work in. Without it, the connection's own `search_path` decides.
    pub const DATABASE_SCHEMA: &str = "DATABASE_SCHEMA";
    /// `production` makes every destructive command ask for consent and keeps the seeder away.
    pub const APP_ENV: &str = "APP_ENV";
    /// The role that applications work as. Without it, `tenantry_app`.
    pub const TENANTRY_APP_ROLE: &str = "TENANTRY_APP_ROLE";
    /// The engine behind a PostgreSQL URL: `postgres`, `nile` or `citus`. Without it, the server is asked.
    pub const TENANTRY_ENGINE: &str = "TENANTRY_ENGINE";
    /// The shards into which tables are divided, on Citus.
    pub const TENANTRY_SHARDS: &str = "TENANTRY_SHARDS";
    /// How many sample rows, as the seeder's `--preset` says it.
    pub const SEED_PRESET: &str = "SEED_PRESET";
    /// Who the journal says it was; without it, the user of the operating system.
    pub const TENANTRY_ACTOR: &str = "TENANTRY_ACTOR";
    /// The folder of the migration crate, for `generate` and `diff`.
    pub const MIGRATION_DIR: &str = "MIGRATION_DIR";
    /// What is logged, in the syntax of tracing's `EnvFilter`.
    pub const RUST_LOG: &str = "RUST_LOG";
    /// Any value but the empty one switches colour off.
    pub const NO_COLOR: &str = "NO_COLOR";
}

/// Options that every command of every binary has.
#[derive(Clone, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the comments are the help texts")]
pub struct DatabaseArgs {
    /// Database to work on: postgres://user:password@host:port/name or sqlite://path
    ///
    /// Without it, the SQLite file tenantry.db in the current folder.
    #[arg(
        short = 'u',
        long,
        env = env::DATABASE_URL,
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub database_url: Option<String>,
    /// PostgreSQL schema to work in; without it the connection's search_path decides
    #[arg(
        short = 's',
        long,
        env = env::DATABASE_SCHEMA,
        hide_env_values = true,
        value_name = "SCHEMA",
        global = true
    )]
    pub database_schema: Option<String>,
    /// Role that applications work as, bound by row-level security
    #[arg(
        long,
        env = env::TENANTRY_APP_ROLE,
        hide_env_values = true,
        value_name = "ROLE",
        default_value = APPLICATION_ROLE,
        global = true
    )]
    pub app_role: String,
    /// Engine behind a PostgreSQL URL; without it the server is asked
    #[arg(
        long,
        env = env::TENANTRY_ENGINE,
        hide_env_values = true,
        value_name = "ENGINE",
        value_parser = PossibleValuesParser::new(["postgres", "nile", "citus"]),
        global = true
    )]
    pub engine: Option<String>,
    /// Shards into which tables are divided when they are distributed, on Citus; without it, its own
    /// `citus.shard_count`
    #[arg(
        long,
        env = env::TENANTRY_SHARDS,
        hide_env_values = true,
        value_name = "SHARDS",
        value_parser = clap::value_parser!(u32).range(1..=MOST_SHARDS),
        global = true
    )]
    pub shards: Option<u32>,
    /// Log more; RUST_LOG overrides
    #[arg(short = 'v', long, global = true)]
    pub verbose: bool,
}

impl Default for DatabaseArgs {
    /// As if nothing was said.
    fn default() -> Self {
        Self {
            database_url: None,
            database_schema: None,
            app_role: APPLICATION_ROLE.to_owned(),
            engine: None,
            shards: None,
            verbose: false,
        }
    }
}

impl std::fmt::Debug for DatabaseArgs {
    /// Shows whether there is a URL, never the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseArgs")
            .field("database_url", &self.database_url.as_ref().map(|_| "<redacted>"))
            .field("database_schema", &self.database_schema)
            .field("app_role", &self.app_role)
            .field("engine", &self.engine)
            .field("shards", &self.shards)
            .field("verbose", &self.verbose)
            .finish()
    }
}

/// A database to connect to, checked as far as can be without connecting.
#[derive(Clone)]
pub enum Target {
    /// An SQLite file.
    Sqlite {
        /// The file, relative to the current folder or absolute.
        path: PathBuf,
        /// How it may be opened.
        mode: FileMode,
        /// Whether it was chosen because nothing else was configured.
        is_default: bool,
    },
    /// A PostgreSQL server.
    Postgres {
        /// How to connect. Holds the password, so this type has no `Debug`.
        options: Box<PgConnectOptions>,
        /// The schema to work in, if one was given.
        schema: Option<String>,
        /// The role that applications work as.
        application_role: String,
        /// The engine, if it was named; otherwise the server is asked.
        engine: Option<Engine>,
        /// Host and database, for messages.
        name: String,
    },
}

/// How an SQLite file may be opened: the `mode` of its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// `rwc`, and where nothing is said: created by the commands that may.
    Create,
    /// `rw`: never created.
    Existing,
    /// `ro`: never created and never written to.
    ReadOnly,
}

impl DatabaseArgs {
    /// Checks the options and says which database they mean.
    ///
    /// # Errors
    ///
    /// If the URL is empty, is no URL, or names a kind of database that is not supported. The URL
    /// is never part of the message, since it may hold a password.
    pub fn target(&self, project: &Project) -> Result<Target> {
        let schema = match self.database_schema.as_deref() {
            Some("") => {
                return Err(Error::Config(
                    "the database schema is empty: unset DATABASE_SCHEMA or name a schema".into(),
                ));
            }
            Some(text) if text.contains("://") => {
                return Err(Error::Config(
                    "the database schema is a URL: name a schema with -s, a URL with -u".into(),
                ));
            }
            other => other.map(ToOwned::to_owned),
        };
        let engine = self.engine.as_deref().map(engine_named).transpose()?;
        let not_sqlite = || match engine {
            Some(engine) => Err(Error::Config(format!(
                "the engine is said to be {engine}, but the database is an SQLite file: unset \
                 TENANTRY_ENGINE, or name a PostgreSQL URL"
            ))),
            None => Ok(()),
        };
        let Some(text) = self.database_url.as_deref() else {
            not_sqlite()?;
            return Ok(Target::Sqlite {
                path: project.default_file().into(),
                mode: FileMode::Create,
                is_default: true,
            });
        };
        if text.trim().is_empty() {
            return Err(Error::Config(
                "DATABASE_URL is empty: unset it to use an SQLite file, or set it to \
                 postgres://user:password@host:port/name or sqlite://path"
                    .into(),
            ));
        }
        let kind = text.split_once(':').map(|(kind, _)| kind.to_ascii_lowercase());
        match kind.as_deref() {
            Some("sqlite") => not_sqlite().and_then(|()| sqlite(text)),
            Some("postgres" | "postgresql") if text.contains("://") => {
                let target = postgres(project, text, schema, role_name(&self.app_role)?, engine)?;
                Ok(target.with_shards(self.shards))
            }
            Some(other) if text.contains("://") && is_scheme(other) => Err(Error::Config(format!(
                "databases of the kind `{other}` are not supported: use postgres:// or sqlite://"
            ))),
            _ => Err(Error::Config(
                "the database URL is not a URL: it has to look like \
                 postgres://user:password@host:port/name or sqlite://path"
                    .into(),
            )),
        }
    }
}

impl Target {
    /// Sets `citus.shard_count` on every connection; other servers ignore it.
    fn with_shards(self, shards: Option<u32>) -> Self {
        match (self, shards) {
            (Self::Postgres { options, schema, name, application_role, engine }, Some(shards)) => {
                let options = options.options([("citus.shard_count", shards)]);
                let options = Box::new(options);
                Self::Postgres { options, schema, name, application_role, engine }
            }
            (target, _) => target,
        }
    }
}

/// The most shards that Citus takes.
const MOST_SHARDS: i64 = 64_000;

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn sqlite(text: &str) -> Result<Target> {
    let rest = &text["sqlite:".len()..];
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.is_empty() || path == ":memory:" || rest.contains("mode=memory") {
        return Err(no_file());
    }
    let mut mode = FileMode::Create;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        mode = match parameter {
            "mode=rwc" => FileMode::Create,
            "mode=rw" => FileMode::Existing,
            "mode=ro" => FileMode::ReadOnly,
            _ => {
                return Err(Error::Config(
                    "the SQLite URL has a parameter that is not supported: mode=ro, mode=rw and \
                     mode=rwc are"
                        .into(),
                ));
            }
        };
    }
    let path = percent_decoded(path)?;
    if path == ":memory:" || path.starts_with("file:") {
        return Err(no_file());
    }
    // A server's URL with the wrong scheme: its password is not to be shown as a path.
    if path.split_once('@').is_some_and(|(user, _)| user.contains(':')) {
        return Err(Error::Config(
            "the SQLite URL looks like that of a server: it has to look like sqlite://path".into(),
        ));
    }
    Ok(Target::Sqlite { path: path.into(), mode, is_default: false })
}

fn no_file() -> Error {
    Error::Config(
        "the SQLite URL names no file: a database in memory would be gone when the command ends; \
         write sqlite://path"
            .into(),
    )
}

/// sqlx decodes percent signs in SQLite paths, so the same URL means the same file here.
fn percent_decoded(path: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let hex = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::Config("the path in the SQLite URL is not UTF-8".into()))
}

fn postgres(
    project: &Project,
    text: &str,
    schema: Option<String>,
    application_role: String,
    engine: Option<Engine>,
) -> Result<Target> {
    // Neither parser's error is shown: both may quote a part of the URL.
    let unusable = || {
        Error::Config(
            "the PostgreSQL URL cannot be read: it has to look like \
             postgres://user:password@host:port/name, with special characters percent-encoded"
                .into(),
        )
    };
    let url = Url::parse(text).map_err(|_| unusable())?;
    // A slash in a password that is not encoded ends the host early; the rest is a secret then.
    if url.path().contains('@')
        || url.query().is_some_and(|query| query.contains('@'))
        || url.fragment().is_some()
    {
        return Err(unusable());
    }
    // sqlx would log what it does not know, value and all.
    let known = |name: &str| POSTGRES_PARAMETERS.contains(&name) || name.starts_with("options[");
    let mut unknown = url.query_pairs().filter(|(name, _)| !known(name));
    if let Some((name, value)) = unknown.next() {
        // An ampersand in a password that is not encoded begins a parameter; the rest is a secret then.
        if value.is_empty() || url.query_pairs().any(|(name, _)| name == "password") {
            return Err(unusable());
        }
        return Err(Error::Config(format!(
            "the PostgreSQL URL has the parameter `{name}`, which is not supported"
        )));
    }
    let options: PgConnectOptions = text.parse().map_err(|_| unusable())?;
    let name = format!(
        "{}:{}/{}",
        url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost"),
        options.get_port(),
        options.get_database().unwrap_or_else(|| options.get_username()),
    );
    let options = options.application_name(&application_name(project));
    Ok(Target::Postgres { options: Box::new(options), schema, application_role, engine, name })
}

/// How this process is called in `pg_stat_activity`: there everybody sees who holds a lock, also who
/// may not see the address behind a connection. The server cuts it off at 63 bytes.
fn application_name(project: &Project) -> String {
    let host = whoami::hostname().unwrap_or_default();
    format!("{} {}@{host}", project.name, std::process::id())
}

/// The parameters of a PostgreSQL URL that sqlx 0.9 understands.
const POSTGRES_PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Reads `.env` from the current folder or the nearest one above it. Variables that are already
/// set stay as they are.
///
/// # Errors
///
/// If there is such a file and it cannot be read. The message names the line by its number only.
pub fn load_dotenv() -> Result<()> {
    // A variable cannot hold a NUL, and the standard library panics when one is set to it.
    let has_nul = dotenvy::dotenv_iter().is_ok_and(|variables| {
        variables.flatten().any(|(name, value)| name.contains('\0') || value.contains('\0'))
    });
    if has_nul {
        return Err(Error::Config(
            "the .env file is malformed: it has a NUL character in it".into(),
        ));
    }
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        // The library's error quotes the line, which may hold a secret.
        Err(dotenvy::Error::LineParse(line, _)) => {
            let at = std::fs::read_to_string(".env")
                .ok()
                .and_then(|text| text.lines().position(|l| l.trim() == line.trim()))
                .map(|index| format!(" at line {}", index + 1))
                .unwrap_or_default();
            Err(Error::Config(format!(
                "the .env file is malformed{at}: each line has to be NAME=value"
            )))
        }
        Err(dotenvy::Error::Io(error)) => {
            Err(Error::Config(format!("the .env file cannot be read: {error}")))
        }
        Err(_) => Err(Error::Config("the .env file cannot be read".into())),
    }
}

/// Checks the name of the application role.
fn role_name(name: &str) -> Result<String> {
    let reserved = matches!(name.to_ascii_lowercase().as_str(), "public" | "none")
        || name.to_ascii_lowercase().starts_with("pg_");
    // The name is not shown: it may be a URL in the wrong place.
    let is_url = name.contains("://") || name.contains('@');
    if name.is_empty() || name.len() > MAX_BYTES || name.contains('\0') || reserved || is_url {
        return Err(Error::Config(format!(
            "the name of the application role is not usable: it has to be 1 to {MAX_BYTES} bytes \
             long, and not `public`, `none`, a URL, or one that begins with `pg_`"
        )));
    }
    Ok(name.to_owned())
}

/// The application role that the environment names.
///
/// # Errors
///
/// If what it names cannot be a role.
pub fn application_role() -> Result<String> {
    match std::env::var(env::TENANTRY_APP_ROLE) {
        Ok(name) => role_name(&name),
        Err(_) => Ok(APPLICATION_ROLE.to_owned()),
    }
}

/// The engine that the environment names, for a PostgreSQL URL.
///
/// # Errors
///
/// If what it names is none.
pub fn engine() -> Result<Option<Engine>> {
    match std::env::var(env::TENANTRY_ENGINE) {
        Ok(name) => engine_named(&name).map(Some),
        Err(_) => Ok(None),
    }
}

fn engine_named(name: &str) -> Result<Engine> {
    Engine::named(name).filter(|engine| engine.backend() == DbBackend::Postgres).ok_or_else(|| {
        Error::Config("the engine has to be `postgres`, `nile` or `citus`".to_owned())
    })
}

/// The name of the environment in which production data lives.
pub const PRODUCTION: &str = "production";

/// The environment that `APP_ENV` names, in lower case.
#[must_use]
pub fn environment() -> Option<String> {
    let name = std::env::var(env::APP_ENV).ok()?.trim().to_lowercase();
    (!name.is_empty()).then_some(name)
}

/// Whether `APP_ENV` says that this is production.
#[must_use]
pub fn is_production() -> bool {
    environment().is_some_and(|name| name == PRODUCTION)
}

/// Who does something, for the journal.
#[must_use]
pub fn actor() -> String {
    let named = std::env::var(env::TENANTRY_ACTOR).ok().filter(|name| !name.trim().is_empty());
    named.or_else(|| whoami::username().ok()).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: Project = Project {
        name: "shop",
        version: "0.1.0",
        tables: Vec::new,
        migrations: Vec::new,
        bookkeeping: "seaql_migrations",
        accepted_drift: "",
    };

    fn target(url: &str) -> Result<Target> {
        DatabaseArgs { database_url: Some(url.to_owned()), ..DatabaseArgs::default() }
            .target(&PROJECT)
    }

    #[test]
    fn both_kinds_are_understood() {
        let path = |url| match target(url) {
            Ok(Target::Sqlite { path, .. }) => path.to_string_lossy().into_owned(),
            _ => panic!("{url}"),
        };
        assert_eq!(path("sqlite://a/b.db?mode=rwc"), "a/b.db");
        assert_eq!(path("sqlite:///a/b%20c.db"), "/a/b c.db");
        assert_eq!(path("sqlite:a.db"), "a.db");
        for scheme in ["postgres", "postgresql"] {
            match target(&format!("{scheme}://me:secret@db.example:6000/app")) {
                Ok(Target::Postgres { name, .. }) => assert_eq!(name, "db.example:6000/app"),
                _ => panic!("{scheme}"),
            }
        }
    }

    #[test]
    fn no_message_quotes_the_url() {
        for url in [
            "mysql://me:secret@h/d",
            "me:secret@h",
            "postgres://me:secret@h:port/d",
            "://secret",
            "postgres://me:/secret@h/d",
            "postgres://me@h/d?sslpassword=secret",
        ] {
            let text = target(url).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("secret"), "{url}: {text}");
        }
    }
}
