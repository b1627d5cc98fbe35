//! What a seeding would do, from what the data set is and what is known of loading.

use std::fmt;

use entity::Engine;
use migration::Result;
use sea_orm::DatabaseConnection;
use serde::Serialize;

use crate::{Loader, set::DataSet, spec::Spec};

/// What a seeding into empty tables would do. The database is not asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Which rows, in a line.
    pub spec: String,
    /// Rows of each table, in foreign-key order.
    pub tables: Vec<(&'static str, u64)>,
    /// Rows altogether.
    pub rows: u64,
    /// About how many bytes they take in the database, with their indexes.
    pub bytes: u64,
    /// About how many seconds it takes, on a machine with two processors.
    pub seconds: u64,
    /// How rows would reach the database.
    pub loader: Loader,
}

/// Bytes of a row with its indexes, on PostgreSQL 15 and on SQLite: measured with the preset `dev`, loaded
/// by COPY and by INSERT.
const BYTES: [(&str, u64, u64); 13] = [
    ("tenants", 512, 256),
    ("users", 381, 259),
    ("team_members", 795, 585),
    ("companies", 308, 302),
    ("payments", 403, 337),
    ("domains", 448, 264),
    ("company_settings", 514, 413),
    ("email_accounts", 469, 362),
    ("leads", 375, 392),
    ("campaigns", 520, 358),
    ("templates", 692, 662),
    ("inbox_messages", 532, 516),
    ("email_services", 918, 529),
];

impl Plan {
    /// Makes the plan.
    ///
    /// # Errors
    ///
    /// As [`Loader::choose`].
    pub fn of(db: &DatabaseConnection, engine: Engine, spec: &Spec, bulk: bool) -> Result<Self> {
        let set = DataSet::from(spec.clone());
        set.check()?;
        let planned = set.planned();
        let rows = planned.values().sum();
        let loader = Loader::choose(db, engine, rows, bulk)?;
        let tables: Vec<(&str, u64)> = entity::all()
            .iter()
            .map(|def| (def.name, planned.get(def.name).copied().unwrap_or_default()))
            .collect();
        let bytes = |(table, rows): &(&str, u64)| {
            let known = BYTES.iter().find(|(name, _, _)| name == table);
            rows * known.map_or(
                600,
                |(_, postgres, sqlite)| {
                    if engine == Engine::Sqlite { *sqlite } else { *postgres }
                },
            )
        };
        let bytes = tables.iter().map(bytes).sum();
        let seconds = rows.div_ceil(loader.rows_a_second());
        Ok(Self { spec: spec.to_string(), tables, rows, bytes, seconds, loader })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, rows, bytes, seconds, loader, .. } = self;
        let mib = bytes.div_ceil(1 << 20);
        write!(f, "{rows} rows, about {mib} MiB and {seconds} s, by {loader} ({spec})")
    }
}
