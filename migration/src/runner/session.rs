//! The one transaction of a call, on a connection without foreign keys where tables are made anew.

use std::sync::{Arc, PoisonError};

use sea_orm::DatabaseTransaction;
use sea_orm_migration::SchemaManagerConnection;

use super::{
    Direction, Runner,
    foreign_keys::{self, Orphans, Unenforced},
    record,
};
use crate::{
    db::{begin_nested, begin_write, finish},
    error::Result,
    ops::v1::FOREIGN_KEYS_ENFORCED,
};

/// The transaction of one call.
pub(super) struct Session {
    pub tx: DatabaseTransaction,
    /// The connection behind it, where foreign keys had to be switched off.
    unenforced: Option<Unenforced>,
    /// The rows that referred to nothing before.
    orphans: Orphans,
}

impl Session {
    /// Ends the transaction by its outcome.
    pub(super) async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        let outcome = match (outcome, &self.unenforced) {
            (Ok(value), Some(_)) => {
                foreign_keys::check(&self.tx, &self.orphans).await.map(|()| value)
            }
            (outcome, _) => outcome,
        };
        let outcome = finish(self.tx, outcome).await;
        if let Some(unenforced) = self.unenforced {
            unenforced.end().await?;
        }
        outcome
    }
}

impl Runner<'_> {
    /// Starts the one transaction of a call that may run migrations in these directions.
    pub(super) async fn begin(&self, directions: &[Direction]) -> Result<Session> {
        let connection = match &self.db {
            SchemaManagerConnection::Connection(connection) => *connection,
            // Whoever began the transaction has decided whether foreign keys are on.
            SchemaManagerConnection::Transaction(tx) => {
                let tx = begin_nested(tx, self.engine).await?;
                return Ok(Session { tx, unenforced: None, orphans: Orphans::new() });
            }
            SchemaManagerConnection::OwnedTransaction(tx) => {
                let tx = begin_nested(tx, self.engine).await?;
                return Ok(Session { tx, unenforced: None, orphans: Orphans::new() });
            }
        };
        let unenforced = if self.may_rebuild(directions).await? {
            Some(Unenforced::of(connection).await?)
        } else {
            None
        };
        // The clone's callback is its own: the caller's connection keeps the one it has.
        let mut connection =
            unenforced.as_ref().map_or_else(|| connection.clone(), |own| own.connection.clone());
        let failed = Arc::clone(&self.failed_statement);
        connection.set_metric_callback(move |info| {
            if info.failed {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                *failed = Some(info.statement.sql.clone());
            }
        });
        let begun = async {
            let tx = begin_write(&connection, self.engine).await?;
            let orphans = match &unenforced {
                Some(_) => foreign_keys::orphans(&tx).await?,
                None => Orphans::new(),
            };
            Ok((tx, orphans))
        };
        match begun.await {
            Ok((tx, orphans)) => Ok(Session { tx, unenforced, orphans }),
            Err(error) => {
                if let Some(unenforced) = unenforced {
                    unenforced.end().await?;
                }
                Err(error)
            }
        }
    }

    /// Whether a migration that may be run in these directions makes a table anew.
    async fn may_rebuild(&self, directions: &[Direction]) -> Result<bool> {
        if !self.engine.capability().rebuilds_tables {
            return Ok(false);
        }
        let mut rebuilding = Vec::new();
        for direction in directions {
            for migration in &self.migrations {
                let statements = record(migration.as_ref(), self.engine, *direction).await?;
                if statements.iter().any(|sql| sql == FOREIGN_KEYS_ENFORCED) {
                    rebuilding.push((*direction, migration.name()));
                }
            }
        }
        // Mostly there is none, and then there is nothing to ask the database.
        if rebuilding.is_empty() {
            return Ok(false);
        }
        let applied = self.applied(&self.db).await?.unwrap_or_default();
        let is_applied = |name: &str| applied.iter().any(|(applied, _)| applied == name);
        Ok(rebuilding.into_iter().any(|(direction, name)| match direction {
            // What is rolled back first is applied again.
            Direction::Up => !is_applied(name) || directions.len() > 1,
            Direction::Down => is_applied(name),
        }))
    }
}
