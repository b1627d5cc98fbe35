//! The permission without which nothing is dropped or deleted, and how the guard is asked for it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sea_orm::ConnectionTrait as _;
use sea_orm_migration::MigrationTrait;

use super::{Direction, Runner, bookkeeping, guard, recorder::Recording, session::Session};
use crate::{
    backup::Backup,
    error::{Error, List, Result},
    observer::Phase,
};

/// The permission to drop or delete. Only the guard makes one, after it has locked and counted, so
/// a function that asks for it cannot be reached around the guard.
#[derive(Debug)]
pub struct Destructive(());

impl Destructive {
    /// For what has been looked at in [`super::guard`] or [`super::samples`], and nowhere else.
    pub(super) fn granted() -> Self {
        Self(())
    }
}

impl Runner<'_> {
    pub(super) async fn permit_rolling_back(
        &self,
        session: &mut Session,
        to_roll_back: &[&dyn MigrationTrait],
        applied_again: &[&dyn MigrationTrait],
    ) -> Result<Destructive> {
        let (mut recordings, mut steps) = (Vec::new(), Vec::new());
        self.record_all(to_roll_back, Direction::Down, &mut recordings, &mut steps).await?;
        self.record_all(applied_again, Direction::Up, &mut recordings, &mut steps).await?;
        let mut effect = self.effect(recordings.iter().flat_map(|it| it.iter()));
        effect.unknown.extend(effect.dangerous.clone());
        let existing = bookkeeping::relations(session.tx(), self.engine).await?;
        let gone: Vec<String> = effect
            .drops
            .iter()
            .filter(|name| !existing.iter().any(|it| it.name.eq_ignore_ascii_case(name)))
            .cloned()
            .collect();
        if !gone.is_empty() {
            return Err(Error::unusable(
                "table-gone",
                format!(
                    "cannot roll back: {} should be there and is not, so it was dropped by hand; \
                 `fresh` recreates everything; nothing was changed",
                    List(&gone)
                ),
            ));
        }
        let applied = self.in_order(&session.history);
        self.check_accepted(&applied, to_roll_back, Direction::Down).await?;
        let bookkeeping_too = to_roll_back.len() >= session.history.recorded.len();
        Ok(self.guard(session, guard::Asked { effect, steps, bookkeeping_too }).await?.permit)
    }

    /// Asks the guard about what applying these would lose, if anything.
    pub(super) async fn permit_losses(
        &self,
        session: &mut Session,
        pending: &[&dyn MigrationTrait],
    ) -> Result<Destructive> {
        let (mut recordings, mut steps) = (Vec::new(), Vec::new());
        self.record_all(pending, Direction::Up, &mut recordings, &mut steps).await?;
        let mut effect = self.effect(recordings.iter().flat_map(|it| it.iter()));
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
                    // The first consent does not cover what came in between.
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
}

/// The first name for a further file beside a backup that is free.
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
