//! What the database knows of the migrations, beside what this program knows of them.

use sea_orm::ConnectionTrait;
use sea_orm_migration::MigrationTrait;
use serde::Serialize;

use super::{
    Command, Down, Runner, Up, bookkeeping,
    journal::{self, Event, History, Note},
    session::Session,
};
use crate::{
    config::PRODUCTION,
    error::{Error, List, Result},
    observer::Phase,
    refusal::Refusal,
};

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
    /// What else there is to say: the reason for which somebody accepted it, or who has begun it.
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
    /// It was applied, this program does not have it, and somebody said that this is as it should
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
    /// The state of every migration, as [`Runner::status`] gives it.
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

impl Runner<'_> {
    /// Reads what the database knows. Sends nothing that could fail, so also inside a transaction.
    pub(super) async fn history<C: ConnectionTrait>(&self, db: &C) -> Result<History> {
        let existing = bookkeeping::relations(db, self.engine).await?;
        let exists = |name: &str| existing.iter().any(|relation| relation.name == name);
        let has_bookkeeping = exists(&self.table);
        let has_journal = exists(&journal::table_beside(&self.table));
        let mut history = History { has_bookkeeping, has_journal, ..History::default() };
        if has_bookkeeping {
            history.recorded = bookkeeping::read(db, self.engine, &self.table).await?;
        }
        if has_journal {
            history.entries = journal::read(db, self.engine, &self.table).await?;
        }
        Ok(history)
    }

    /// The migration of this name.
    pub(super) fn known(&self, name: &str) -> Option<&dyn MigrationTrait> {
        self.migrations.iter().map(AsRef::as_ref).find(|migration| migration.name() == name)
    }

    /// Joins the migrations with what the database knows of them.
    pub(super) async fn states(&self, history: &History) -> Result<Vec<MigrationState>> {
        let late = self.newest_applied(history);
        let mut states = Vec::with_capacity(self.migrations.len());
        for (index, migration) in self.migrations.iter().enumerate() {
            let name = migration.name();
            let state = if history.half_done(name).is_some() {
                State::HalfDone
            } else if !history.is_recorded(name) {
                if late.is_some_and(|late| index < late) {
                    State::OutOfOrder
                } else {
                    State::Pending
                }
            } else if self.is_edited(history, migration.as_ref()).await? {
                State::Edited
            } else {
                State::Applied
            };
            states.push(state_of(history, name, state));
        }
        for name in self.unknown(history) {
            let accepted = accepted(history, &name).is_some();
            let state = if history.half_done(&name).is_some() {
                State::HalfDone
            } else if accepted {
                State::Accepted
            } else {
                State::Missing
            };
            states.push(state_of(history, &name, state));
        }
        Ok(states)
    }

    /// The place in the list of the last migration that is applied.
    fn newest_applied(&self, history: &History) -> Option<usize> {
        self.migrations.iter().rposition(|migration| history.is_recorded(migration.name()))
    }

    /// The names that were applied, or begun, and that this program does not have.
    fn unknown(&self, history: &History) -> Vec<String> {
        let begun = history.entries.iter().filter(|it| it.is_about_a_migration());
        let begun = begun.map(|entry| entry.name.clone());
        let begun = begun.filter(|name| history.half_done(name).is_some());
        let recorded = history.recorded.iter().map(|(name, _)| name.clone());
        let mut names: Vec<String> = recorded.chain(begun).collect();
        names.retain(|name| self.known(name).is_none());
        names.sort();
        names.dedup();
        names
    }

    async fn is_edited(&self, history: &History, migration: &dyn MigrationTrait) -> Result<bool> {
        Ok(match history.fingerprint_of(migration.name()) {
            Some(noted) => noted != self.fingerprint(migration).await?,
            None => false,
        })
    }

    /// Fails unless this program has every migration that was applied.
    pub(super) fn check_known(&self, history: &History) -> Result<()> {
        let mut missing = self.unknown(history);
        missing.retain(|name| accepted(history, name).is_none());
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::plain(format!(
            "the database has {} applied, which this program does not know: run the version of the \
             program that has it, or accept it with `repair`; nothing was changed",
            List(&missing)
        ))
        .into())
    }

    /// Fails if a migration is half done, and this command does not finish it.
    pub(super) fn check_whole(&self, history: &History, command: &Command) -> Result<()> {
        let unfinished = if command.rolls_back() { Event::Applying } else { Event::RollingBack };
        let half_done = self.migrations.iter().find(|migration| {
            history.half_done(migration.name()).is_some_and(|it| it.event == Some(unfinished))
        });
        let Some(migration) = half_done else { return Ok(()) };
        let (name, finishes) = (migration.name(), if command.rolls_back() { "up" } else { "down" });
        Err(Refusal::plain(format!(
            "{name} is half done: finish it with `{finishes}`, or say with `repair` what became of \
             it; nothing was changed"
        ))
        .into())
    }

    /// Fails if an applied migration has another effect now than when it was applied, before
    /// anything is built on top of it.
    pub(super) async fn check_unedited(&self, history: &History) -> Result<()> {
        let mut edited = Vec::new();
        for migration in &self.migrations {
            let name = migration.name();
            if history.is_recorded(name) && self.is_edited(history, migration.as_ref()).await? {
                edited.push(name.to_owned());
            }
        }
        if edited.is_empty() {
            return Ok(());
        }
        let pending = self.migrations.iter().any(|it| !history.is_recorded(it.name()));
        let what = format!(
            "{} was edited after it was applied: `diff` shows what the database lacks",
            List(&edited)
        );
        if !pending {
            tracing::warn!("{what}; `repair` accepts it as it is");
            return Ok(());
        }
        Err(Refusal::plain(format!(
            "{what}. Undo the edit, and put the change into a new migration; or accept it as it is \
             with `repair`; nothing was changed"
        ))
        .into())
    }

    /// What `up` would apply, in the order of the list.
    pub(super) fn pending(&self, history: &History, up: &Up) -> Result<Vec<&dyn MigrationTrait>> {
        let end = match &up.to {
            Some(to) => self.place(to)? + 1,
            None => self.migrations.len(),
        };
        let limit = up.steps.map_or(usize::MAX, |steps| steps as usize);
        let pending: Vec<(usize, &dyn MigrationTrait)> = self.migrations[..end]
            .iter()
            .map(AsRef::as_ref)
            .enumerate()
            .filter(|(_, migration)| !history.is_recorded(migration.name()))
            .take(limit)
            .collect();
        let late = self.newest_applied(history);
        let too_late: Vec<String> = pending
            .iter()
            .filter(|(index, _)| late.is_some_and(|late| *index < late))
            .map(|(_, migration)| migration.name().to_owned())
            .collect();
        if !too_late.is_empty() && !up.out_of_order {
            let after = late.map_or("", |late| self.migrations[late].name());
            return Err(Refusal::plain(format!(
                "{} would be applied out of order: {after} comes after it and is applied already. \
                 Give it a newer name, or apply it all the same with --out-of-order; nothing was \
                 changed",
                List(&too_late)
            ))
            .into());
        }
        Ok(pending.into_iter().map(|(_, migration)| migration).collect())
    }

    /// What `down` would roll back: what was applied last comes first.
    pub(super) fn to_roll_back(
        &self,
        history: &History,
        down: &Down,
    ) -> Result<Vec<&dyn MigrationTrait>> {
        let applied = self.in_order(history);
        let stays = match &down.to {
            None => 0,
            Some(to) => {
                let name = self.migrations[self.place(to)?].name();
                let place =
                    applied.iter().position(|applied| applied == name).ok_or_else(|| {
                        Refusal::plain(format!("{name} is not applied; nothing was changed"))
                    })?;
                place + 1
            }
        };
        let limit = down.steps.map_or(usize::MAX, |steps| steps as usize);
        let names = applied[stays..].iter().rev().take(limit);
        let to_roll_back = names.map(|name| {
            self.known(name).ok_or_else(|| {
                Error::from(Refusal::plain(format!(
                    "{name} cannot be rolled back, since this program does not have it: run the \
                     version of the program that has it; nothing was changed"
                )))
            })
        });
        to_roll_back.collect()
    }

    /// The names of what is applied, in the order in which that happened: by the journal, and what
    /// the journal does not know, by its time and its place in the list, after that.
    pub(super) fn in_order(&self, history: &History) -> Vec<String> {
        let place = |name: &str| self.migrations.iter().position(|it| it.name() == name);
        let mut applied: Vec<(i64, i64, Option<usize>, &String)> = history
            .recorded
            .iter()
            .map(|(name, at)| {
                let number = history.applied_by(name).map_or(i64::MAX, |entry| entry.number);
                (number, if number == i64::MAX { *at } else { 0 }, place(name), name)
            })
            .collect();
        applied.sort();
        applied.into_iter().map(|(.., name)| name.clone()).collect()
    }

    /// The place in the list of the one migration that is meant.
    fn place(&self, text: &str) -> Result<usize> {
        let names: Vec<&str> = self.migrations.iter().map(|migration| migration.name()).collect();
        resolve_name(&names, text)
    }

    /// What the journal should know and does not: a migration that another program applied or rolled
    /// back.
    pub(super) fn unnoted(&self, history: &History) -> Vec<(Event, String)> {
        let adopted = self.in_order(history).into_iter();
        let adopted = adopted
            .filter(|name| history.applied_by(name).is_none() && history.half_done(name).is_none());
        let noted = history.entries.iter().filter(|it| it.is_about_a_migration());
        let mut noted: Vec<&String> = noted.map(|entry| &entry.name).collect();
        noted.sort();
        noted.dedup();
        let gone = noted.into_iter().filter(|name| {
            let last = history.of(name).find(|it| it.event != Some(Event::Accepted));
            let applied = last.is_some_and(|entry| {
                let event = entry.event;
                matches!(event, Some(Event::Applied | Event::Adopted | Event::Baselined))
            });
            applied && !history.is_recorded(name)
        });
        let adopted = adopted.map(|name| (Event::Adopted, name));
        adopted.chain(gone.map(|name| (Event::RolledBack, name.clone()))).collect()
    }

    /// Writes into the journal what another program did.
    pub(super) async fn adopt(&self, session: &mut Session) -> Result<()> {
        let unnoted = self.unnoted(&session.history);
        if unnoted.is_empty() {
            return Ok(());
        }
        let mut notes = Vec::with_capacity(unnoted.len());
        for (event, name) in &unnoted {
            let mut note = Note::new(*event, name);
            note.reason = Some("by another program");
            if let Some(migration) = self.known(name).filter(|_| *event == Event::Adopted) {
                note.fingerprint = Some(self.fingerprint(migration).await?);
            }
            notes.push(note);
        }
        self.note(session, &notes).await?;
        tracing::info!(migrations = unnoted.len(), "noted in the journal what another program did");
        Ok(())
    }

    /// Writes into the journal, which is created if it is not there.
    pub(super) async fn note(&self, session: &mut Session, notes: &[Note<'_>]) -> Result<()> {
        if notes.is_empty() {
            return Ok(());
        }
        let _bookkeeping = self.watch(Phase::Bookkeeping);
        if !session.history.has_journal {
            journal::create(session.tx(), &self.table).await?;
            session.history.has_journal = true;
        }
        let head = session.history.head();
        let new = journal::write(session.tx(), self.engine, self.ledger(), head, notes).await?;
        session.history.entries.extend(new);
        Ok(())
    }

    /// The environment to note, if it is not noted yet. Production stays production.
    pub(super) fn new_environment(&self, history: &History) -> Option<&str> {
        let name = self.environment.as_deref()?;
        match history.environment() {
            None => Some(name),
            Some(noted) => (noted != PRODUCTION && name == PRODUCTION).then_some(name),
        }
    }

    /// Notes the environment, or the one that the database had before.
    pub(super) async fn note_environment(
        &self,
        session: &mut Session,
        before: Option<String>,
    ) -> Result<()> {
        let name = match before {
            Some(before) => Some(before),
            None => self.new_environment(&session.history).map(ToOwned::to_owned),
        };
        let Some(name) = name else { return Ok(()) };
        self.note(session, &[Note::new(Event::Environment, &name)]).await
    }

    /// Whether the database, or this process, belongs to production.
    pub(super) fn is_production(&self, history: &History) -> bool {
        self.production
            || self.environment.as_deref() == Some(PRODUCTION)
            || history.environment() == Some(PRODUCTION)
    }
}

