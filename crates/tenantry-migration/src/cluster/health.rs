//! Is everything where it should be, and can it be reached?

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use tenantry_entity::{Engine, Tenancy};

use super::Node;
use crate::{
    called,
    db::{literal, quoted},
    report::Finding,
    schema::{Distribution, Schema, Table, tenancy},
};

/// What was found out about the nodes.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// Why rows cannot be looked at, if they cannot: a part of some table is out of reach, or tables are
    /// not where the others are that they would have to be joined with.
    pub no_rows: Option<&'static str>,
}

const OUT_OF_REACH: &str = "some placements cannot be reached";

/// A part of a table on a node.
struct Placement {
    table: String,
    /// The name of the shard, qualified and quoted.
    shard: String,
    node: Node,
    is_active: bool,
}

/// How many shards a finding names.
const NAMED: usize = 4;

/// Looks at the tables of `live` that the entities know. Whether each is distributed as it should be is
/// not asked here: that is a difference of the schema. No finding where the engine has one node.
///
/// # Errors
///
/// If a query fails.
pub async fn health<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    names: &Tenancy,
    live: &Schema,
) -> Result<Health, DbErr> {
    let mut health = Health::default();
    if !engine.capability().distributes_tables {
        return Ok(health);
    }
    let is_ours = |table: &str| live.tables.contains_key(table);
    let apart = apart(db, engine, names, live).await?;
    let is_spread = |table: &&Table| {
        matches!(table.distribution, Some(Distribution::By(_) | Distribution::Replicated))
    };
    let (distributed, local): (Vec<&Table>, Vec<&Table>) =
        live.tables.values().partition(is_spread);
    if !apart.is_empty() || !(distributed.is_empty() || local.is_empty()) {
        health.no_rows = Some("tables are not all where they should be, so they cannot be joined");
    }
    health.findings.extend(apart);
    health.findings.extend(left_behind(db, engine, live).await?);
    let mut placements = placements(db, engine).await?;
    placements.retain(|placement| is_ours(&placement.table));
    let mut by_node: BTreeMap<Node, Vec<Placement>> = BTreeMap::new();
    for placement in placements {
        by_node.entry(placement.node.clone()).or_default().push(placement);
    }
    let mut answering = BTreeMap::new();
    for (node, placements) in by_node {
        let answers =
            placements.iter().all(|it| it.is_active) && answers(db, engine, &node).await?;
        if answers {
            answering.insert(node, placements);
        } else {
            health.findings.extend(of_tables(&placements.iter().collect::<Vec<_>>(), |shards| {
                (
                    "placement-unreachable",
                    format!("{shards} on {node}, which cannot be reached"),
                    format!(
                        "start PostgreSQL on {node} and see that the coordinator reaches it; rows of \
                         tenants on other nodes are not concerned"
                    ),
                )
            }));
            health.no_rows = Some(OUT_OF_REACH);
        }
    }
    for (node, placements) in answering {
        let missing = missing(db, engine, &node, &placements).await?;
        if !missing.is_empty() {
            health.no_rows = Some(OUT_OF_REACH);
        }
        health.findings.extend(of_tables(&missing, |shards| {
            (
                "placement-missing",
                format!("{shards} should be on {node}, and is not there"),
                "it was dropped on the node itself: bring it back from a backup".to_owned(),
            )
        }));
    }
    Ok(health)
}

