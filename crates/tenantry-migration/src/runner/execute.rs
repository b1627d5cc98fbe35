//! Applying and rolling back, inside a session.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use sea_orm_migration::{MigrationTrait, SchemaManager};
use tenantry_entity::Engine;

use super::{
    Destructive, Direction, Outcome, Runner,
    bookkeeping::{self, Relation},
    effect::Effect,
    guard,
    journal::{self, Event, History, Note},
    recorder::{Recording, Sent, runs_outside},
    session::Session,
};
use crate::{
    backup::Backup,
    db::quoted,
    error::{Error, Left, List, Result, sqlstate},
    observer::Phase,
    refusal::Refusal,
    schema::{Distribution, tenancy},
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
        self.check_nothing_in_the_way(session.tx(), &fresh).await?;
        self.check_distributed(session.tx()).await?;
        let applied = self.in_order(&session.history);
        self.check_accepted(&applied, pending, Direction::Up).await?;
        let mut permit = match permit {
            Some(permit) => permit,
            None => self.permit_losses(session, pending).await?,
        };
        for (done, migration) in pending.iter().enumerate() {
            if session.permits_are_void() {
                // The locks under which it was given are gone.
                permit = self.permit_losses(session, &pending[done..]).await?;
                session.renew_permits();
            }
            self.check_outside(session, *migration, Direction::Up).await?;
            tracing::info!("{}applying {}", self.said_before(), migration.name());
            let began = Instant::now();
            if !session.history.has_bookkeeping {
                let _bookkeeping = self.watch(Phase::Bookkeeping);
                bookkeeping::create(session.tx(), self.engine, &self.table).await?;
                session.history.has_bookkeeping = true;
            }
            self.step(session, *migration, Direction::Up, &permit).await?;
            let fingerprint = self.fingerprint(*migration).await?;
            self.record_applied(session, migration.name(), Some(fingerprint), began.elapsed())
                .await?;
            outcome.applied.push(migration.name().to_owned());
            if runs_outside(*migration) && done + 1 < pending.len() {
                self.keep_record(session).await?;
            }
        }
        self.note_thinned(session).await
    }

    /// Rolls these migrations back, after the guard has let it pass; gives its permit, if there was
    /// anything to ask it. It is for what is applied again, too.
    pub(super) async fn roll_back(
        &self,
        session: &mut Session,
        to_roll_back: &[&dyn MigrationTrait],
        applied_again: &[&dyn MigrationTrait],
        outcome: &mut Outcome,
    ) -> Result<Option<Destructive>> {
        if to_roll_back.is_empty() {
            tracing::info!("no migration to roll back");
            return Ok(None);
        }
        let permit = self.permit_rolling_back(session, to_roll_back, applied_again).await?;
        Ok(Some(self.run_downs(session, to_roll_back, outcome, permit).await?))
    }

    async fn permit_rolling_back(
        &self,
        session: &mut Session,
        to_roll_back: &[&dyn MigrationTrait],
        applied_again: &[&dyn MigrationTrait],
    ) -> Result<Destructive> {
        let (mut recordings, mut steps) = (Vec::new(), Vec::new());
        self.record_all(to_roll_back, Direction::Down, &mut recordings, &mut steps).await?;
        self.record_all(applied_again, Direction::Up, &mut recordings, &mut steps).await?;
        let mut effect = Effect::of(recordings.iter().flat_map(|it| it.iter()));
        effect.unknown.extend(effect.dangerous.clone());
        let existing = bookkeeping::relations(session.tx(), self.engine).await?;
        let gone: Vec<String> = effect
            .drops
            .iter()
            .filter(|name| !existing.iter().any(|it| it.name.eq_ignore_ascii_case(name)))
            .cloned()
            .collect();
        if !gone.is_empty() {
            return Err(Error::Unusable(format!(
                "cannot roll back: {} should be there and is not, so somebody dropped it by hand; \
                 `fresh` makes everything anew; nothing was changed",
                List(&gone)
            )));
        }
        let applied = self.in_order(&session.history);
        self.check_accepted(&applied, to_roll_back, Direction::Down).await?;
        let bookkeeping_too = to_roll_back.len() >= session.history.recorded.len();
        Ok(self.guard(session, guard::Asked { effect, steps, bookkeeping_too }).await?.permit)
    }

    async fn run_downs(
        &self,
        session: &mut Session,
        to_roll_back: &[&dyn MigrationTrait],
        outcome: &mut Outcome,
        mut permit: Destructive,
    ) -> Result<Destructive> {
        for (done, migration) in to_roll_back.iter().enumerate() {
            if session.permits_are_void() {
                // The locks under which it was given are gone.
                permit = self.permit_rolling_back(session, &to_roll_back[done..], &[]).await?;
                session.renew_permits();
            }
            self.check_outside(session, *migration, Direction::Down).await?;
            tracing::info!("{}rolling back {}", self.said_before(), migration.name());
            let began = Instant::now();
            self.step(session, *migration, Direction::Down, &permit).await?;
            let name = migration.name();
            let bookkeeping = self.watch(Phase::Bookkeeping);
            bookkeeping::delete(session.tx(), &self.table, name).await?;
            drop(bookkeeping);
            session.history.recorded.retain(|(recorded, _)| recorded != name);
            let mut note = Note::new(Event::RolledBack, name);
            note.duration = i64::try_from(began.elapsed().as_millis()).ok();
            self.note(session, &[note]).await?;
            outcome.rolled_back.push(name.to_owned());
            if runs_outside(*migration) && done + 1 < to_roll_back.len() {
                self.keep_record(session).await?;
            }
        }
        self.note_thinned(session).await?;
        Ok(permit)
    }

    /// Sample rows that lose a column by a migration are edited by nobody.
    async fn note_thinned(&self, session: &mut Session) -> Result<()> {
        if session.thinned.is_empty() {
            return Ok(());
        }
        let live = crate::schema::read(session.tx(), self.engine, "").await?;
        let tables: Vec<&crate::schema::Table> =
            session.thinned.iter().filter_map(|name| live.tables.get(name)).collect();
        let anew =
            self.samples().noted_anew(session.tx(), &session.history.entries, &tables).await?;
        let notes: Vec<Note<'_>> =
            anew.iter().map(|(table, text)| Note::seeded(table, text)).collect();
        if !notes.is_empty() {
            self.note(session, &notes).await?;
        }
        Ok(())
    }

    /// Nobody should take a rehearsal for the real thing.
    fn said_before(&self) -> &'static str {
        if self.observer.is_some() { "rehearsing: " } else { "" }
    }

    /// What was done outside of a transaction stays done whatever comes after it, and so has its
    /// record to.
    async fn keep_record(&self, session: &mut Session) -> Result<()> {
        if self.observer.is_some() {
            return Ok(());
        }
        session.leave(self.patience.lock_timeout).await?;
        session.enter().await
    }

    /// Runs one half of a migration, either of which may drop something: in the session's transaction, or between two of them.
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
        // Nobody waits behind what is done concurrently; and it waits for every older transaction.
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

    /// Drops the indexes that a migration has made before it was interrupted: an interrupted CREATE
    /// INDEX CONCURRENTLY leaves one that no query uses, but that every write maintains, and in
    /// whose place IF NOT EXISTS makes none.
    /// <https://www.postgresql.org/docs/15/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY>
    async fn drop_own_indexes(
        &self,
        session: &Session,
        migration: &dyn MigrationTrait,
    ) -> Result<()> {
        let sent = self.recorded(migration, Direction::Up).await?;
        let existing = bookkeeping::indexes(session.connection(), self.engine).await?;
        for (name, optional) in Effect::of(sent.iter()).indexes {
            let Some((_, valid)) = existing.iter().find(|(it, _)| *it == name) else { continue };
            // It was not there when the migration began, unless the migration says IF NOT EXISTS.
            if *valid && optional {
                continue;
            }
            tracing::warn!("dropping the index {name}, which was being made, to make it anew");
            let sql = match self.engine {
                Engine::Postgres | Engine::Citus => {
                    format!("DROP INDEX CONCURRENTLY {}", quoted(&name))
                }
                _ => format!("DROP INDEX {}", quoted(&name)),
            };
            session.connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    /// Fails if an index is there that a migration makes outside of a transaction: once that is half
    /// done, nobody could tell whose index it is.
    async fn check_no_index_in_the_way(
        &self,
        session: &Session,
        migration: &dyn MigrationTrait,
    ) -> Result<()> {
        let sent = self.recorded(migration, Direction::Up).await?;
        let existing = bookkeeping::indexes(session.tx(), self.engine).await?;
        let made = Effect::of(sent.iter()).indexes.into_iter().filter(|(_, optional)| !optional);
        let in_the_way: Vec<String> = made
            .map(|(name, _)| name)
            .filter(|name| existing.iter().any(|(it, _)| it == name))
            .collect();
        if in_the_way.is_empty() {
            return Ok(());
        }
        Err(Error::Unusable(format!(
            "{} would make {}, which is there already, but is not recorded as applied: drop or \
             rename what is there",
            migration.name(),
            List(&in_the_way)
        )))
    }

    /// Fails where a migration asks for what cannot be done outside of a transaction.
    async fn check_outside(
        &self,
        session: &Session,
        migration: &dyn MigrationTrait,
        direction: Direction,
    ) -> Result<()> {
        if !runs_outside(migration) {
            return Ok(());
        }
        let name = migration.name();
        if !session.can_be_divided() && self.observer.is_none() {
            return Err(Error::Config(format!(
                "{name} asks to run outside a transaction, and was called inside one; nothing was \
                 changed"
            )));
        }
        let sent = self.recorded(migration, direction).await?;
        let effect = Effect::of(sent.iter());
        if !effect.drops.is_empty() || !effect.thins.is_empty() {
            return Err(Refusal::plain(format!(
                "{name} asks to run outside a transaction and drops tables or rows, which nothing \
                 could guard there: let it run in one"
            ))
            .into());
        }
        Ok(())
    }

    /// Records a migration as applied, in the bookkeeping and in the journal.
    pub(super) async fn record_applied(
        &self,
        session: &mut Session,
        name: &str,
        fingerprint: Option<String>,
        took: Duration,
    ) -> Result<()> {
        let bookkeeping = self.watch(Phase::Bookkeeping);
        let at = bookkeeping::insert(session.tx(), &self.table, name).await?;
        drop(bookkeeping);
        session.history.recorded.push((name.to_owned(), at));
        let mut note = Note::new(Event::Applied, name);
        note.fingerprint = fingerprint;
        note.duration = i64::try_from(took.as_millis()).ok();
        self.note(session, &[note]).await
    }

    /// Fails on Citus if the tables that are there already are on one node: what is made now would have to
    /// be beside them.
    async fn check_distributed(&self, tx: &DatabaseTransaction) -> Result<()> {
        if !self.engine.capability().distributes_tables {
            return Ok(());
        }
        let live = crate::schema::read(tx, self.engine, "").await?;
        let root = live.tables.get(tenancy::ROOT);
        match root.filter(|root| !matches!(root.distribution, Some(Distribution::By(_)))) {
            None => Ok(()),
            Some(root) => Err(Refusal::plain(format!(
                "{} was made while this was one server: run `migration distribute` first; nothing was \
                 changed",
                root.name
            ))
            .into()),
        }
    }

    /// Fails if something has the name of a table that `pending` would create.
    async fn check_nothing_in_the_way(
        &self,
        tx: &DatabaseTransaction,
        pending: &[&dyn MigrationTrait],
    ) -> Result<()> {
        let existing = bookkeeping::relations(tx, self.engine).await?;
        let mut recordings = Vec::new();
        for migration in pending {
            recordings.push(self.recorded(*migration, Direction::Up).await?);
        }
        let in_the_way: Vec<&Relation> = Effect::of(recordings.iter().flat_map(|it| it.iter()))
            .created
            .iter()
            .filter_map(|name| existing.iter().find(|relation| relation.name == *name))
            .collect();
        if in_the_way.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = in_the_way.iter().map(|relation| relation.name.clone()).collect();
        let (verb, them) = if names.len() == 1 { ("exists", "it") } else { ("exist", "them") };
        // `baseline` takes over tables, and `fresh` drops nothing else.
        let (adopt, fresh) = if in_the_way.iter().all(|relation| relation.is_table) {
            (
                "record what is there with `baseline`, if it is what the migrations make, or ",
                format!(", or drop {them} with `fresh`"),
            )
        } else {
            ("", String::new())
        };
        Err(Error::Unusable(format!(
            "{} {verb} already, but no migration that makes {them} is recorded as applied: {adopt}use an \
             empty database or schema, or rename what is in the way{fresh}; nothing was changed",
            List(&names)
        )))
    }

    /// Fails if a table that the migrations make is there.
    pub(super) async fn prove_nothing_left(&self, tx: &DatabaseTransaction) -> Result<()> {
        let live = crate::schema::read(tx, self.engine, &self.application_role).await?;
        let owned = self.owned_tables().await?;
        let left: Vec<String> =
            live.tables.into_keys().filter(|name| owned.contains(name)).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Error::Unusable(format!(
            "after rolling back everything {} would be left: it was made by no migration that is \
             recorded as applied; `fresh` drops it too; nothing was changed",
            List(&left)
        )))
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
            tx.execute_unprepared(&format!("DROP TABLE {}", quoted(table))).await?;
        }
        Ok(())
    }

    /// Drops the bookkeeping and the journal.
    pub(super) async fn drop_bookkeeping(
        &self,
        session: &mut Session,
        _permit: &Destructive,
    ) -> Result<()> {
        let existing = bookkeeping::relations(session.tx(), self.engine).await?;
        let _watch = self.watch(Phase::Bookkeeping);
        for table in self.bookkeeping_tables() {
            if existing.iter().any(|relation| relation.name == table) {
                let sql = format!("DROP TABLE {}", quoted(&table));
                session.tx().execute_unprepared(&sql).await?;
            }
        }
        session.history = History::default();
        Ok(())
    }

    fn bookkeeping_tables(&self) -> [String; 2] {
        [self.table.clone(), journal::table_beside(&self.table)]
    }

    /// Asks the guard about what applying these would lose, if anything.
    async fn permit_losses(
        &self,
        session: &mut Session,
        pending: &[&dyn MigrationTrait],
    ) -> Result<Destructive> {
        let (mut recordings, mut steps) = (Vec::new(), Vec::new());
        self.record_all(pending, Direction::Up, &mut recordings, &mut steps).await?;
        let mut effect = Effect::of(recordings.iter().flat_map(|it| it.iter()));
        // What cannot be told is no reason to stop what is going forward, unless it takes away.
        effect.unknown.clone_from(&effect.dangerous);
        let asked = guard::Asked { effect, steps, bookkeeping_too: false };
        Ok(self.guard(session, asked).await?.permit)
    }

    /// Records these halves, and what makes them out: names and content.
    async fn record_all(
        &self,
        migrations: &[&dyn MigrationTrait],
        direction: Direction,
        recordings: &mut Vec<Arc<Recording>>,
        steps: &mut Vec<String>,
    ) -> Result<()> {
        for migration in migrations {
            let sent = self.recorded(*migration, direction).await?;
            steps.push(format!("{} {} {}", migration.name(), direction.name(), sent.sha256()));
            recordings.push(sent);
        }
        Ok(())
    }

    /// Asks the guard, and cuts off what hangs on the tables that go.
    pub(super) async fn guard(
        &self,
        session: &mut Session,
        asked: guard::Asked,
    ) -> Result<guard::Permitted> {
        let guard::Asked { effect, steps, bookkeeping_too } = asked;
        let mut unknown = effect.unknown.clone();
        let mut made = Vec::new();
        if effect.loses_something() || bookkeeping_too || !unknown.is_empty() {
            for name in self.in_order(&session.history) {
                let Some(migration) = self.known(&name) else {
                    unknown.push(format!("what {name} did, which this program does not know"));
                    continue;
                };
                let engine = guard::replayed_on(self.engine);
                match self.recordings.of(migration, engine, Direction::Up).await {
                    Ok(sent) => made.extend(sent.texts()),
                    // It may be for one engine only.
                    Err(_) if engine != self.engine => {
                        unknown.push(format!("what {name} did, which cannot be replayed"));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let uncounted =
            if bookkeeping_too { self.bookkeeping_tables().to_vec() } else { Vec::new() };
        let permitted = guard::check(
            session.tx(),
            &guard::Request {
                engine: self.engine,
                samples: &self.samples(),
                effect: &effect,
                command: session.command,
                steps: &steps,
                history: &session.history,
                uncounted: &uncounted,
                unknown: &unknown,
                made_by: &made,
                consent: match &session.consented {
                    Some(consented) => guard::Consent::Earlier(consented),
                    // A second time, nobody has been asked about what came in between.
                    None if session.is_divided() => guard::Consent::None,
                    None => {
                        self.consent.as_deref().map_or(guard::Consent::None, guard::Consent::Hash)
                    }
                },
                divided: session.is_divided(),
                production: self.is_production(&session.history),
                observer: self.observer.as_deref(),
            },
        )
        .await?;
        session.thinned.extend(permitted.thinned.iter().cloned());
        if session.consented.is_none() {
            session.consented.clone_from(&permitted.by_consent);
        }
        if let Some(path) = self.backup.as_ref().filter(|_| !permitted.losing.is_empty()) {
            self.back_up(session, path, &permitted).await?;
        }
        let _watch = self.watch(Phase::Drop);
        for sql in &permitted.cuts {
            session.tx().execute_unprepared(sql).await?;
        }
        Ok(permitted)
    }

    /// Writes what is about to be lost to a file, which gets its name when all is done.
    async fn back_up(
        &self,
        session: &mut Session,
        path: &Path,
        permitted: &guard::Permitted,
    ) -> Result<()> {
        if self.observer.is_some() {
            return Ok(());
        }
        let (command, by_hand) = (session.command, &permitted.by_hand);
        let mut backup = if let Some(backup) = session.backup.take() {
            backup
        } else {
            // What is lost after a divided call went on is in files of their own.
            let path = if session.backups > 0 { further(path) } else { path.to_owned() };
            Backup::begin(&path, self.engine, command, by_hand)?
        };
        for losing in &permitted.losing {
            backup.table(session.tx(), self.engine, losing).await?;
        }
        session.backup = Some(backup);
        Ok(())
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

/// The first name for a further file beside a backup that nobody has taken.
fn further(path: &Path) -> PathBuf {
    let mut number = 2;
    loop {
        let named = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{number}{end}"));
            PathBuf::from(name)
        };
        if !named("").exists() && !named(".partial").exists() {
            return named("");
        }
        number += 1;
    }
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
