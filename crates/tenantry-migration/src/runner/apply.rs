//! Applying and rolling back, inside a session.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr};
use sea_orm_migration::{MigrationTrait, SchemaManager};
use tenantry_entity::Engine;

use super::{
    Destructive, Direction, Outcome, Runner, bookkeeping, journal,
    journal::{Event, History, Note},
    recorder::runs_outside,
    sent::Sent,
    session::Session,
};
use crate::{
    error::{Error, Left, Result, sqlstate},
    observer::Phase,
    sql::quoted_table,
};

impl Runner<'_> {
    /// Applies these migrations. A permit is for what they lose too; without one, the guard is asked.
    pub(super) async fn apply(
        &self,
        session: &mut Session,
        pending: &[&dyn MigrationTrait],
        permit: Option<Destructive>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        if pending.is_empty() {
            tracing::info!("no migration is pending");
            return Ok(());
        }
        let fresh: Vec<&dyn MigrationTrait> = pending
            .iter()
            .filter(|migration| session.history.half_done(migration.name()).is_none())
            .copied()
            .collect();
        self.check_nothing_in_the_way(session, &fresh).await?;
        self.check_distributed(session.tx()).await?;
        self.check_values_given(session.tx(), pending, Direction::Up).await?;
        let applied = self.in_order(&session.history);
        self.check_accepted(&applied, pending, Direction::Up).await?;
        let permit = match permit {
            Some(permit) => permit,
            None => self.permit_losses(session, pending).await?,
        };
        let records = Records::Kept;
        self.run_halves(session, (pending, Direction::Up), permit, records, outcome).await?;
        Ok(())
    }

    /// Rolls these migrations back, after the guard has let it pass; gives its permit, if there was
    /// anything to ask it. It is for what is applied again, too.
    pub(super) async fn roll_back(
        &self,
        session: &mut Session,
        to_roll_back: &[&dyn MigrationTrait],
        applied_again: &[&dyn MigrationTrait],
        records: Records,
        outcome: &mut Outcome,
    ) -> Result<Option<Destructive>> {
        if to_roll_back.is_empty() {
            tracing::info!("no migration to roll back");
            return Ok(None);
        }
        self.check_values_given(session.tx(), to_roll_back, Direction::Down).await?;
        let permit = self.permit_rolling_back(session, to_roll_back, applied_again).await?;
        let downs = (to_roll_back, Direction::Down);
        Ok(Some(self.run_halves(session, downs, permit, records, outcome).await?))
    }

    /// Runs one half of each of these migrations, and records it; gives the permit that was valid at last.
    async fn run_halves(
        &self,
        session: &mut Session,
        (migrations, direction): (&[&dyn MigrationTrait], Direction),
        mut permit: Destructive,
        records: Records,
        outcome: &mut Outcome,
    ) -> Result<Destructive> {
        let (doing, event, done) = match direction {
            Direction::Up => ("applying", Event::Applied, &mut outcome.applied),
            Direction::Down => ("rolling back", Event::RolledBack, &mut outcome.rolled_back),
        };
        let mut unrecorded = Vec::new();
        for (at, migration) in migrations.iter().enumerate() {
            if runs_outside(*migration) {
                self.record(session, &mut unrecorded).await?;
            }
            if session.permits_are_void() {
                // The locks under which it was given are gone.
                let left = &migrations[at..];
                permit = match direction {
                    Direction::Up => self.permit_losses(session, left).await?,
                    Direction::Down => self.permit_rolling_back(session, left, &[]).await?,
                };
                session.renew_permits();
            }
            self.check_outside(session, *migration, direction).await?;
            tracing::info!("{}{doing} {}", self.said_before(), migration.name());
            let began = Instant::now();
            if direction == Direction::Up && !session.history.has_bookkeeping {
                let _bookkeeping = self.watch(Phase::Bookkeeping);
                bookkeeping::create(session.tx(), self.engine, &self.table).await?;
                session.history.has_bookkeeping = true;
            }
            self.step(session, *migration, direction, &permit).await?;
            let mut note = Note::new(event, migration.name()).took(began.elapsed());
            if direction == Direction::Up {
                note.fingerprint = Some(self.fingerprint(*migration).await?);
            }
            unrecorded.push(note);
            done.push(migration.name().to_owned());
            let later = &migrations[at + 1..];
            if runs_outside(*migration)
                || self.adds_values_for(later, *migration, direction).await?
            {
                self.record(session, &mut unrecorded).await?;
                if !later.is_empty() {
                    self.keep_record(session).await?;
                }
            }
        }
        if records == Records::Kept {
            self.record(session, &mut unrecorded).await?;
        }
        self.note_thinned(session).await?;
        Ok(permit)
    }

    /// Sample rows that lose a column by a migration still count as unedited.
    async fn note_thinned(&self, session: &mut Session) -> Result<()> {
        if session.thinned.is_empty() {
            return Ok(());
        }
        let live = crate::schema::read(session.tx(), self.engine, "").await?;
        let tables: Vec<&crate::schema::Table> =
            session.thinned.iter().filter_map(|name| live.tables.get(name)).collect();
        let texts =
            self.samples().noted_again(session.tx(), session.history.entries(), &tables).await?;
        let notes: Vec<Note<'_>> =
            texts.iter().map(|(table, text)| Note::seeded(table, text)).collect();
        if !notes.is_empty() {
            self.note(session, &notes).await?;
        }
        Ok(())
    }

    /// Marks the lines that a rehearsal logs.
    fn said_before(&self) -> &'static str {
        if self.observer.is_some() { "rehearsing: " } else { "" }
    }

    /// Commits the record of what ran outside of a transaction, or what the next migration needs committed: that stays
    /// done, whatever fails later.
    async fn keep_record(&self, session: &mut Session) -> Result<()> {
        if self.observer.is_some() {
            return Ok(());
        }
        session.leave(self.patience.lock_timeout).await?;
        session.enter().await
    }

    /// Runs one half of a migration, either of which may drop something: in the session's transaction,
    /// or between two of them.
    async fn step(
        &self,
        session: &mut Session,
        migration: &dyn MigrationTrait,
        direction: Direction,
        _permit: &Destructive,
    ) -> Result<()> {
        let what = match direction {
            Direction::Up => Phase::Up(migration.name().to_owned()),
            Direction::Down => Phase::Down(migration.name().to_owned()),
        };
        if !runs_outside(migration) {
            let _watch = self.watch(what);
            let manager = SchemaManager::new(session.tx());
            return match half(migration, &manager, direction).await {
                Ok(()) => Ok(()),
                Err(source) => Err(self.failure(session, migration, direction, source).await),
            };
        }
        let resumed = session.history.half_done(migration.name()).is_some();
        if !resumed && direction == Direction::Up {
            self.check_no_index_in_the_way(session, migration).await?;
        }
        let event = match direction {
            Direction::Up => Event::Applying,
            Direction::Down => Event::RollingBack,
        };
        self.note(session, &[Note::new(event, migration.name())]).await?;
        let sent = self.recorded(migration, direction).await?;
        if let Some(observer) = &self.observer {
            observer.skip(&what, sent.texts());
            return Ok(());
        }
        self.note_thinned(session).await?;
        // No session waits behind what is done concurrently; and it waits for every older transaction.
        let is_concurrent = |it: &Sent| it.sql.to_uppercase().contains(" CONCURRENTLY ");
        let limit = if sent.iter().all(is_concurrent) {
            Duration::ZERO
        } else {
            self.patience.lock_timeout
        };
        session.leave(limit).await?;
        tracing::info!("running {} outside of a transaction", migration.name());
        if resumed && direction == Direction::Up {
            self.drop_own_indexes(session, migration).await?;
        }
        let manager = SchemaManager::new(session.connection());
        if let Err(source) = half(migration, &manager, direction).await {
            return Err(self.failure(session, migration, direction, source).await);
        }
        session.enter().await?;
        Ok(())
    }
}

