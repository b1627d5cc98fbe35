//! What the database knows of the migrations, beside what this program knows of them.

use std::collections::{HashMap, HashSet};

use sea_orm::ConnectionTrait;
use sea_orm_migration::MigrationTrait;

use super::{
    Runner, bookkeeping,
    choose::resolve_name,
    journal::{self, Entry, Event, History, Note},
    session::Session,
    state::{MigrationState, State, accepted, state_of},
};
use crate::{config::PRODUCTION, error::Result, observer::Phase};

impl Runner<'_> {
    /// Reads what the database knows. Sends nothing that could fail, so also inside a transaction.
    pub(super) async fn history<C: ConnectionTrait>(&self, db: &C) -> Result<History> {
        let existing = bookkeeping::relations(db, self.engine).await?;
        let exists = |name: &str| existing.iter().any(|relation| relation.name == name);
        let has_bookkeeping = exists(&self.table);
        let has_journal = exists(&journal::table_beside(&self.table));
        let mut history = History::default();
        (history.has_bookkeeping, history.has_journal) = (has_bookkeeping, has_journal);
        if has_bookkeeping {
            let recorded = bookkeeping::read(db, self.engine, &self.table).await?;
            history.recorded = recorded.into_iter().collect();
        }
        if has_journal {
            history.extend(journal::read(db, self.engine, &self.table).await?);
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
    pub(super) fn newest_applied(&self, history: &History) -> Option<usize> {
        self.migrations.iter().rposition(|migration| history.is_recorded(migration.name()))
    }

    /// The names that were applied, or begun, and that this program does not have.
    pub(super) fn unknown(&self, history: &History) -> Vec<String> {
        let begun = history.entries().iter().filter(|it| it.is_about_a_migration());
        let begun = begun.map(|entry| entry.name.clone());
        let begun = begun.filter(|name| history.half_done(name).is_some());
        let recorded = history.recorded.keys().cloned();
        let mut names: Vec<String> = recorded.chain(begun).collect();
        // A migration may read its name from its path whenever it is asked.
        let known: HashSet<&str> = self.migrations.iter().map(|it| it.name()).collect();
        names.retain(|name| !known.contains(name.as_str()));
        names.sort();
        names.dedup();
        names
    }

    pub(super) async fn is_edited(
        &self,
        history: &History,
        migration: &dyn MigrationTrait,
    ) -> Result<bool> {
        Ok(match history.fingerprint_of(migration.name()) {
            Some(noted) => noted != self.fingerprint(migration).await?,
            None => false,
        })
    }

    /// The names of what is applied, in the order in which that happened: by the journal, and what
    /// the journal does not know, by its time and its place in the list, after that.
    pub(super) fn in_order(&self, history: &History) -> Vec<String> {
        let places: HashMap<&str, usize> =
            self.migrations.iter().enumerate().map(|(place, it)| (it.name(), place)).collect();
        let mut applied: Vec<(i64, i64, Option<usize>, &String)> = history
            .recorded
            .iter()
            .map(|(name, at)| {
                let number = history.applied_by(name).map_or(i64::MAX, |entry| entry.number);
                let at = if number == i64::MAX { *at } else { 0 };
                (number, at, places.get(name.as_str()).copied(), name)
            })
            .collect();
        applied.sort();
        applied.into_iter().map(|(.., name)| name.clone()).collect()
    }

    /// The place in the list of the one migration that is meant.
    pub(super) fn place(&self, text: &str) -> Result<usize> {
        let names: Vec<&str> = self.migrations.iter().map(|migration| migration.name()).collect();
        resolve_name(&names, text)
    }

    /// What the journal should know and does not: a migration that another program applied or rolled
    /// back.
    pub(super) fn unnoted(&self, history: &History) -> Vec<(Event, String)> {
        let adopted = self.in_order(history).into_iter();
        let adopted = adopted
            .filter(|name| history.applied_by(name).is_none() && history.half_done(name).is_none());
        let noted = history.entries().iter().filter(|it| it.is_about_a_migration());
        let mut noted: Vec<&String> = noted.map(|entry| &entry.name).collect();
        noted.sort();
        noted.dedup();
        let gone = noted.into_iter().filter(|name| {
            let last = history.of(name).find(|it| it.event != Some(Event::Accepted));
            last.is_some_and(Entry::says_applied) && !history.is_recorded(name)
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
        session.history.extend(new);
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
