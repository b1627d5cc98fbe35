//! SQLite's foreign keys, switched off while tables are recreated.
//!
//! Inside a transaction the switch does nothing, so it is thrown before one begins; and what the
//! keys would have refused is looked for before it ends.
//! <https://www.sqlite.org/pragma.html#pragma_foreign_keys>

use std::collections::BTreeMap;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    Statement, sqlx::sqlite::SqlitePoolOptions,
};

use crate::error::{Error, Result};

/// A connection on which SQLite enforces no foreign key.
pub(super) struct Unenforced {
    pub connection: DatabaseConnection,
    /// Whether the connection is the caller's own, on which the keys have to be switched on again.
    is_callers: bool,
}

impl Unenforced {
    /// A connection of its own where there can be one, so that the caller's is not touched, even
    /// if this is never finished. A database in memory belongs to one connection: the caller's.
    pub(super) async fn of(connection: &DatabaseConnection) -> Result<Self, DbErr> {
        let pool = connection.get_sqlite_connection_pool();
        let options = pool.connect_options();
        if options.get_filename().to_str() == Some(":memory:") {
            let unenforced = Self { connection: connection.clone(), is_callers: true };
            unenforced.switch(false).await?;
            return Ok(unenforced);
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.as_ref().clone().foreign_keys(false))
            .await
            .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        Ok(Self { connection: DatabaseConnection::from(pool), is_callers: false })
    }

    /// Gives the connection back.
    pub(super) async fn end(self) -> Result<(), DbErr> {
        if self.is_callers { self.switch(true).await } else { self.connection.close().await }
    }

    async fn switch(&self, on: bool) -> Result<(), DbErr> {
        let sql = format!("PRAGMA foreign_keys = {}", u8::from(on));
        self.connection.execute_unprepared(&sql).await?;
        Ok(())
    }
}

/// How many rows refer to nothing, by table and the table referred to.
pub(super) type Orphans = BTreeMap<(String, String), i64>;

/// Counts the rows that refer to nothing.
pub(super) async fn orphans(tx: &DatabaseTransaction) -> Result<Orphans, DbErr> {
    let sql = "SELECT \"table\" AS child, parent, count(*) AS orphans \
               FROM pragma_foreign_key_check GROUP BY 1, 2";
    let rows = tx.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
    rows.iter()
        .map(|row| {
            let pair = (row.try_get("", "child")?, row.try_get("", "parent")?);
            Ok((pair, row.try_get("", "orphans")?))
        })
        .collect()
}

/// Fails if more rows refer to nothing than did before.
pub(super) async fn check(tx: &DatabaseTransaction, before: &Orphans) -> Result<()> {
    for ((table, parent), now) in orphans(tx).await? {
        let key = (table, parent);
        let were = before.get(&key).copied().unwrap_or(0);
        let (table, parent) = key;
        if now > were {
            let new = now - were;
            return Err(Error::unusable(
                "orphans-would-be-left",
                format!(
                    "{new} {} of {table} would refer to nothing in {parent} after these migrations; \
                 nothing was changed",
                    if new == 1 { "row" } else { "rows" }
                ),
            ));
        }
    }
    Ok(())
}
