//! Which migrations a command is about, and what keeps it from running them.

use sea_orm_migration::MigrationTrait;

use super::{
    Command, Down, Runner, Up,
    journal::{Event, History},
    state::accepted,
};
use crate::{
    error::{Error, List, Result},
    refusal::Refusal,
};

impl Runner<'_> {
    /// Fails unless this program has every migration that was applied.
    pub(super) fn check_known(&self, history: &History) -> Result<()> {
        let mut missing = self.unknown(history);
        missing.retain(|name| accepted(history, name).is_none());
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::plain("migration-unknown", format!(
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
        Err(Refusal::plain("migration-half-done", format!(
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
        Err(Refusal::plain("migration-edited", format!(
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
            return Err(Refusal::plain("migration-out-of-order", format!(
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
                        Refusal::plain(
                            "migration-not-applied",
                            format!("{name} is not applied; nothing was changed"),
                        )
                    })?;
                place + 1
            }
        };
        let limit = down.steps.map_or(usize::MAX, |steps| steps as usize);
        let names = applied[stays..].iter().rev().take(limit);
        let to_roll_back = names.map(|name| {
            self.known(name).ok_or_else(|| {
                Error::from(Refusal::plain("migration-unknown", format!(
                    "{name} cannot be rolled back, since this program does not have it: run the \
                     version of the program that has it; nothing was changed"
                )))
            })
        });
        to_roll_back.collect()
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
        [] => Err(Error::config(
            "no-such-migration",
            format!("no migration is named `{text}`, nor like it"),
        )),
        _ => {
            let names: Vec<String> =
                matching.iter().map(|place| names[*place].to_owned()).collect();
            let names = List(&names);
            Err(Error::config(
                "migration-ambiguous",
                format!("several migrations have `{text}` in their names: {names}"),
            ))
        }
    }
}
