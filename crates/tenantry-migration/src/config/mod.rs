//! Where the settings come from: options, environment variables, and a `.env` file.

mod dotenv;
pub mod env;
mod url;

use clap::builder::PossibleValuesParser;
pub use dotenv::load_dotenv;
use sea_orm::DbBackend;
use tenantry_entity::Engine;
pub use url::{FileMode, Target};

use self::url::{is_scheme, postgres, sqlite};
use crate::{
    error::{Error, Result},
    project::Project,
    schema::names::MAX_BYTES,
};

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
    /// Role that applications work as, bound by row-level security; without it, the one that the tenancy
    /// names
    #[arg(
        long,
        env = env::TENANTRY_APP_ROLE,
        hide_env_values = true,
        value_name = "ROLE",
        global = true
    )]
    pub app_role: Option<String>,
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
            app_role: None,
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
                return Err(Error::config(
                    "schema-name-empty",
                    "the database schema is empty: unset DATABASE_SCHEMA or name a schema",
                ));
            }
            Some(text) if text.contains("://") => {
                return Err(Error::config(
                    "schema-name-is-url",
                    "the database schema is a URL: name a schema with -s, a URL with -u",
                ));
            }
            Some(other) if project.schema_name.is_some_and(|name| name != other) => {
                return Err(Error::config(
                    "schema-name-contradicted",
                    format!(
                        "the project says `schema_name` {}, and the database schema is said to be {other}: \
                         unset DATABASE_SCHEMA",
                        project.schema_name.unwrap_or_default()
                    ),
                ));
            }
            other => other.or(project.schema_name).map(ToOwned::to_owned),
        };
        let engine = self.engine.as_deref().map(engine_named).transpose()?;
        let not_sqlite = || match engine {
            Some(engine) => Err(Error::config(
                "engine-contradicted",
                format!(
                    "the engine is said to be {engine}, but the database is an SQLite file: unset \
                 TENANTRY_ENGINE, or name a PostgreSQL URL"
                ),
            )),
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
            return Err(Error::config(
                "url-empty",
                "DATABASE_URL is empty: unset it to use an SQLite file, or set it to \
                 postgres://user:password@host:port/name or sqlite://path",
            ));
        }
        let kind = text.split_once(':').map(|(kind, _)| kind.to_ascii_lowercase());
        match kind.as_deref() {
            Some("sqlite") => not_sqlite().and_then(|()| sqlite(text)),
            Some("postgres" | "postgresql") if text.contains("://") => {
                let target =
                    postgres(project, text, schema, self.application_role(project)?, engine)?;
                Ok(target.with_shards(self.shards))
            }
            Some(other) if text.contains("://") && is_scheme(other) => Err(Error::config(
                "url-kind-unsupported",
                format!(
                    "databases of the kind `{other}` are not supported: use postgres:// or sqlite://"
                ),
            )),
            _ => Err(Error::config(
                "url-malformed",
                "the database URL is not a URL: it has to look like \
                 postgres://user:password@host:port/name or sqlite://path",
            )),
        }
    }
}

impl DatabaseArgs {
    fn application_role(&self, project: &Project) -> Result<String> {
        role_name(self.app_role.as_deref().unwrap_or(project.names().application_role))
    }
}

/// The most shards that Citus takes.
const MOST_SHARDS: i64 = 64_000;

/// Checks the name of the application role.
fn role_name(name: &str) -> Result<String> {
    let reserved = matches!(name.to_ascii_lowercase().as_str(), "public" | "none")
        || name.to_ascii_lowercase().starts_with("pg_");
    // The name is not shown: it may be a URL in the wrong place.
    let is_url = name.contains("://") || name.contains('@');
    if name.is_empty() || name.len() > MAX_BYTES || name.contains('\0') || reserved || is_url {
        return Err(Error::config(
            "role-name-unusable",
            format!(
                "the name of the application role is not usable: it has to be 1 to {MAX_BYTES} bytes \
             long, and not `public`, `none`, a URL, or one that begins with `pg_`"
            ),
        ));
    }
    Ok(name.to_owned())
}

/// The application role that the environment names; without it, that of the project.
///
/// # Errors
///
/// If what it names cannot be a role.
pub fn application_role(project: &Project) -> Result<String> {
    match std::env::var(env::TENANTRY_APP_ROLE) {
        Ok(name) => role_name(&name),
        Err(_) => Ok(project.names().application_role.to_owned()),
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
        Error::config("engine-unknown", "the engine has to be `postgres`, `nile` or `citus`")
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
        schema_name: None,
        tenancy: None,
        engines: &Engine::ALL,
        migrations: Vec::new,
        bookkeeping: "seaql_migrations",
        accepted_drift: "",
        objects: &[],
        sealed: false,
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
