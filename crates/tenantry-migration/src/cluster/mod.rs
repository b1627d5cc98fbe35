//! The nodes of an engine that has several, and what of ours is on which.
//!
//! On Citus, `tenants` and every tenant-scoped table are divided into shards, by tenant, and each
//! shard is on one node (a placement); shared tables are on every node. What knows of all that are
//! tables of the catalogue, which every node has a copy of:
//! <https://docs.citusdata.com/en/stable/develop/api_metadata.html>.

mod distribute;
mod health;
mod isolate;

use std::{collections::BTreeMap, fmt};

pub use distribute::{Distributed, distribute};
pub use health::{Health, health};
pub use isolate::{IsolateOptions, Isolated, isolate};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use serde::Serialize;
use tenantry_entity::{Engine, Tenancy, TenantId};

use crate::db::{listed_tenants, literal, quoted};

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Node {
    /// Its host, as other nodes reach it.
    pub host: String,
    /// Its port.
    pub port: i32,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl std::str::FromStr for Node {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok().filter(|port| (1..=65_535).contains(port))?;
            (!host.is_empty()).then(|| Self { host: host.to_owned(), port })
        });
        parsed.ok_or_else(|| "a node is named by host:port".to_owned())
    }
}

impl Node {
    /// From the columns `host` and `port`.
    pub(crate) fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self { host: row.try_get("", "host")?, port: row.try_get("", "port")? })
    }
}

/// Where a tenant is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The shard of `tenants` that it is in; those of other tables lie beside it.
    pub shard: i64,
    /// Whether it is alone there.
    pub alone: bool,
    /// The node.
    #[serde(flatten)]
    pub node: Node,
}

/// Where each of these tenants is, in the same order; `None` where the engine has one node, or
/// the root table is not distributed.
///
/// # Errors
///
/// If the query fails.
pub async fn places_of<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    names: &Tenancy,
    tenants: &[TenantId],
) -> Result<Vec<Option<Place>>, DbErr> {
    if !engine.capability().distributes_tables || tenants.is_empty() {
        return Ok(vec![None; tenants.len()]);
    }
    // The function fails on a table that is not distributed.
    let sql = format!(
        "SELECT s.shardid::bigint AS shard, s.shardminvalue = s.shardmaxvalue AS alone, \
         n.nodename AS host, n.nodeport AS port \
         FROM unnest(ARRAY[{}]::{}[]) WITH ORDINALITY AS t(id, at) \
         LEFT JOIN LATERAL (SELECT get_shard_id_for_distribution_column(d.logicalrelid, t.id) AS id \
         FROM pg_dist_partition d WHERE d.logicalrelid = to_regclass({}) AND d.partmethod = 'h') own \
         ON true LEFT JOIN pg_dist_shard s ON s.shardid = own.id \
         LEFT JOIN pg_dist_placement p ON p.shardid = s.shardid \
         LEFT JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary' \
         ORDER BY t.at",
        listed_tenants(engine, tenants),
        names.id.name(),
        literal(&quoted(names.root))
    );
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let place = |row: &QueryResult| {
        let shard: Option<i64> = row.try_get("", "shard")?;
        let Some(shard) = shard else { return Ok(None) };
        Ok(Some(Place { shard, alone: row.try_get("", "alone")?, node: Node::read(row)? }))
    };
    rows.iter().map(place).collect()
}

/// How much room the shards of our tables take with their indexes, in bytes: by table, and by the shard of
/// `tenants` that each lies beside. Empty where the engine has one node.
///
/// # Errors
///
/// If the query fails.
pub async fn shard_sizes<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    names: &Tenancy,
) -> Result<BTreeMap<(String, i64), i64>, DbErr> {
    if !engine.capability().distributes_tables {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT c.relname::text AS tbl, root.shardid::bigint AS shard, z.size::bigint AS bytes \
         FROM pg_dist_shard s JOIN pg_class c ON c.oid = s.logicalrelid \
         JOIN pg_namespace ns ON ns.oid = c.relnamespace AND ns.nspname = current_schema() \
         JOIN pg_dist_shard root ON root.logicalrelid = to_regclass({}) \
         AND root.shardminvalue = s.shardminvalue AND root.shardmaxvalue = s.shardmaxvalue \
         JOIN (SELECT shard_id, max(size) AS size FROM citus_shard_sizes() GROUP BY 1) z \
         ON z.shard_id = s.shardid",
        literal(&quoted(names.root))
    );
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter()
        .map(|row| {
            Ok(((row.try_get("", "tbl")?, row.try_get("", "shard")?), row.try_get("", "bytes")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Node;

    #[test]
    fn a_node_is_named_by_host_and_port() {
        let node: Node = "::1:5432".parse().unwrap();
        assert_eq!((node.host.as_str(), node.port), ("::1", 5432));
        for wrong in ["", "db", ":5432", "db:", "db:0", "db:99999", "db:x"] {
            assert!(wrong.parse::<Node>().is_err(), "{wrong}");
        }
    }
}
