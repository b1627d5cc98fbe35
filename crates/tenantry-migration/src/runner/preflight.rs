//! What is checked before and after tables are made or dropped.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Statement};
use sea_orm_migration::MigrationTrait;

use super::{Direction, Runner, bookkeeping, bookkeeping::Relation, session::Session};
use crate::{
    cli::counted,
    db::quoted,
    error::{Error, List, Result},
    ops::v1::VALUE_NEEDED,
    refusal::Refusal,
    schema::Distribution,
    sql::quoted_table,
};

impl Runner<'_> {
    /// Fails on Citus if the tables that are there already are on one node: what is made now would have to
    /// be beside them.
    pub(super) async fn check_distributed(&self, tx: &DatabaseTransaction) -> Result<()> {
        if !self.engine.capability().distributes_tables {
            return Ok(());
        }
        let live = crate::schema::read(tx, self.engine, "").await?;
        let root = live.tables.get(self.tenancy.root);
        match root.filter(|root| !matches!(root.distribution, Some(Distribution::By(_)))) {
            None => Ok(()),
            Some(root) => Err(Refusal::plain("not-distributed", format!(
                "{} was made while this was one server: run `migration distribute` first; nothing was \
                 changed",
                root.name
            ))
            .into()),
        }
    }

    /// Fails if something has the name of a table that `pending` would create.
    pub(super) async fn check_nothing_in_the_way(
        &self,
        session: &Session,
        pending: &[&dyn MigrationTrait],
    ) -> Result<()> {
        let existing = bookkeeping::relations(session.tx(), self.engine).await?;
        let mut recordings = Vec::new();
        for migration in pending {
            recordings.push(self.recorded(*migration, Direction::Up).await?);
        }
        let in_the_way: Vec<&Relation> = self
            .effect(recordings.iter().flat_map(|it| it.iter()))
            .taken
            .iter()
            .filter_map(|name| existing.iter().find(|relation| relation.name == *name))
            .collect();
        if in_the_way.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = in_the_way.iter().map(|relation| relation.name.clone()).collect();
        let (verb, them) = if names.len() == 1 { ("exists", "it") } else { ("exist", "them") };
        // `baseline` takes over tables, and `fresh` drops nothing else. Where the journal knows of no migration, they
        // are another program's.
        let are_tables = in_the_way.iter().all(|relation| relation.is_table);
        let adopt = if are_tables {
            "record what is there with `baseline`, if it is what the migrations make, or "
        } else {
            ""
        };
        let was_here = pending.iter().any(|it| session.history.was_here(it.name()));
        let fresh = if are_tables && was_here {
            format!(", or drop {them} with `fresh`")
        } else {
            String::new()
        };
        Err(Error::unusable(
            "table-exists",
            format!(
                "{} {verb} already, but no migration that makes {them} is recorded as applied: {adopt}use an \
             empty database or schema, or rename what is in the way{fresh}; nothing was changed",
                List(&names)
            ),
        ))
    }

    /// Fails if rows would need a value that the file of a migration does not give, before anything is done.
    pub(super) async fn check_values_given(
        &self,
        tx: &DatabaseTransaction,
        migrations: &[&dyn MigrationTrait],
        direction: Direction,
    ) -> Result<()> {
        let mut recordings = Vec::new();
        for migration in migrations {
            let recording = self.recorded(*migration, direction).await?;
            let asks = recording.iter().any(|sent| sent.sql.contains(VALUE_NEEDED));
            recordings.push(recording);
            if !asks {
                continue;
            }
            let relations = bookkeeping::relations(tx, self.engine).await?;
            for need in self.effect(recordings.iter().flat_map(|it| it.iter())).needs {
                // What comes before it may have made the table.
                if !relations.iter().any(|it| it.is_table && it.name == need.table) {
                    continue;
                }
                let condition = need.existing.as_ref().map_or_else(String::new, |column| {
                    format!(" WHERE {} IS NULL", quoted(column))
                });
                let sql = format!(
                    "SELECT count(*) AS rows FROM {}{condition}",
                    quoted_table(&need.table)
                );
                let stmt = Statement::from_string(self.engine.backend(), sql);
                let row = tx.query_one_raw(stmt).await?;
                let rows: i64 = row.map_or(Ok(0), |row| row.try_get("", "rows"))?;
                if rows > 0 {
                    let (way, name) = (direction.name(), migration.name());
                    let rows = counted(usize::try_from(rows).unwrap_or(usize::MAX), "row", "rows");
                    return Err(Error::unusable(
                        "value-needed",
                        format!(
                            "{way} of {name} needs a value in {}.{} for {rows}, which the file does not give: \
                             write it in {name}.rs where `{way}` says BACKFILL; nothing was changed",
                            need.table, need.column
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Fails if a table that the migrations make is there.
    pub(super) async fn prove_nothing_left(&self, tx: &DatabaseTransaction) -> Result<()> {
        let existing = bookkeeping::relations(tx, self.engine).await?;
        let owned = self.owned_tables().await?;
        let left = existing.into_iter().filter(|it| it.is_table && owned.contains(&it.name));
        let left: Vec<String> = left.map(|it| it.name).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Error::unusable(
            "table-left",
            format!(
                "after rolling back everything {} would be left, which no migration that is recorded as applied has \
                 made: if it is another program's, roll back with `down`; nothing was changed",
                List(&left)
            ),
        ))
    }
}
