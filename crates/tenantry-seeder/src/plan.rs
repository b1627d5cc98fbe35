//! What a seeding would do, from what the data set is and what is known of loading.

use std::fmt;

use sea_orm::{DatabaseConnection, Value};
use serde::Serialize;
use tenantry_entity::Engine;
use tenantry_migration::{Result, schema::Table};

use crate::{Loader, seeder::Seeder, set::DataSet, spec::Spec};

/// What a seeding into empty tables would do. The database is not asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeedingPlan {
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

impl Seeder {
    /// What a seeding into empty tables would do.
    ///
    /// # Errors
    ///
    /// As [`Loader::choose`].
    pub fn plan(
        &self,
        db: &DatabaseConnection,
        engine: Engine,
        spec: &Spec,
        bulk: bool,
    ) -> Result<SeedingPlan> {
        self.check()?;
        let set = DataSet::new(self.samples, spec.clone());
        set.check()?;
        let planned = set.planned();
        let rows = planned.values().sum();
        let loader = Loader::choose(db, engine, rows, bulk)?;
        let tables: Vec<(&str, u64)> = set
            .tables()
            .iter()
            .map(|info| (info.name, planned.get(info.name).copied().unwrap_or_default()))
            .collect();
        let schema = self.project.schema()?;
        let mut bytes = 0;
        for (at, (table, rows)) in tables.iter().enumerate() {
            bytes += rows * row_size(engine, &set, at, schema.tables.get(*table));
        }
        let seconds = rows.div_ceil(loader.rows_a_second());
        Ok(SeedingPlan { spec: spec.to_string(), tables, rows, bytes, seconds, loader })
    }
}

/// Rows of a table that are made to see how large they are.
const LOOKED_AT: u32 = 50;

/// About how many bytes a row takes with its entries in indexes, measured on the rows of the first
/// tenant: the values, and what the engine adds to a row (28 bytes on PostgreSQL) and to an entry (16),
/// whose pages are about two thirds full.
fn row_size(engine: Engine, set: &DataSet, at: usize, table: Option<&Table>) -> u64 {
    let (info, tenant) = (&set.tables()[at], set.tenant(1));
    let count = tenant.count(at).min(LOOKED_AT);
    let (head, entry) = if engine == Engine::Sqlite { (8, 8) } else { (28, 16) };
    let mut total = 0;
    for n in 0..count {
        let row = tenant.row(at, n);
        let sizes: Vec<u64> = row.iter().map(|value| value_size(engine, value)).collect();
        let of = |name: &str| {
            let column = info.columns.iter().position(|column| *column == name);
            column.map_or(8, |column| sizes[column])
        };
        total += head + sizes.iter().sum::<u64>();
        let keys = table.map(|table| {
            let indexed = table
                .indexes
                .iter()
                .map(|index| index.parts.iter().map(|part| of(&part.expr)).sum::<u64>());
            let key = table
                .primary_key
                .iter()
                .map(|key| key.columns.iter().map(|column| of(column)).sum::<u64>());
            indexed.chain(key).map(|size| (size + entry) * 3 / 2).sum::<u64>()
        });
        total += keys.unwrap_or_default();
    }
    total / u64::from(count.max(1))
}

/// About how many bytes a value takes.
fn value_size(engine: Engine, value: &Value) -> u64 {
    match value {
        null if *null == null.as_null() => 0,
        Value::Bool(_) => 1,
        Value::SmallInt(_) => 2,
        Value::Int(_) => 4,
        Value::Uuid(_) => 16,
        Value::String(Some(text)) => text.len() as u64 + 1,
        Value::Bytes(Some(bytes)) => bytes.len() as u64 + 1,
        Value::Json(Some(json)) => json.to_string().len() as u64 * 3 / 2 + 4,
        Value::ChronoDateTime(_) | Value::ChronoDateTimeUtc(_) if engine == Engine::Sqlite => 26,
        _ => 8,
    }
}

impl fmt::Display for SeedingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, rows, bytes, seconds, loader, .. } = self;
        let mib = bytes.div_ceil(1 << 20);
        write!(f, "{rows} rows, about {mib} MiB and {seconds} s, by {loader} ({spec})")
    }
}
