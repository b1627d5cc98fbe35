//! What tenants have, and where it is.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use serde::Serialize;
use tenantry_entity::{Engine, IdType, Tenancy, TenantId};
use tenantry_migration::{
    cluster::{Place, places_of, shard_sizes},
    db::{Database, begin_read, listed_tenants, quoted, quoted_table, read_tenant, table_size},
    error::Result,
};

/// The column of the root table that says what a tenant is called, where it has one.
const NAME: &str = "name";

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
    pub id: TenantId,
    /// Its name; empty where the root table has no column `name`.
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
    let (engine, tenancy) = (db.engine, db.project.tenants()?);
    let mut has_names = false;
    let mut tables: Vec<(&str, BTreeMap<TenantId, u64>)> = Vec::new();
    let mut rows: BTreeMap<TenantId, u64> = BTreeMap::new();
    for def in (db.project.tables)() {
        has_names |= def.name == tenancy.root && def.columns.contains(&NAME);
        let Some(column) = tenancy.column_of(def.scope(&tenancy)) else { continue };
        let counts = count(tx, engine, def.name, column, tenancy.id).await?;
        for (tenant, more) in &counts {
            *rows.entry(tenant.clone()).or_default() += more;
        }
        tables.push((def.name, counts));
    }
    let ids: Vec<TenantId> = rows.keys().cloned().collect();
    let places = places_of(tx, engine, &tenancy, &ids).await?;
    let places: BTreeMap<TenantId, Place> =
        ids.iter().zip(places).filter_map(|(id, place)| Some((id.clone(), place?))).collect();
    let sizes = shard_sizes(tx, engine, &tenancy).await?;
    let shard_of = |id: &TenantId| places.get(id).map(|place| place.shard);

    let mut bytes: BTreeMap<TenantId, Option<i64>> =
        ids.iter().map(|id| (id.clone(), Some(0))).collect();
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

    let mut largest: Vec<(TenantId, u64)> = rows.into_iter().collect();
    largest.sort_by_key(|(id, rows)| (std::cmp::Reverse(*rows), id.clone()));
    let all = largest.len() as u64;
    largest.truncate(limit as usize);
    let mut names =
        if has_names { names(tx, engine, &tenancy, &largest).await? } else { BTreeMap::new() };
    let facts = |(id, rows): (TenantId, u64)| TenantFacts {
        name: names.remove(&id).unwrap_or_default(),
        rows,
        bytes: bytes.get(&id).copied().flatten(),
        place: places.get(&id).cloned(),
        id,
    };
    Ok(Tenants { all, tenants: largest.into_iter().map(facts).collect() })
}

/// The rows of each tenant in one table.
async fn count(
    tx: &DatabaseTransaction,
    engine: Engine,
    table: &str,
    column: &str,
    ty: IdType,
) -> std::result::Result<BTreeMap<TenantId, u64>, DbErr> {
    let (table, column) = (quoted_table(table), quoted(column));
    let sql = format!("SELECT {column} AS tenant, count(*) AS n FROM {table} GROUP BY {column}");
    let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let mut counts = BTreeMap::new();
    for row in rows {
        let n: i64 = row.try_get("", "n")?;
        // Rows of no tenant count for none.
        if let Some(tenant) = read_tenant(&row, "tenant", ty)? {
            counts.insert(tenant, u64::try_from(n).unwrap_or_default());
        }
    }
    Ok(counts)
}

async fn names(
    tx: &DatabaseTransaction,
    engine: Engine,
    tenancy: &Tenancy,
    of: &[(TenantId, u64)],
) -> std::result::Result<BTreeMap<TenantId, String>, DbErr> {
    let ids: Vec<TenantId> = of.iter().map(|(id, _)| id.clone()).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT {key} AS id, {NAME} FROM {} WHERE {key} IN ({})",
        quoted_table(tenancy.root),
        listed_tenants(engine, &ids),
        key = quoted(tenancy.root_key),
    );
    let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let mut names = BTreeMap::new();
    for row in rows {
        let name: Option<String> = row.try_get("", NAME)?;
        if let (Some(id), Some(name)) = (read_tenant(&row, "id", tenancy.id)?, name) {
            names.insert(id, name);
        }
    }
    Ok(names)
}

/// The part of `size` that `own` of `all` rows take.
fn share(own: u64, all: u64, size: i64) -> i64 {
    if all == 0 {
        return 0;
    }
    i64::try_from(i128::from(size) * i128::from(own) / i128::from(all)).unwrap_or(i64::MAX)
}
