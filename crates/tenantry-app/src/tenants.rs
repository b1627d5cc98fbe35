//! What tenants have, and where it is.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use serde::Serialize;
use tenantry_entity::{
    Engine,
    tenancy::{Scope, TENANT_ID},
};
use tenantry_migration::{
    cluster::{Place, places_of, shard_sizes},
    db::{Database, begin_read, listed, quoted, table_size},
    error::Result,
    schema::tenancy,
};
use uuid::Uuid;

/// The tenants of a database.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tenants {
    /// How many there are.
    pub all: u64,
    /// Those with the most rows, largest first.
    pub tenants: Vec<TenantFacts>,
}

/// What one tenant has.
#[derive(Clone, Debug, Serialize)]
pub struct TenantFacts {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its rows in all tenant-scoped tables, and the one in `tenants`.
    pub rows: u64,
    /// About how many bytes they take with their indexes: of each table, or of each shard, the part that
    /// is the tenant's by rows. `None` where the engine does not tell.
    pub bytes: Option<i64>,
    /// Where it is; `None` where the engine has one node.
    pub place: Option<Place>,
}

/// Counts the rows of every tenant, and gives the `limit` largest.
///
/// # Errors
///
/// If a table is missing or a query fails.
pub async fn tenants(db: &Database, limit: u32) -> Result<Tenants> {
    let tx = begin_read(&db.connection, db.engine).await?;
    let outcome = tenants_in(&tx, db, limit).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    outcome
}

async fn tenants_in(tx: &DatabaseTransaction, db: &Database, limit: u32) -> Result<Tenants> {
    let engine = db.engine;
    let mut tables: Vec<(&str, BTreeMap<Uuid, u64>)> = Vec::new();
    let mut rows: BTreeMap<Uuid, u64> = BTreeMap::new();
    for def in (db.project.tables)() {
        let column = match def.scope {
            Scope::Tenant => TENANT_ID,
            Scope::Shared if def.name == tenancy::ROOT => "id",
            Scope::Shared => continue,
        };
        let counts = count(tx, engine, def.name, column).await?;
        for (tenant, more) in &counts {
            *rows.entry(*tenant).or_default() += more;
        }
        tables.push((def.name, counts));
    }
    let ids: Vec<Uuid> = rows.keys().copied().collect();
    let places = places_of(tx, engine, &ids).await?;
    let places: BTreeMap<Uuid, Place> =
        ids.iter().zip(places).filter_map(|(id, place)| Some((*id, place?))).collect();
    let sizes = shard_sizes(tx, engine).await?;
    let shard_of = |id: &Uuid| places.get(id).map(|place| place.shard);

    let mut bytes: BTreeMap<Uuid, Option<i64>> = ids.iter().map(|id| (*id, Some(0))).collect();
    for (table, counts) in &tables {
        let mut parts: BTreeMap<Option<i64>, u64> = BTreeMap::new();
        for (id, rows) in counts {
            *parts.entry(shard_of(id)).or_default() += rows;
        }
        let mut size_of: BTreeMap<Option<i64>, Option<i64>> = BTreeMap::new();
        for part in parts.keys() {
            let size = match part {
                Some(shard) => sizes.get(&((*table).to_owned(), *shard)).copied(),
                None => table_size(tx, engine, table).await?,
            };
            size_of.insert(*part, size);
        }
        for (id, rows) in counts {
            let part = shard_of(id);
            let Some(all) = bytes.get_mut(id) else { continue };
            let size = size_of.get(&part).copied().flatten();
            let of_part = parts.get(&part).copied().unwrap_or_default();
            *all = all.zip(size).map(|(all, size)| all + share(*rows, of_part, size));
        }
    }

    let mut largest: Vec<(Uuid, u64)> = rows.into_iter().collect();
    largest.sort_by_key(|(id, rows)| (std::cmp::Reverse(*rows), *id));
    let all = largest.len() as u64;
    largest.truncate(limit as usize);
    let mut names = names(tx, engine, &largest).await?;
    let facts = |(id, rows): (Uuid, u64)| TenantFacts {
        id,
        name: names.remove(&id).unwrap_or_default(),
        rows,
        bytes: bytes.get(&id).copied().flatten(),
        place: places.get(&id).cloned(),
    };
    Ok(Tenants { all, tenants: largest.into_iter().map(facts).collect() })
}

/// The rows of each tenant in one table.
async fn count(
    tx: &DatabaseTransaction,
    engine: Engine,
    table: &str,
    column: &str,
) -> std::result::Result<BTreeMap<Uuid, u64>, DbErr> {
    let (table, column) = (quoted(table), quoted(column));
    let sql = format!("SELECT {column} AS tenant, count(*) AS n FROM {table} GROUP BY {column}");
    let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter()
        .map(|row| {
            let n: i64 = row.try_get("", "n")?;
            Ok((row.try_get("", "tenant")?, u64::try_from(n).unwrap_or_default()))
        })
        .collect()
}

async fn names(
    tx: &DatabaseTransaction,
    engine: Engine,
    of: &[(Uuid, u64)],
) -> std::result::Result<BTreeMap<Uuid, String>, DbErr> {
    let ids: Vec<Uuid> = of.iter().map(|(id, _)| *id).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT id, name FROM {} WHERE id IN ({})",
        quoted(tenancy::ROOT),
        listed(engine, &ids)
    );
    let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "name")?))).collect()
}

/// The part of `size` that `own` of `all` rows take.
fn share(own: u64, all: u64, size: i64) -> i64 {
    if all == 0 {
        return 0;
    }
    i64::try_from(i128::from(size) * i128::from(own) / i128::from(all)).unwrap_or(i64::MAX)
}
