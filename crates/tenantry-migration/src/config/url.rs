//! Database URLs, none of which is ever shown: each may hold a password.

use std::path::PathBuf;

use sea_orm::sqlx::postgres::PgConnectOptions;
use tenantry_entity::Engine;
use url::Url;

use crate::{
    error::{Error, Result},
    project::Project,
};

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

impl Target {
    /// Sets `citus.shard_count` on every connection; other servers ignore it.
    pub(super) fn with_shards(self, shards: Option<u32>) -> Self {
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

pub(super) fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

pub(super) fn sqlite(text: &str) -> Result<Target> {
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
                return Err(Error::config(
                    "url-parameter-unsupported",
                    "the SQLite URL has a parameter that is not supported: mode=ro, mode=rw and \
                     mode=rwc are",
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
        return Err(Error::config(
            "url-malformed",
            "the SQLite URL looks like that of a server: it has to look like sqlite://path",
        ));
    }
    Ok(Target::Sqlite { path: path.into(), mode, is_default: false })
}

fn no_file() -> Error {
    Error::config(
        "url-names-no-file",
        "the SQLite URL names no file: a database in memory would be gone when the command ends; \
         write sqlite://path",
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
        .map_err(|_| Error::config("url-malformed", "the path in the SQLite URL is not UTF-8"))
}

pub(super) fn postgres(
    project: &Project,
    text: &str,
    schema: Option<String>,
    application_role: String,
    engine: Option<Engine>,
) -> Result<Target> {
    // Neither parser's error is shown: both may quote a part of the URL.
    let unusable = || {
        Error::config(
            "url-malformed",
            "the PostgreSQL URL cannot be read: it has to look like \
             postgres://user:password@host:port/name, with special characters percent-encoded",
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
        return Err(Error::config(
            "url-parameter-unsupported",
            format!("the PostgreSQL URL has the parameter `{name}`, which is not supported"),
        ));
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
