//! Which way of loading suits an engine and so many rows.

use std::fmt;

use sea_orm::DatabaseConnection;
use serde::Serialize;
use tenantry_entity::Engine;
use tenantry_migration::{Error, Result};

use super::{is_file, is_server, loading::UNIT};

/// Up to here, INSERTs are as quick as anything else, and all of it is one transaction.
pub(crate) const FEW: u64 = 5_000;

/// A way to load rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// INSERTs of many rows, all in one transaction.
    Insert,
    /// INSERTs of many rows, some tenants a transaction.
    InsertByUnit,
    /// INSERTs of many rows, one tenant a transaction: the engine takes no more.
    InsertByTenant,
    /// Binary COPY, some tenants a transaction.
    Copy,
    /// Binary COPY into empty tables without secondary indexes and foreign keys, which are built
    /// afterwards, all in one transaction.
    Bulk,
}

impl Loader {
    /// What suits so many rows here.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if `bulk` is wanted and this is no PostgreSQL server.
    pub fn choose(db: &DatabaseConnection, engine: Engine, rows: u64, bulk: bool) -> Result<Self> {
        let is_server = is_server(db);
        if bulk && !(is_server && engine == Engine::Postgres) {
            return Err(Error::unusable(
                "bulk-impossible",
                "--bulk is for a PostgreSQL server that keeps its own indexes, and not for a rehearsal; leave \
                 it out here",
            ));
        }
        Ok(match engine {
            _ if bulk => Self::Bulk,
            _ if !engine.capability().writes_across_tenants => Self::InsertByTenant,
            Engine::Sqlite if is_file(db) && rows > UNIT => Self::InsertByUnit,
            Engine::Sqlite => Self::Insert,
            _ if is_server && rows > FEW => Self::Copy,
            _ => Self::Insert,
        })
    }

    /// About how many rows it loads in a second, on a machine with two processors that does nothing else.
    pub(crate) const fn rows_a_second(self) -> u64 {
        match self {
            Self::InsertByUnit => 110_000,
            Self::Insert | Self::InsertByTenant => 30_000,
            Self::Copy => 100_000,
            Self::Bulk => 200_000,
        }
    }
}

impl fmt::Display for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "INSERT, in one transaction",
            Self::InsertByUnit => "INSERT, some tenants a transaction",
            Self::InsertByTenant => "INSERT, one tenant a transaction",
            Self::Copy => "COPY, some tenants a transaction",
            Self::Bulk => "COPY before indexes and foreign keys, in one transaction",
        })
    }
}
