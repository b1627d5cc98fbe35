//! What is seen of a rehearsal.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::report::{Step, What};
use crate::refusal::Refusal;

/// Sees what a rehearsed command does.
#[derive(Debug, Default)]
pub struct Observer {
    seen: Mutex<Seen>,
    /// Whether the connection enforces no foreign key, because tables are made anew.
    pub(crate) foreign_keys_off: bool,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// What is being done now; `None` if it only looks.
    pub what: Option<What>,
    pub steps: Vec<Step>,
    pub refusals: Vec<Refusal>,
    pub plan: Option<String>,
}

impl Observer {
    pub(super) fn of(foreign_keys_off: bool) -> Self {
        Self { foreign_keys_off, ..Self::default() }
    }

    /// Notes what runs outside of a transaction, so that nothing could undo it.
    pub(crate) fn skip(&self, what: &What, statements: Vec<String>) {
        let steps = statements.into_iter().map(|sql| Step {
            what: what.clone(),
            sql,
            rehearsed: false,
            micros: 0,
            tables: Vec::new(),
            reads: false,
        });
        self.seen().steps.extend(steps);
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As long as it lives, statements are taken for parts of something.
#[derive(Debug)]
pub(crate) struct Watch<'o>(Option<&'o Observer>);

impl<'o> Watch<'o> {
    pub(crate) fn of(observer: Option<&'o Observer>, what: What) -> Self {
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
