//! Repair: accepts edited, missing or half-done migrations, and records those whose tables are there
//! already.

use std::fmt::Write as _;

use tenantry_entity::tenancy::NO_TENANCY;

use super::{
    Direction, MigrationState, Runner, State, Up, bookkeeping,
    choose::resolve_name,
    guard,
    journal::{Event, Note},
    session::Session,
};
use crate::{
    diff::diff,
    drift::Accepted,
    error::{Error, Result},
    refusal::Refusal,
    schema,
};

/// What became of a migration that has begun outside of a transaction and not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// All of it is there.
    #[default]
    Applied,
    /// Nothing of it is there.
    Pending,
}

impl Runner<'_> {
    /// Accepts migrations that are edited, missing or half done as they are, by name or a part of it,
    /// for a reason that the journal keeps. Gives what they were before. Only the record changes, no table.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if one of them needs no repair. Nothing is changed then.
    pub async fn repair(
        &self,
        names: &[String],
        became: Resolution,
        reason: &str,
    ) -> Result<Vec<MigrationState>> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(Error::config(
                "no-reason",
                "a repair needs a reason, which the journal keeps",
            ));
        }
        let mut session = self.begin_for("repair", &[]).await?;
        let outcome = self.repair_in(&mut session, names, became, reason).await;
        session.finish(outcome).await
    }

    async fn repair_in(
        &self,
        session: &mut Session,
        names: &[String],
        became: Resolution,
        reason: &str,
    ) -> Result<Vec<MigrationState>> {
        session.history = self.history(session.tx()).await?;
        // First what another program did, since the next call would note it after what is said here.
        self.adopt(session).await?;
        let states = self.states(&session.history).await?;
        let known: Vec<&str> = states.iter().map(|state| state.name.as_str()).collect();
        let mut repaired = Vec::with_capacity(names.len());
        for name in names {
            let state = &states[resolve_name(&known, name)?];
            let name = state.name.as_str();
            let event = match (state.state, became) {
                (State::Edited | State::Missing, Resolution::Applied) => Event::Accepted,
                (State::Edited | State::Missing, Resolution::Pending) => {
                    return Err(Refusal::plain("nothing-to-repair", format!(
                        "{name} is applied and not half done, so it can only be accepted as it is, and \
                         not be called pending; nothing was changed"
                    ))
                    .into());
                }
                (State::HalfDone, Resolution::Applied) => Event::Applied,
                (State::HalfDone, Resolution::Pending) => Event::RolledBack,
                (other, _) => {
                    return Err(Refusal::plain(
                        "nothing-to-repair",
                        format!(
                            "{name} is {other}, so there is nothing to repair; nothing was changed"
                        ),
                    )
                    .into());
                }
            };
            let mut note = Note::new(event, name);
            note.reason = Some(reason);
            if let Some(migration) = self.known(name).filter(|_| event != Event::RolledBack) {
                note.fingerprint = Some(self.fingerprint(migration).await?);
            }
            let is_recorded = session.history.is_recorded(name);
            if event == Event::Applied && !is_recorded {
                if !session.history.has_bookkeeping {
                    bookkeeping::create(session.tx(), self.engine, &self.table).await?;
                    session.history.has_bookkeeping = true;
                }
                bookkeeping::insert(session.tx(), &self.table, &[name]).await?;
            } else if event == Event::RolledBack && is_recorded {
                bookkeeping::delete(session.tx(), &self.table, &[name]).await?;
            }
            self.note(session, &[note]).await?;
            tracing::info!("accepted {name}, which was {}", state.state);
            repaired.push(state.clone());
        }
        Ok(repaired)
    }

    /// Says to which environment the database belongs, for a reason that the journal keeps: a copy
    /// of production is production until `repair` says that its data is not.
    ///
    /// # Errors
    ///
    /// If the database cannot be written to.
    pub async fn set_environment(&self, name: &str, reason: &str) -> Result<()> {
        let (name, reason) = (name.trim().to_lowercase(), reason.trim());
        if name.is_empty() || reason.is_empty() {
            return Err(Error::config("no-reason", "an environment needs a name and a reason"));
        }
        let mut session = self.begin_for("repair", &[]).await?;
        let outcome = async {
            session.history = self.history(session.tx()).await?;
            let mut note = Note::new(Event::Environment, &name);
            note.reason = Some(reason);
            self.note(&mut session, &[note]).await
        };
        let outcome = outcome.await;
        session.finish(outcome).await
    }

    /// Records migrations as applied whose tables are there already, up to and with `to`, or all:
    /// if, and only if, the tables are exactly what the migrations make. Gives their names.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the differences if there are any. Nothing is changed then.
    pub async fn baseline(&self, to: Option<String>) -> Result<Vec<String>> {
        let mut session = self.begin_for("baseline", &[]).await?;
        let outcome = self.baseline_in(&mut session, to).await;
        session.finish(outcome).await
    }

    async fn baseline_in(&self, session: &mut Session, to: Option<String>) -> Result<Vec<String>> {
        session.history = self.history(session.tx()).await?;
        self.check_known(&session.history)?;
        self.adopt(session).await?;
        let up = Up { to, ..Up::default() };
        let pending = self.pending(&session.history, &up)?;
        let engine = guard::replayed_on(self.engine);
        let mut statements = Vec::new();
        for migration in &self.migrations {
            let name = migration.name();
            let counts = session.history.is_recorded(name)
                || pending.iter().any(|pending| pending.name() == name);
            if counts {
                let sent = self.recordings.of(migration.as_ref(), engine, Direction::Up).await?;
                statements.extend(sent.texts());
            }
        }
        let mut made = schema::replay(session.tx(), engine, &statements).await?;
        let mut live = schema::read(session.tx(), self.engine, "").await?;
        if engine != self.engine {
            made = made.without_expressions();
            live = live.on(engine).without_expressions();
        }
        if self.tenancy == NO_TENANCY {
            // Who may see rows is not this project's to say.
            (made, live) = (made.without_access(), live.without_access());
        }
        let owned = self.owned_tables().await?;
        if !pending.is_empty() && !live.tables.keys().any(|name| owned.contains(name)) {
            return Err(Refusal::plain(
                "nothing-to-record",
                "refused, because none of the tables is there that the migrations make: `up` makes \
                 them; nothing was changed",
            )
            .into());
        }
        let changes = diff(&live.filtered(|name| owned.iter().any(|it| it == name)), &made);
        let (changes, ..) = Accepted::of(self.accepted_drift)?.without(changes, Vec::new());
        if !changes.is_empty() {
            let mut reason =
                "refused, because the tables are not what the migrations make; nothing \
                              was changed. For that it would have to be so that"
                    .to_owned();
            for change in &changes {
                let _ = write!(reason, "\n  {change}");
            }
            reason.push_str("\n`diff --sql` writes the statements for that");
            return Err(Refusal::plain("tables-differ", reason).into());
        }
        if !pending.is_empty() && !session.history.has_bookkeeping {
            bookkeeping::create(session.tx(), self.engine, &self.table).await?;
            session.history.has_bookkeeping = true;
        }
        let mut names = Vec::with_capacity(pending.len());
        for migration in pending {
            let name = migration.name().to_owned();
            let at = bookkeeping::insert(session.tx(), &self.table, &[&name]).await?;
            session.history.recorded.insert(name.clone(), at);
            let mut note = Note::new(Event::Baselined, &name);
            note.fingerprint = Some(self.fingerprint(migration).await?);
            self.note(session, &[note]).await?;
            names.push(name);
        }
        self.note_environment(session, None).await?;
        Ok(names)
    }
}
