//! What can go wrong, in sentences that say what to do.

use std::error::Error as _;

use sea_orm::{
    DbErr,
    sqlx::{self, postgres::PgDatabaseError},
};
use tenantry_schema::{Direction, error::sqlx_error};
pub use tenantry_schema::{
    error::{ModelError, sqlstate},
    list::List,
    sentence::Sentence,
};

use crate::{diff::DOES_NOT_FIT, refusal::Refusal};

/// What can go wrong. [`Display`](std::fmt::Display) is one sentence for a person at a terminal;
/// [`Error::exit_code`] is for the shell.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that could be done was not done, because rows or history would be lost or because
    /// the state of the database forbids it. Nothing was changed.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// An option, a variable or a file is not usable.
    #[error("{0}")]
    Config(Sentence),
    /// The database cannot be reached or used as it is.
    #[error("{0}")]
    Unusable(Sentence),
    /// Another process is migrating or seeding, and did not finish in time. Nothing was changed.
    #[error("{0}")]
    Busy(Sentence),
    /// A migration failed.
    #[error("{}", migration_sentence(.name, *.direction, .statement.as_deref(), .source, *.left))]
    Migration {
        /// The migration.
        name: String,
        /// Which half of it.
        direction: Direction,
        /// The statement that failed, if it was seen.
        statement: Option<String>,
        /// Why it failed.
        source: DbErr,
        /// What is left of what was done.
        left: Left,
    },
    /// Other sessions stood in the way, and did not go.
    #[error("{source}; {blockers}")]
    Blocked {
        /// Who they were, and what they did.
        blockers: String,
        /// What failed for it.
        source: Box<Error>,
    },
    /// The entities do not make a schema.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Any other failure of the database.
    #[error("{}", explain(.0))]
    Database(#[from] DbErr),
    /// Standard output or input failed.
    #[error("cannot read or write: {0}")]
    Io(#[from] std::io::Error),
}

/// What a failed migration leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Left {
    /// Everything is as it was before the call.
    Nothing,
    /// Everything is as it was before this migration; what came before it in the call is done.
    PartlyCommitted,
    /// It ran outside of a transaction, and what it did before it failed is done.
    HalfDone,
}

impl Error {
    /// [`Error::Config`] with its code.
    #[must_use]
    pub fn config(code: &'static str, text: impl Into<String>) -> Self {
        Self::Config(Sentence::new(code, text))
    }

    /// [`Error::Unusable`] with its code.
    #[must_use]
    pub fn unusable(code: &'static str, text: impl Into<String>) -> Self {
        Self::Unusable(Sentence::new(code, text))
    }

    /// [`Error::Busy`] with its code.
    #[must_use]
    pub fn busy(code: &'static str, text: impl Into<String>) -> Self {
        Self::Busy(Sentence::new(code, text))
    }

    /// A code for programs, in small letters and hyphens. It stays the same when the sentence is worded
    /// better; `docs/errors.md` lists all of them.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Config(sentence) | Self::Unusable(sentence) | Self::Busy(sentence) => {
                sentence.code
            }
            Self::Migration { .. } => "migration-failed",
            Self::Blocked { .. } => "blocked",
            Self::Model(_) => "entities-break-a-rule",
            Self::Database(_) => "database-failed",
            Self::Io(_) => "input-output-failed",
        }
    }

    /// The process's exit code: 1 for a refusal, 2 for what could not run.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            _ => 2,
        }
    }

    /// Whether a lock of another session stopped it, so that the same may succeed in a moment.
    #[must_use]
    pub fn is_about_a_lock(&self) -> bool {
        match self {
            Self::Blocked { source, .. } => source.is_about_a_lock(),
            Self::Migration { source, .. } | Self::Database(source) => {
                // lock_not_available, deadlock_detected
                sqlstate(source).is_some_and(|code| code == "55P03" || code == "40P01")
            }
            _ => false,
        }
    }
}

