//! `tenantry tenant`

use clap::Subcommand;
use serde::Serialize;
use tenantry_migration::{
    Project,
    cli::{Printer, Waiting, open, open_patiently},
    cluster::{IsolateOptions, Node, Place, isolate},
    config::DatabaseArgs,
    db::Absent,
    error::{Error, Result},
    refusal::size,
    report::{Envelope, Finding},
};

use crate::tenants::{Tenants, tenants};

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List tenants, those with the most rows first, and where they are
    ///
    /// Counts every row of every tenant-scoped table. Bytes are the tenant's share of its tables, or of its
    /// shards, by rows. On Citus, `alone` means that the tenant has shards of its own.
    List {
        /// How many to list
        #[arg(long, default_value_t = 50, value_name = "TENANTS")]
        limit: u32,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a tenant shards of its own, and move them to another node; on Citus
    ///
    /// Applications go on meanwhile, but for a moment at the end. That takes logical replication: `wal_level`
    /// on the nodes has to be `logical`.
    Isolate {
        /// The tenant's id
        id: String,
        /// Node to move to, as host:port; without it, the one with the least on it
        #[arg(long, value_name = "NODE", conflicts_with = "stay")]
        to: Option<Node>,
        /// Leave it on its node
        #[arg(long)]
        stay: bool,
        /// Keep writers of the shard waiting meanwhile, which takes no logical replication
        #[arg(long)]
        block_writes: bool,
        #[command(flatten)]
        waiting: Waiting,
    },
}

pub(super) async fn run(
    action: Action,
    project: &'static Project,
    args: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    match action {
        Action::List { limit, json } => list(project, args, limit, json, out).await,
        Action::Isolate { id, to, stay, block_writes, waiting } => {
            let ty = project.tenants()?.id;
            let id = ty.parse(&id).ok_or_else(|| {
                let what = format!("the tenant's id has to be {}", ty.name());
                Error::config("tenant-id-unusable", what)
            })?;
            let db = open_patiently(project, args, Absent::Fail, waiting, out).await?;
            let options = IsolateOptions { to, stay, block_writes };
            let done = isolate(&db, &id, &options, &mut |line| tracing::info!("{line}")).await;
            db.close().await;
            let done = done?;
            out.done(&if done.before == done.after {
                format!("nothing to do: {id} is {}", said(&done.after))
            } else {
                format!("{id} is {}; it was {}", said(&done.after), said(&done.before))
            })?;
            Ok(0)
        }
    }
}

fn said(place: &Place) -> String {
    let alone = if place.alone { ", alone" } else { ", with others" };
    format!("in shard {} on {}{alone}", place.shard, place.node)
}

async fn list(
    project: &'static Project,
    args: &DatabaseArgs,
    limit: u32,
    json: bool,
    out: &mut Printer,
) -> Result<u8> {
    let db = open(project, args, Absent::Fail, out).await?;
    let found = tenants(&db, limit).await?;
    if json {
        #[derive(Serialize)]
        struct Body {
            #[serde(flatten)]
            tenants: Tenants,
        }
        out.json(&Envelope::<_, Finding>::new(
            "tenant list",
            &db,
            Body { tenants: found },
            Vec::new(),
        ))?;
        db.close().await;
        return Ok(0);
    }
    db.close().await;
    let placed = found.tenants.iter().any(|tenant| tenant.place.is_some());
    let heading = if placed { "  shard      node" } else { "" };
    out.line(&format!("{:<36}  {:>10}  {:>10}{heading}  name", "tenant", "rows", "bytes"))?;
    for tenant in &found.tenants {
        let bytes = tenant.bytes.map_or_else(|| "?".to_owned(), size);
        let place = tenant.place.as_ref().map_or_else(String::new, |place| {
            let alone = if place.alone { " alone" } else { "" };
            format!("  {:<9}  {}{alone}", place.shard, place.node)
        });
        // A name may hold anything.
        let name: String =
            tenant.name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        out.line(&format!("{}  {:>10}  {bytes:>10}{place}  {name}", tenant.id, tenant.rows))?;
    }
    let rest = found.all.saturating_sub(found.tenants.len() as u64);
    if rest > 0 {
        out.note(&format!("and {rest} more; --limit lists them"));
    }
    Ok(0)
}
