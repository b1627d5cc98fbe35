//! What the seeder is asked for, and what it says afterwards.

use sea_orm::DatabaseConnection;
use serde::Serialize;
use tenantry_entity::Engine;
use tenantry_migration::{Result, lock::Patience};

use crate::{
    nodes::NodeReport,
    progress::{Progress, Stop},
    spec::Spec,
};

/// What the seeder may do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Seed beside tenants that the seeder did not make.
    pub alongside: bool,
    /// Refuse, because this is production.
    pub production: bool,
    /// The engine; `None` asks the database.
    pub engine: Option<Engine>,
    /// Consent to the loss of edited sample rows that a refusal described, by the hash it gave.
    pub confirm: Option<String>,
    /// How long to wait for others.
    pub patience: Patience,
    /// Which rows; `None` for those that are there or were begun, or else the demo.
    pub spec: Option<Spec>,
    /// Verify or repair the rows of this tenant only, by its number.
    pub tenant: Option<u32>,
    /// Load into empty tables without secondary indexes and foreign keys, and build those afterwards.
    pub bulk: bool,
    /// How many connections load at once, where the loader can do that; 0 for as many as this machine has
    /// processors, up to 4.
    pub workers: usize,
    /// Stops it after the current unit, when asked.
    pub stop: Stop,
    /// Tells how far it is.
    pub progress: Progress,
}

impl Options {
    /// How many connections load at once.
    pub(crate) fn workers(&self) -> usize {
        if self.workers > 0 {
            return self.workers;
        }
        std::thread::available_parallelism().map_or(1, |count| count.get().min(4))
    }

    /// The engine that these options mean.
    pub(crate) async fn engine_of(&self, db: &DatabaseConnection) -> Result<Engine> {
        Ok(match self.engine {
            Some(engine) => engine,
            None => Engine::detect(db).await?,
        })
    }
}

/// The sample rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: &'static str,
    /// Rows inserted or deleted.
    pub changed: u64,
    /// Rows that had something else in them and were put back.
    pub updated: u64,
    /// Rows that the data set has in this table.
    pub planned: u64,
}

/// What was done, by table in foreign-key order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The tables.
    pub tables: Vec<TableReport>,
    /// What was inserted by node, where the engine has several.
    pub nodes: Vec<NodeReport>,
    /// Whether it was asked to stop before the end.
    pub stopped: bool,
}

impl Report {
    /// Rows inserted or deleted in all tables.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.tables.iter().map(|table| table.changed).sum()
    }

    /// Rows put back in all tables.
    #[must_use]
    pub fn updated(&self) -> u64 {
        self.tables.iter().map(|table| table.updated).sum()
    }

    /// Rows that the data set has in all tables.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.tables.iter().map(|table| table.planned).sum()
    }
}
