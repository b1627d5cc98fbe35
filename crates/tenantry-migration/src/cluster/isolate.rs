//! Giving a tenant a shard of its own, on a node of its own choice.

use std::{fmt::Write as _, slice, time::Duration};

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbErr, Statement,
    sqlx::{PgPool, postgres::PgPoolOptions},
};
use serde::Serialize;
use tenantry_entity::{Engine, Tenancy, TenantId};

use super::{
    Node, Place,
    distribute::{NOTICE, tidy},
    places_of, shard_sizes,
};
use crate::{
    db::{Database, finish, literal, quoted},
    error::{Error, Result, sqlstate},
    lock::{self, Purpose},
    refusal::{Refusal, size},
};

/// How [`isolate`] should go about it.
#[derive(Clone, Debug, Default)]
pub struct IsolateOptions {
    /// The node to move to; without one, that with the least on it.
    pub to: Option<Node>,
    /// Stay on the node.
    pub stay: bool,
    /// Keep writers of what is copied waiting, instead of following what they write by logical
    /// replication.
    pub block_writes: bool,
}

/// What [`isolate`] did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Isolated {
    /// Where the tenant was.
    pub before: Place,
    /// Where it is.
    pub after: Place,
}

async fn place_of(db: &Database, tenant: &TenantId) -> Result<Option<Place>> {
    let tenant = slice::from_ref(tenant);
    let places = places_of(&db.connection, db.engine, &db.project.names(), tenant).await?;
    Ok(places.into_iter().next().flatten())
}

/// Gives a tenant shards of its own, and moves them to another node. Applications go on meanwhile, but
/// for a moment at the end of each step; with [`IsolateOptions::block_writes`], writers of the shard wait
/// all the time. `said` hears what is being done.
///
/// # Errors
///
/// [`Error::Refused`] if the engine has one node, there is no such tenant or node, or a node has not
/// `wal_level = logical`; nothing is changed then. If a step fails, the tenant stays where the step
/// before has put it.
pub async fn isolate(
    db: &Database,
    tenant: &TenantId,
    options: &IsolateOptions,
    said: &mut dyn FnMut(&str),
) -> Result<Isolated> {
    let connection = &db.connection;
    let Some(before) = place_of(db, tenant).await? else {
        return Err(Refusal::plain("not-citus", format!(
            "on {} no tenant has a place of its own: that takes Citus, and tables that are distributed",
            db.name
        ))
        .into());
    };
    let Tenancy { root, root_key, .. } = db.project.names();
    let own = literal(&tenant.to_string());
    let sql = format!("SELECT 1 FROM {} WHERE {} = {own}", quoted(root), quoted(root_key));
    let row = connection.query_one_raw(Statement::from_string(db.engine.backend(), sql)).await?;
    if row.is_none() {
        return Err(Refusal::plain(
            "no-such-tenant",
            format!("there is no tenant {tenant}; nothing was changed"),
        )
        .into());
    }
    let to = target(db, &before, options).await?;
    if before.alone && to == before.node {
        return Ok(Isolated { after: before.clone(), before });
    }
    let mode = if options.block_writes {
        "block_writes"
    } else {
        check_logical(connection, db.engine, &before.node).await?;
        "force_logical"
    };
    // This connection holds the lock until the move ends, so that no command changes the schema.
    let locked = lock::begin(connection, db.engine, Purpose::Migrate, &db.patience).await?;
    let kept = lock::keep(&locked.tx, db.engine).await;
    finish(locked.tx, kept).await?;
    let outcome = steps(db, tenant, &before, &to, mode, said).await;
    let let_go = lock::let_go(connection, db.engine).await;
    tidy(db).await;
    // Where the connection was lost, the first of them says why.
    let after = outcome?;
    let_go?;
    Ok(Isolated { before, after })
}

async fn steps(
    db: &Database,
    tenant: &TenantId,
    before: &Place,
    to: &Node,
    mode: &str,
    said: &mut dyn FnMut(&str),
) -> Result<Place> {
    db.connection.execute_unprepared(NOTICE).await?;
    let names = db.project.names();
    let lost =
        || Error::unusable("no-such-tenant", format!("the tenant {tenant} has no place any more"));
    let mut place = before.clone();
    if !place.alone {
        said(&format!(
            "giving {tenant} shards of its own, beside shard {} on {}",
            place.shard, place.node
        ));
        let sql = format!(
            "SELECT isolate_tenant_to_new_shard({}, {}::{}, 'CASCADE', \
             shard_transfer_mode => '{mode}')",
            literal(&quoted(names.root)),
            literal(&tenant.to_string()),
            names.id.name(),
        );
        watched(db, &sql, said).await?;
        place = place_of(db, tenant).await?.ok_or_else(lost)?;
        said(&format!("shard {} of {} is its own", place.shard, names.root));
    }
    if place.node != *to {
        said(&format!("moving it from {} to {to}", place.node));
        let sql = format!(
            "SELECT citus_move_shard_placement({}, {}, {}, {}, {}, shard_transfer_mode => '{mode}')",
            place.shard,
            literal(&place.node.host),
            place.node.port,
            literal(&to.host),
            to.port
        );
        watched(db, &sql, said).await?;
        place = place_of(db, tenant).await?.ok_or_else(lost)?;
    }
    Ok(place)
}

/// How often progress is shown.
const BETWEEN: Duration = Duration::from_secs(2);

/// After how many times that there was nothing to say, it is said why.
const QUIET: u32 = 5;

/// <https://www.postgresql.org/docs/15/logicaldecoding-explanation.html>
const WAITING: &str = "  waiting: a copy that is followed by what is written meanwhile begins when every \
                       transaction on its node has ended that was open before, in any database";

