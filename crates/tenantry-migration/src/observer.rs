//! What a rehearsal sees of a command, told by the code that carries it out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::refusal::Refusal;

/// What a statement is a part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
pub enum Phase {
    /// Applying a migration.
    Up(String),
    /// Rolling back a migration.
    Down(String),
    /// Dropping tables, and what hangs on them.
    Drop,
    /// Locking what would be lost.
    Lock,
    /// The bookkeeping and the journal.
    Bookkeeping,
    /// The application role's privileges.
    Grants,
    /// Sample rows.
    Seed,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Up(name) => write!(f, "{name} up"),
            Self::Down(name) => write!(f, "{name} down"),
            Self::Drop => f.write_str("dropping"),
            Self::Lock => f.write_str("locking what would be lost"),
            Self::Bookkeeping => f.write_str("bookkeeping"),
            Self::Grants => f.write_str("grants"),
            Self::Seed => f.write_str("sample rows"),
        }
    }
}

/// A statement that was rehearsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RehearsedStep {
    /// What it is a part of.
    pub what: Phase,
    /// The statement, with its values.
    pub sql: String,
    /// Whether it was tried. What runs outside of a transaction was not, since nothing could undo it.
    pub rehearsed: bool,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// What it did to tables that were there before.
    pub tables: Vec<Touched>,
    /// Whether it only asks.
    #[serde(skip)]
    pub reads: bool,
}

/// What a statement did to a table that was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// The table; with its schema if it is not the current one.
    pub table: String,
    /// The strongest lock on it that this statement took, if it is stronger than one held before: as
    /// PostgreSQL calls it.
    pub lock: Option<String>,
    /// Whether the table was rewritten, row by row.
    pub rewritten: bool,
    /// How many rows it had before; about, unless `exact`.
    pub rows: Option<i64>,
    /// Whether the rows were counted and not estimated.
    pub exact: bool,
    /// How much room it took before with its indexes, in bytes.
    pub bytes: Option<i64>,
}

/// Sees what a rehearsed command does.
#[derive(Debug, Default)]
pub struct Observer {
    seen: Mutex<Observed>,
    /// Whether the connection enforces no foreign key, because tables are recreated.
    pub(crate) foreign_keys_off: bool,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// What is being done now; `None` if it only looks.
    pub what: Option<Phase>,
    pub steps: Vec<RehearsedStep>,
    pub refusals: Vec<Refusal>,
    pub plan: Option<String>,
}

impl Observer {
    pub(crate) fn of(foreign_keys_off: bool) -> Self {
        Self { foreign_keys_off, ..Self::default() }
    }

    /// Notes what runs outside of a transaction, so that nothing could undo it.
    pub(crate) fn skip(&self, what: &Phase, statements: Vec<String>) {
        let steps = statements.into_iter().map(|sql| RehearsedStep {
            what: what.clone(),
            sql,
            rehearsed: false,
            micros: 0,
            tables: Vec::new(),
            reads: false,
        });
        self.seen().steps.extend(steps);
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Observed> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As long as it lives, statements are taken for parts of something.
#[derive(Debug)]
pub(crate) struct Watch<'o>(Option<&'o Observer>);

impl<'o> Watch<'o> {
    pub(crate) fn of(observer: Option<&'o Observer>, what: Phase) -> Self {
        if let Some(observer) = observer {
            observer.seen().what = Some(what);
        }
        Self(observer)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.0 {
            observer.seen().what = None;
        }
    }
}