/// One finding a table.
fn of_tables(
    placements: &[&Placement],
    said: impl Fn(&str) -> (&'static str, String, String),
) -> Vec<Finding> {
    let mut by_table: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for placement in placements {
        by_table.entry(&placement.table).or_default().push(&placement.shard);
    }
    let finding = |(table, shards): (&str, Vec<&str>)| {
        let more = if shards.len() > NAMED { ", …" } else { "" };
        let named = shards.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let (code, message, help) = said(&format!("{} ({named}{more})", count(shards.len())));
        Finding { code, table: table.to_owned(), object: None, message, help }
    };
    by_table.into_iter().map(finding).collect()
}

fn count(placements: usize) -> String {
    format!("{placements} {}", if placements == 1 { "placement" } else { "placements" })
}

/// Every placement of the schema that unqualified names belong to.
async fn placements<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<Vec<Placement>, DbErr> {
    let sql = "SELECT c.relname::text AS tbl, shard_name(s.logicalrelid, s.shardid) AS shard, \
               n.nodename AS host, n.nodeport AS port, n.isactive AS is_active \
               FROM pg_dist_shard s JOIN pg_class c ON c.oid = s.logicalrelid \
               JOIN pg_namespace ns ON ns.oid = c.relnamespace AND ns.nspname = current_schema() \
               JOIN pg_dist_placement p ON p.shardid = s.shardid \
               JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary' \
               ORDER BY c.relname, s.shardid, n.nodeid";
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter()
        .map(|row| {
            Ok(Placement {
                table: row.try_get("", "tbl")?,
                shard: row.try_get("", "shard")?,
                node: Node::read(row)?,
                is_active: row.try_get("", "is_active")?,
            })
        })
        .collect()
}

async fn answers<C: ConnectionTrait>(db: &C, engine: Engine, node: &Node) -> Result<bool, DbErr> {
    let sql = format!(
        "SELECT citus_check_connection_to_node({}, {}) AS answers",
        literal(&node.host),
        node.port
    );
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    row.map_or(Ok(false), |row| row.try_get("", "answers"))
}

/// Those that are not on the node, although they should be.
async fn missing<'p, C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    node: &Node,
    placements: &'p [Placement],
) -> Result<Vec<&'p Placement>, DbErr> {
    let names: Vec<String> = placements.iter().map(|placement| literal(&placement.shard)).collect();
    let ask = format!(
        "SELECT coalesce(json_agg(name), '[]') FROM unnest(ARRAY[{}]::text[]) name \
         WHERE to_regclass(name) IS NULL",
        names.join(", ")
    );
    let sql = format!(
        "SELECT success, result FROM master_run_on_worker(ARRAY[{}], ARRAY[{}], ARRAY[{}], false)",
        literal(&node.host),
        node.port,
        literal(&ask)
    );
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let (success, result): (bool, String) =
        (row.try_get("", "success")?, row.try_get("", "result")?);
    if !success {
        return Err(DbErr::Custom(format!("{node} was asked for its shards, and said: {result}")));
    }
    let absent: Vec<String> =
        serde_json::from_str(&result).map_err(|error| DbErr::Type(error.to_string()))?;
    Ok(placements.iter().filter(|placement| absent.contains(&placement.shard)).collect())
}

/// Tables whose rows are by tenant, but not where the rows of `tenants` are.
async fn apart<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    names: &Tenancy,
    live: &Schema,
) -> Result<Vec<Finding>, DbErr> {
    let sql = "SELECT c.relname::text AS tbl, d.colocationid::bigint AS colocation \
               FROM pg_dist_partition d JOIN pg_class c ON c.oid = d.logicalrelid \
               JOIN pg_namespace ns ON ns.oid = c.relnamespace AND ns.nspname = current_schema() \
               ORDER BY c.relname";
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let groups: BTreeMap<String, i64> = rows
        .iter()
        .map(|row| Ok((row.try_get("", "tbl")?, row.try_get("", "colocation")?)))
        .collect::<Result<_, DbErr>>()?;
    let Some(root) = groups.get(names.root) else { return Ok(Vec::new()) };
    let is_apart = |table: &&Table| {
        let by_tenant = tenancy::distribution(names, table);
        table.distribution == Some(by_tenant.clone())
            && by_tenant != Distribution::Replicated
            && groups.get(&table.name).is_some_and(|group| group != root)
    };
    let finding = |table: &Table| Finding {
        code: "not-colocated",
        table: table.name.clone(),
        object: None,
        message: format!(
            "rows are not on the node where the same tenant's row of {} is: joins and foreign keys \
             between them cross nodes, or fail",
            names.root
        ),
        help: format!(
            "run `SELECT update_distributed_table_colocation({}, colocate_with => '{}')`; if that is \
             refused, drop its foreign keys, run `SELECT undistribute_table({})`, and `migration \
             distribute`, which adds them again",
            literal(&quoted(&table.name)),
            names.root,
            literal(&quoted(&table.name))
        ),
    };
    Ok(live.tables.values().filter(is_apart).map(finding).collect())
}

/// Distributed tables that still have rows in their place on this node, where no query sees them.
async fn left_behind<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    live: &Schema,
) -> Result<Vec<Finding>, DbErr> {
    let rows =
        db.query_all_raw(Statement::from_string(engine.backend(), tables_left_behind())).await?;
    let mut found = Vec::new();
    for row in rows {
        let table: String = row.try_get("", "tbl")?;
        if live.tables.contains_key(&table) {
            found.push(Finding {
                code: "rows-left-behind",
                object: None,
                message:
                    "rows from before the table was distributed are still on this node, where no \
                          query sees them"
                        .to_owned(),
                help: format!("run `{}`, which removes them", called("migration", "distribute")),
                table,
            });
        }
    }
    Ok(found)
}

/// Which tables those are.
pub(super) fn tables_left_behind() -> String {
    "SELECT c.relname::text AS tbl FROM pg_dist_partition d JOIN pg_class c ON c.oid = d.logicalrelid \
     JOIN pg_namespace ns ON ns.oid = c.relnamespace AND ns.nspname = current_schema() \
     WHERE pg_relation_size(c.oid) > 0 ORDER BY 1"
        .to_owned()
}
