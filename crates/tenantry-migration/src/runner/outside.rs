//! What migrations outside of a transaction need.

use sea_orm::ConnectionTrait as _;
use sea_orm_migration::MigrationTrait;
use tenantry_entity::Engine;

use super::{
    Direction, Runner, bookkeeping, effect::Effect, recorder::runs_outside, session::Session,
};
use crate::{
    db::quoted,
    error::{Error, List, Result},
    refusal::Refusal,
};

impl Runner<'_> {
    /// Drops the indexes that a migration has made before it was interrupted: an interrupted CREATE
    /// INDEX CONCURRENTLY leaves one that no query uses, but that every write maintains, and in
    /// whose place IF NOT EXISTS makes none.
    /// <https://www.postgresql.org/docs/15/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY>
    pub(super) async fn drop_own_indexes(
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
            tracing::warn!("dropping the index {name}, which was being made, to build it again");
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
    /// done, it could not be told whose index it is.
    pub(super) async fn check_no_index_in_the_way(
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
        Err(Error::unusable(
            "index-exists",
            format!(
                "{} would make {}, which is there already, but is not recorded as applied: drop or \
             rename what is there",
                migration.name(),
                List(&in_the_way)
            ),
        ))
    }

    /// Fails where a migration asks for what cannot be done outside of a transaction.
    pub(super) async fn check_outside(
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
            return Err(Error::config(
                "needs-own-transaction",
                format!(
                    "{name} asks to run outside a transaction, and was called inside one; nothing was \
                 changed"
                ),
            ));
        }
        let sent = self.recorded(migration, direction).await?;
        let effect = Effect::of(sent.iter());
        if !effect.drops.is_empty() || !effect.thins.is_empty() {
            return Err(Refusal::plain("destroys-outside-transaction", format!(
                "{name} asks to run outside a transaction and drops tables or rows, which nothing \
                 could guard there: let it run in one"
            ))
            .into());
        }
        Ok(())
    }
}