/// Runs a statement, and says meanwhile how far it has got.
async fn watched(db: &Database, sql: &str, said: &mut dyn FnMut(&str)) -> Result<()> {
    let pool = db.connection.get_postgres_connection_pool();
    let other: PgPool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(pool.connect_options().as_ref().clone());
    let other = DatabaseConnection::from(other);
    let work = db.connection.execute_unprepared(sql);
    tokio::pin!(work);
    let (mut last, mut quiet) = (String::new(), 0);
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            () = tokio::time::sleep(BETWEEN) => {
                // A role may be limited to one connection: then no progress is shown.
                match progress(&other, db.engine).await {
                    Ok(Some(now)) if now != last => {
                        said(&now);
                        last = now;
                    }
                    Ok(None) => {
                        quiet += 1;
                        if quiet == QUIET {
                            said(WAITING);
                        }
                    }
                    _ => {}
                }
            }
        }
    };
    // Nothing is left to be done with it.
    let _ = other.close().await;
    outcome.map(|_| ()).map_err(explained)
}

async fn progress(
    db: &DatabaseConnection,
    engine: Engine,
) -> std::result::Result<Option<String>, DbErr> {
    let sql = "SELECT count(*) AS shards, coalesce(sum(source_shard_size), 0)::bigint AS size, \
               coalesce(sum(target_shard_size), 0)::bigint AS copied, min(status) AS status \
               FROM get_rebalance_progress()";
    let Some(row) = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await? else {
        return Ok(None);
    };
    let shards: i64 = row.try_get("", "shards")?;
    let (all, copied): (i64, i64) = (row.try_get("", "size")?, row.try_get("", "copied")?);
    let status: Option<String> = row.try_get("", "status")?;
    if shards == 0 {
        return Ok(None);
    }
    let mut text = format!("  {} of {} in {shards} shards copied", size(copied), size(all));
    if let Some(status) = status {
        let _ = write!(text, ": {}", status.to_lowercase());
    }
    Ok(Some(text))
}

/// The node that the tenant should be on. None was named: a tenant that is alone stays, another
/// goes where the least is without its shards.
async fn target(db: &Database, now: &Place, options: &IsolateOptions) -> Result<Node> {
    if options.stay || (now.alone && options.to.is_none()) {
        return Ok(now.node.clone());
    }
    let sql = "SELECT n.nodename AS host, n.nodeport AS port, \
               coalesce(sum(s.size), 0)::bigint AS bytes FROM pg_dist_node n \
               LEFT JOIN pg_dist_placement p ON p.groupid = n.groupid \
               LEFT JOIN (SELECT shard_id, max(size) AS size FROM citus_shard_sizes() GROUP BY 1) s \
               ON s.shard_id = p.shardid \
               WHERE n.isactive AND n.noderole = 'primary' AND n.shouldhaveshards \
               GROUP BY 1, 2 ORDER BY 1, 2";
    let stmt = Statement::from_string(db.engine.backend(), sql);
    let sizes = shard_sizes(&db.connection, db.engine, &db.project.names()).await?;
    let own: i64 = sizes.iter().filter(|((_, at), _)| *at == now.shard).map(|(_, size)| size).sum();
    let mut nodes: Vec<(i64, bool, Node)> = Vec::new();
    for row in db.connection.query_all_raw(stmt).await? {
        let (bytes, node): (i64, Node) = (row.try_get("", "bytes")?, Node::read(&row)?);
        let is_elsewhere = node != now.node;
        nodes.push((if is_elsewhere { bytes } else { bytes - own }, is_elsewhere, node));
    }
    // Among equals, the present one is first.
    nodes.sort();
    let nodes: Vec<Node> = nodes.into_iter().map(|(_, _, node)| node).collect();
    match &options.to {
        None => Ok(nodes.into_iter().next().unwrap_or_else(|| now.node.clone())),
        Some(wanted) if nodes.contains(wanted) => Ok(wanted.clone()),
        Some(wanted) => {
            let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            Err(Refusal::plain(
                "no-such-node",
                format!(
                    "{wanted} is no node that takes shards: those are {}; nothing was changed",
                    names.join(", ")
                ),
            )
            .into())
        }
    }
}

/// Fails unless the node lets others follow what is written to it.
async fn check_logical(db: &DatabaseConnection, engine: Engine, node: &Node) -> Result<()> {
    let sql = format!(
        "SELECT success, result FROM master_run_on_worker(ARRAY[{}], ARRAY[{}], \
         ARRAY['SHOW wal_level'], false)",
        literal(&node.host),
        node.port
    );
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    let Some(row) = row else { return Ok(()) };
    let level: String = row.try_get("", "result")?;
    if !row.try_get::<bool>("", "success")? {
        return Err(Error::unusable(
            "node-unreachable",
            format!("{node} does not answer: {level}; nothing was changed"),
        ));
    }
    if level == "logical" {
        return Ok(());
    }
    Err(Refusal::plain(
        "wal-level",
        format!(
            "a shard that is written to meanwhile is copied by logical replication, and {node} has \
         wal_level = {level}: set wal_level = logical and restart it, or say --block-writes, which \
         keeps the writers of the shard waiting; nothing was changed"
        ),
    )
    .into())
}

/// Other reasons that Citus has.
fn explained(error: DbErr) -> Error {
    // object_not_in_prerequisite_state, configuration_limit_exceeded
    match sqlstate(&error).as_deref() {
        Some("53400" | "55000") => Error::unusable(
            "wal-level",
            format!(
                "{}: logical replication takes wal_level = logical, and enough max_replication_slots and \
             max_wal_senders, on every node",
                crate::error::explain(&error)
            ),
        ),
        _ => error.into(),
    }
}
