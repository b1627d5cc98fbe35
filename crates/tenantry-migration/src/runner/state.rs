//! The state of each migration, and of the database as a whole.

use serde::Serialize;

use super::journal::{self, Event, History};
use crate::config::PRODUCTION;

/// A migration and what the database knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationState {
    /// The migration's name.
    pub name: String,
    /// What the database knows.
    pub state: State,
    /// When it was applied, in seconds since 1970-01-01 UTC.
    pub applied_at: Option<i64>,
    /// Its row in the journal. What was applied later has a greater number.
    pub order: Option<i64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// Who applied it.
    pub actor: Option<String>,
    /// From which host.
    pub host: Option<String>,
    /// With which version of which program.
    pub tool: Option<String>,
    /// What else there is to say: the reason for which it was accepted, or who has begun it.
    pub note: Option<String>,
}

/// What the database knows of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// It was applied.
    Applied,
    /// It was not applied yet.
    Pending,
    /// It was not applied yet, and something that comes after it was.
    OutOfOrder,
    /// It was applied, and this program has it with another effect.
    Edited,
    /// It was applied, and this program does not have it.
    Missing,
    /// It was applied, this program does not have it, and it was accepted that this is as it should
    /// be.
    Accepted,
    /// It runs outside of a transaction, and has begun and not ended.
    HalfDone,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::OutOfOrder => "out of order",
            Self::Edited => "edited",
            Self::Missing => "missing",
            Self::Accepted => "accepted",
            Self::HalfDone => "half done",
        })
    }
}

/// What a database knows of its migrations and of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state of every migration, as [`Runner::status`](super::Runner::status) gives it.
    pub migrations: Vec<MigrationState>,
    /// The environment that it belongs to, in lower case, as `up` has noted it or `repair` has said.
    pub environment: Option<String>,
}

impl Standing {
    /// Whether the database belongs to production, whatever this process is.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.environment.as_deref() == Some(PRODUCTION)
    }
}

/// The reason for which a migration that this program does not have was accepted.
pub(super) fn accepted<'h>(history: &'h History, name: &'h str) -> Option<&'h str> {
    let newest = history.of(name).next()?;
    (newest.event == Some(Event::Accepted)).then(|| newest.reason.as_deref().unwrap_or_default())
}

pub(super) fn state_of(history: &History, name: &str, state: State) -> MigrationState {
    let begun = history.half_done(name);
    let entry = begun.or_else(|| history.applied_by(name));
    let text = |of: fn(&journal::Entry) -> &Option<String>| entry.and_then(|it| of(it).clone());
    let note = match begun {
        Some(entry) => {
            let what = match entry.event {
                Some(Event::RollingBack) => "rolling back",
                _ => "applying",
            };
            Some(format!(
                "{what} since {} by process {} on {}",
                entry.at.format("%Y-%m-%d %H:%M:%S UTC"),
                entry.pid.unwrap_or_default(),
                entry.host.as_deref().unwrap_or("an unknown host"),
            ))
        }
        None if history.is_recorded(name) => {
            history.of(name).find_map(|entry| entry.reason.clone())
        }
        None => None,
    };
    MigrationState {
        name: name.to_owned(),
        state,
        applied_at: history.recorded.get(name).copied(),
        order: entry.map(|entry| entry.number),
        duration_ms: entry.and_then(|entry| entry.duration),
        actor: text(|entry| &entry.actor),
        host: text(|entry| &entry.host),
        tool: text(|entry| &entry.tool),
        note,
    }
}
