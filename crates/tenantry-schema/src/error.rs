//! What can go wrong with a model, and codes of what went wrong in a database.

use std::io;

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError},
};

use crate::sentence::Sentence;

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting, an option or a file is not usable; the text says what to do.
    #[error("{0}")]
    Config(Sentence),
    /// The entities break a rule.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file cannot be read or written.
    #[error("cannot read or write: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// [`Error::Config`] with its code.
    #[must_use]
    pub fn config(code: &'static str, text: impl Into<String>) -> Self {
        Self::Config(Sentence::new(code, text))
    }
}

/// The result of everything here that reads or writes files.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An entity that cannot become a table: a mistake in the model, not in a database.
#[derive(Debug, thiserror::Error)]
#[error("the entities break a rule of the schema: {0}")]
pub struct ModelError(pub String);

impl ModelError {
    /// Every refusal, in a line each if there are several.
    #[must_use]
    pub fn of(refused: &[String]) -> Self {
        match refused {
            [one] => Self(one.clone()),
            several => Self(format!("\n  {}", several.join("\n  "))),
        }
    }
}

/// The SQLSTATE of PostgreSQL, or SQLite's extended result code, behind an error.
#[must_use]
pub fn sqlstate(error: &DbErr) -> Option<String> {
    Some(database_error(error)?.code()?.into_owned())
}

fn database_error(error: &DbErr) -> Option<&dyn DatabaseError> {
    match sqlx_error(error)? {
        sqlx::Error::Database(inner) => Some(inner.as_ref()),
        _ => None,
    }
}

/// The error of sqlx behind one of SeaORM.
#[must_use]
pub fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => Some(inner),
        _ => None,
    }
}
