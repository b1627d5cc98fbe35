//! What migrations outside of a transaction need.

use sea_orm::ConnectionTrait as _;
use sea_orm_migration::MigrationTrait;
use tenantry_entity::Engine;

use super::{Direction, Runner, bookkeeping, recorder::runs_outside, session::Session};
use crate::{
    error::{Error, List, Result},
    refusal::Refusal,
    sql::quoted_table,
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
        for (name, optional) in self.effect(sent.iter()).indexes {
            let Some((_, valid)) = existing.iter().find(|(it, _)| *it == name) else { continue };
            // It was not there when the migration began, unless the migration says IF NOT EXISTS.
            if *valid && optional {
                continue;
            }
            tracing::warn!("dropping the index {name}, which was being made, to build it again");
            let sql = match self.engine {
                Engine::Postgres | Engine::Citus => {
                    format!("DROP INDEX CONCURRENTLY {}", quoted_table(&name))
                }
                _ => format!("DROP INDEX {}", quoted_table(&name)),
            };
            session.connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    /// Whether a migration adds values to an enum type that one of those after it uses: PostgreSQL lets no statement
    /// use them before they are committed.
    /// <https://www.postgresql.org/docs/15/sql-altertype.html#SQL-ALTERTYPE-NOTES>
    pub(super) async fn adds_values_for(
        &self,
        later: &[&dyn MigrationTrait],
        migration: &dyn MigrationTrait,
        direction: Direction,
    ) -> Result<bool> {
        if later.is_empty() || self.engine == Engine::Sqlite {
            return Ok(false);
        }
        let sent = self.recorded(migration, direction).await?;
        let values: Vec<&str> = sent.iter().filter_map(|sent| added_value(&sent.sql)).collect();
        if values.is_empty() {
            return Ok(false);
        }
        for other in later {
            let sent = self.recorded(*other, direction).await?;
            if sent.iter().any(|sent| values.iter().any(|value| sent.sql.contains(value))) {
                return Ok(true);
            }
        }
        Ok(false)
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
        let made = self.effect(sent.iter()).indexes.into_iter().filter(|(_, optional)| !optional);
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
        let effect = self.effect(sent.iter());
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

/// The value, in its quotes, that a statement adds to an enum type.
fn added_value(sql: &str) -> Option<&str> {
    let (_, value) = sql.strip_prefix("ALTER TYPE ")?.split_once(" ADD VALUE ")?;
    let value = value.strip_prefix("IF NOT EXISTS ").unwrap_or(value);
    let end = value.rfind(" BEFORE '").or_else(|| value.rfind(" AFTER '")).unwrap_or(value.len());
    Some(&value[..end])
}

#[cfg(test)]
mod tests {
    use super::added_value;

    #[test]
    fn added_values_are_read() {
        let cases = [
            (r#"ALTER TYPE "mood" ADD VALUE 'new'"#, Some("'new'")),
            (r#"ALTER TYPE "mood" ADD VALUE 'it''s' BEFORE 'ok'"#, Some("'it''s'")),
            ("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'a' AFTER 'b'", Some("'a'")),
            (r#"ALTER TYPE "mood" RENAME TO "m""#, None),
        ];
        for (sql, value) in cases {
            assert_eq!(added_value(sql), value, "{sql}");
        }
    }
}