impl From<tenantry_schema::Error> for Error {
    fn from(error: tenantry_schema::Error) -> Self {
        match error {
            tenantry_schema::Error::Config(text) => Self::Config(text),
            tenantry_schema::Error::Model(error) => Self::Model(error),
            tenantry_schema::Error::Io(error) => Self::Io(error),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// What `MigratorTrait`'s methods have to return.
impl From<Error> for DbErr {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error,
            other => DbErr::Migration(other.to_string()),
        }
    }
}

fn migration_sentence(
    name: &str,
    direction: Direction,
    statement: Option<&str>,
    source: &DbErr,
    left: Left,
) -> String {
    let at = statement.map(|sql| format!(" at `{sql}`")).unwrap_or_default();
    let left = match left {
        Left::Nothing => "nothing was changed",
        Left::PartlyCommitted => "what came before it is done, and nothing of it",
        Left::HalfDone => {
            "it runs outside of a transaction and is half done: the same command tries again, \
             `status` names it, and `repair` tells what became of it"
        }
    };
    let direction = direction.name();
    format!("{direction} of {name} failed{at}: {}; {left}", explain(source))
}

/// An error of SeaORM as one sentence.
#[must_use]
pub fn explain(error: &DbErr) -> String {
    match sqlx_error(error) {
        Some(error) => explain_sqlx(error),
        None => match error {
            DbErr::Migration(text) | DbErr::Custom(text) => text.clone(),
            DbErr::ConnectionAcquire(_) => {
                "no connection to the server could be opened in time: is it running, and may this role \
                 have one more?"
                    .to_owned()
            }
            other => one_line(&other.to_string()),
        },
    }
}

/// An error of sqlx as one sentence, with what to do where that is known.
///
/// Codes: <https://www.postgresql.org/docs/15/errcodes-appendix.html> and
/// <https://www.sqlite.org/rescode.html>.
#[must_use]
pub fn explain_sqlx(error: &sqlx::Error) -> String {
    if let sqlx::Error::Database(inner) = error {
        let mut message = one_line(inner.message());
        let code = inner.code();
        // Of data that does not fit, PostgreSQL shows the value, which may be a secret.
        if code.as_deref().is_some_and(|code| code.len() == 5 && code.starts_with("22"))
            && let Some(end) = message.find(": \"")
        {
            let quoted = message.split_off(end);
            if let Some(ours) = quoted.trim_matches([':', ' ', '"']).strip_prefix(DOES_NOT_FIT) {
                message = format!("{DOES_NOT_FIT}{ours}");
            }
        }
        // What a function raises may say anything.
        let is_own = code.as_deref().is_none_or(|code| !code.starts_with("P0"));
        let server = inner.try_downcast_ref::<PgDatabaseError>().filter(|_| is_own);
        if let Some(detail) = server.and_then(PgDatabaseError::detail).and_then(without_values) {
            message = format!("{message} ({detail})");
        }
        if let Some(constraint) = server.and_then(PgDatabaseError::constraint)
            && !message.contains(constraint)
        {
            message = format!("{message} (constraint \"{constraint}\")");
        }
        let hint = match code.as_deref() {
            Some("28P01") => "check user and password in DATABASE_URL",
            Some("28000") => "the server does not let this role in: check the user in DATABASE_URL",
            Some("3D000") => "create it first, for example with `createdb`",
            Some("42501") if message.contains("row-level security") => {
                "its policies hold for this role, too (FORCE ROW LEVEL SECURITY): connect as one with \
                 BYPASSRLS, or ask for it"
            }
            Some("42501") if message.contains("for schema") => {
                "let the schema's owner run `GRANT CREATE ON SCHEMA … TO …`"
            }
            Some("42501") => "connect as the owner of the tables, or ask for the right",
            Some("55P04") => {
                "no statement of the same transaction may use a value that an enum type has just got: apply the \
                 migration that adds it by a call of its own, with `up --to`"
            }
            Some("40P01") => "two commands were in each other's way: try again",
            Some("25006") => {
                "transactions are read-only here: connect to the primary if this is a standby, else look \
                 for default_transaction_read_only, of the role or of the database"
            }
            Some("22P05") => {
                "the database's encoding lacks a character: use a database with the encoding UTF8"
            }
            Some("53300") => "all connection slots are taken: close some, or raise max_connections",
            Some("55P03") => "another session holds a lock: try again when it has finished",
            Some("57014") if message.contains("statement timeout") => {
                "see --statement-timeout; if it waited for a lock, --lock-timeout says who held it"
            }
            Some("57P03") => "the server is starting or stopping: try again in a moment",
            // SQLITE_BUSY and SQLITE_LOCKED, with their extended forms
            Some("5" | "6" | "261" | "262" | "517") => {
                "another process is using the database file: try again when it has finished"
            }
            Some("8" | "264" | "520" | "776" | "1032" | "1288" | "1544") => {
                "the database file or its folder is read-only"
            }
            Some("13") => "the disk is full",
            Some("14") => {
                "the database file cannot be opened: check that its folder exists and is writable"
            }
            Some("26") => "the file is not an SQLite database: name another one in DATABASE_URL",
            _ => server.and_then(PgDatabaseError::hint).unwrap_or_default(),
        };
        return if hint.is_empty() { message } else { format!("{message}: {hint}") };
    }
    let mut text = one_line(&error.to_string());
    // The cause of an I/O or TLS error is often only in its source.
    if let Some(source) = error.source() {
        let source = one_line(&source.to_string());
        if !text.contains(&source) {
            text = format!("{text}: {source}");
        }
    }
    text
}

/// What the server says in detail, by names and without values of rows, which may be secret; `None` if that
/// cannot be told apart.
fn without_values(detail: &str) -> Option<String> {
    let detail = one_line(detail);
    let Some((columns, rest)) = detail.split_once(")=(") else {
        let shows_value = ["Failing row contains", "Token ", "Expected ", "Array "];
        return (!shows_value.iter().any(|start| detail.starts_with(start))).then_some(detail);
    };
    let tails = [
        ") already exists",
        ") is duplicated",
        ") is not present in table ",
        ") is still referenced from table ",
        ") conflicts with existing key ",
    ];
    // A value may look like one of them: what the server says comes last.
    let said = &rest[tails.iter().filter_map(|tail| rest.rfind(tail)).max()? + 2..];
    // A second key of an exclusion constraint has values, too.
    let said = said.split_once(" (").map_or(said, |(said, _)| said);
    Some(format!("{columns}) {said}"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_have_no_values() {
        for (detail, said) in [
            (
                "Key (email)=(a) is not present in table \"x\") already exists.",
                Some("Key (email) already exists."),
            ),
            (
                "Key (a, b)=(1, 2) is not present in table \"c\".",
                Some("Key (a, b) is not present in table \"c\"."),
            ),
            (
                "Key (id)=(7) is still referenced from table \"c\".",
                Some("Key (id) is still referenced from table \"c\"."),
            ),
            (
                "Key (r)=([1,5)) conflicts with existing key (r)=([2,3)).",
                Some("Key (r) conflicts with existing key"),
            ),
            (
                "Key (a)=(x) already exists, secret) is not present in table \"t\".",
                Some("Key (a) is not present in table \"t\"."),
            ),
            ("Key (a)=(1) does something new.", None),
            ("Failing row contains (1, secret).", None),
            ("Token \"secret\" is invalid.", None),
            (
                "rule _RETURN on view v depends on column \"a\"",
                Some("rule _RETURN on view v depends on column \"a\""),
            ),
        ] {
            assert_eq!(without_values(detail).as_deref(), said, "{detail}");
        }
    }
}