/// What becomes of the bookkeeping once migrations are rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Records {
    /// It stays.
    Kept,
    /// It is dropped in the same transaction, so that nothing need be written into it.
    Dropped,
}

/// How many migrations are recorded by one statement, which has some parameters for each.
const RECORDS: usize = 500;

impl Runner<'_> {
    /// Records what was applied or rolled back, in the bookkeeping and in the journal: in one statement
    /// each, since a transaction keeps all of it or nothing.
    async fn record(&self, session: &mut Session, done: &mut Vec<Note<'_>>) -> Result<()> {
        for notes in done.chunks(RECORDS) {
            let watch = self.watch(Phase::Bookkeeping);
            let of = |event: Event| -> Vec<&str> {
                notes.iter().filter(|note| note.event == event).map(|note| note.name).collect()
            };
            let (applied, rolled_back) = (of(Event::Applied), of(Event::RolledBack));
            let at = bookkeeping::insert(session.tx(), &self.table, &applied).await?;
            bookkeeping::delete(session.tx(), &self.table, &rolled_back).await?;
            drop(watch);
            let recorded = &mut session.history.recorded;
            recorded.retain(|name, _| !rolled_back.contains(&name.as_str()));
            recorded.extend(applied.into_iter().map(|name| (name.to_owned(), at)));
            let mut notes = notes.to_vec();
            if journal::names_transactions(self.engine) {
                notes.push(Note::new(Event::Within, ""));
            }
            self.note(session, &notes).await?;
        }
        done.clear();
        Ok(())
    }

    pub(super) async fn drop_tables(
        &self,
        tx: &DatabaseTransaction,
        tables: &[String],
        _permit: &Destructive,
    ) -> Result<()> {
        let _watch = self.watch(Phase::Drop);
        for table in tables {
            tracing::info!("dropping {table}");
        }
        drop_all(tx, self.engine, tables).await
    }

    /// Drops the bookkeeping and the journal.
    pub(super) async fn drop_bookkeeping(
        &self,
        session: &mut Session,
        _permit: &Destructive,
    ) -> Result<()> {
        let mut tables = self.bookkeeping_tables().to_vec();
        if !(session.history.has_bookkeeping && session.history.has_journal) {
            let existing = bookkeeping::relations(session.tx(), self.engine).await?;
            tables.retain(|table| existing.iter().any(|relation| relation.name == *table));
        }
        let _watch = self.watch(Phase::Bookkeeping);
        drop_all(session.tx(), self.engine, &tables).await?;
        session.history = History::default();
        Ok(())
    }

    pub(super) fn bookkeeping_tables(&self) -> [String; 2] {
        [self.table.clone(), journal::table_beside(&self.table)]
    }

    async fn failure(
        &self,
        session: &Session,
        migration: &dyn MigrationTrait,
        direction: Direction,
        source: DbErr,
    ) -> Error {
        let failed = self.failed_statement.lock().unwrap_or_else(PoisonError::into_inner).take();
        // SeaORM does not tell of what is sent unprepared; but where there is only one statement, it
        // is that, and PostgreSQL knows which one was last.
        let statement = match (failed, self.recorded(migration, direction).await) {
            (Some(failed), _) => Some(failed),
            (None, Ok(sent)) if sent.len() == 1 => sent.first().map(|it| it.sql.clone()),
            (None, _) => match session.blockers().filter(|_| sqlstate(&source).is_some()) {
                Some(server) => server.last_statement().await,
                None => None,
            },
        };
        Error::Migration {
            name: migration.name().to_owned(),
            direction,
            statement,
            source,
            left: match (runs_outside(migration), session.is_divided()) {
                (true, _) => Left::HalfDone,
                (false, true) => Left::PartlyCommitted,
                (false, false) => Left::Nothing,
            },
        }
    }
}

/// Drops tables: by one statement where the engine is known to take several tables in one.
async fn drop_all(tx: &DatabaseTransaction, engine: Engine, tables: &[String]) -> Result<()> {
    let at_once = if matches!(engine, Engine::Postgres | Engine::Citus) { tables.len() } else { 1 };
    for some in tables.chunks(at_once.max(1)) {
        let names: Vec<String> = some.iter().map(|table| quoted_table(table)).collect();
        tx.execute_unprepared(&format!("DROP TABLE {}", names.join(", "))).await?;
    }
    Ok(())
}

async fn half(
    migration: &dyn MigrationTrait,
    manager: &SchemaManager<'_>,
    direction: Direction,
) -> Result<(), DbErr> {
    match direction {
        Direction::Up => migration.up(manager).await,
        Direction::Down => migration.down(manager).await,
    }
}
