//! Where the settings come from: options, environment variables, and a `.env` file.

use std::path::PathBuf;

use sea_orm::sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::error::{Error, Result};

/// Every environment variable that the binaries read.
pub mod env {
    /// The database: `postgres://user:password@host:port/name` or `sqlite://path`. Without it, the
    /// SQLite file [`DEFAULT_FILE`](super::DEFAULT_FILE) in the current folder.
    pub const DATABASE_URL: &str = "DATABASE_URL";
    /// The PostgreSQL schema to work in. Without it, the connection's own `search_path` decides.
    pub const DATABASE_SCHEMA: &str = "DATABASE_SCHEMA";
    /// `production` makes every destructive command ask for consent and keeps the seeder away.
    pub const APP_ENV: &str = "APP_ENV";
    /// What is logged, in the syntax of tracing's `EnvFilter`.
    pub const RUST_LOG: &str = "RUST_LOG";
    /// Any value but the empty one switches colour off.
    pub const NO_COLOR: &str = "NO_COLOR";
}

/// The database when nothing is configured.
pub const DEFAULT_FILE: &str = "tenantry.db";

/// Options that every command of every binary has.
#[derive(Clone, Debug, Default, clap::Args)]
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
    /// Log more; RUST_LOG overrides
    #[arg(short = 'v', long, global = true)]
    pub verbose: bool,
}

/// A database to connect to, checked as far as can be without connecting.
#[derive(Clone)]
pub enum Target {
    /// An SQLite file.
    Sqlite {
        /// The file, relative to the current folder or absolute.
        path: PathBuf,
        /// Whether it was chosen because nothing else was configured.
        is_default: bool,
    },
    /// A PostgreSQL server.
    Postgres {
        /// How to connect. Holds the password, so this type has no `Debug`.
        options: Box<PgConnectOptions>,
        /// The schema to work in, if one was given.
        schema: Option<String>,
        /// Host and database, for messages.
        name: String,
    },
}

impl DatabaseArgs {
    /// Checks the options and says which database they mean.
    ///
    /// # Errors
    ///
    /// If the URL is empty, is no URL, or names a kind of database that is not supported. The URL
    /// is never part of the message, since it may hold a password.
    pub fn target(&self) -> Result<Target> {
        let schema = match self.database_schema.as_deref() {
            Some("") => {
                return Err(Error::Config(
                    "the database schema is empty: unset DATABASE_SCHEMA or name a schema".into(),
                ));
            }
            other => other.map(ToOwned::to_owned),
        };
        let Some(text) = self.database_url.as_deref() else {
            return Ok(Target::Sqlite { path: DEFAULT_FILE.into(), is_default: true });
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
            Some("sqlite") => sqlite(text),
            Some("postgres" | "postgresql") => postgres(text, schema),
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

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn sqlite(text: &str) -> Result<Target> {
    let rest = &text["sqlite:".len()..];
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let path = rest.split_once('?').map_or(rest, |(path, _)| path);
    if path.is_empty() || path == ":memory:" || rest.contains("mode=memory") {
        return Err(Error::Config(
            "the SQLite URL names no file: a database in memory would be gone when the command \
             ends; write sqlite://path"
                .into(),
        ));
    }
    let path = percent_decoded(path)?;
    Ok(Target::Sqlite { path: path.into(), is_default: false })
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

fn postgres(text: &str, schema: Option<String>) -> Result<Target> {
    // Neither parser's error is shown: both may quote a part of the URL.
    let unusable = || {
        Error::Config(
            "the PostgreSQL URL cannot be read: it has to look like \
             postgres://user:password@host:port/name, with special characters percent-encoded"
                .into(),
        )
    };
    let url = Url::parse(text).map_err(|_| unusable())?;
    let options: PgConnectOptions = text.parse().map_err(|_| unusable())?;
    let name = format!(
        "{}:{}/{}",
        url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost"),
        options.get_port(),
        options.get_database().unwrap_or_else(|| options.get_username()),
    );
    let options = options.application_name("tenantry");
    Ok(Target::Postgres { options: Box::new(options), schema, name })
}

/// Reads `.env` from the current folder or the nearest one above it. Variables that are already
/// set stay as they are.
///
/// # Errors
///
/// If there is such a file and it cannot be read. The message names the line by its number only.
pub fn load_dotenv() -> Result<()> {
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

/// Whether `APP_ENV` says that this is production.
#[must_use]
pub fn is_production() -> bool {
    std::env::var(env::APP_ENV).is_ok_and(|value| value.trim().eq_ignore_ascii_case("production"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target> {
        DatabaseArgs { database_url: Some(url.to_owned()), ..DatabaseArgs::default() }.target()
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
        for url in
            ["mysql://me:secret@h/d", "me:secret@h", "postgres://me:secret@h:port/d", "://secret"]
        {
            let text = target(url).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("secret"), "{url}: {text}");
        }
    }
}