/// The place of the one name that is meant: by all of it, or a part.
pub(super) fn resolve_name(names: &[&str], text: &str) -> Result<usize> {
    if let Some(place) = names.iter().position(|name| *name == text) {
        return Ok(place);
    }
    let matching: Vec<usize> =
        (0..names.len()).filter(|place| names[*place].contains(text)).collect();
    match matching[..] {
        [place] => Ok(place),
        [] => Err(Error::Config(format!("no migration is named `{text}`, nor like it"))),
        _ => {
            let names: Vec<String> =
                matching.iter().map(|place| names[*place].to_owned()).collect();
            let names = List(&names);
            Err(Error::Config(format!("several migrations have `{text}` in their names: {names}")))
        }
    }
}

/// The reason for which a migration that this program does not have was accepted.
fn accepted<'h>(history: &'h History, name: &'h str) -> Option<&'h str> {
    let newest = history.of(name).next()?;
    (newest.event == Some(Event::Accepted)).then(|| newest.reason.as_deref().unwrap_or_default())
}

fn state_of(history: &History, name: &str, state: State) -> MigrationState {
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
        applied_at: history.recorded.iter().find(|(it, _)| it == name).map(|(_, at)| *at),
        order: entry.map(|entry| entry.number),
        duration_ms: entry.and_then(|entry| entry.duration),
        actor: text(|entry| &entry.actor),
        host: text(|entry| &entry.host),
        tool: text(|entry| &entry.tool),
        note,
    }
}
