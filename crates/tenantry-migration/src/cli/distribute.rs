//! `migration distribute`

use super::{Printer, Waiting, counted};
use crate::{Project, cluster, config::DatabaseArgs, db::Absent, error::Result};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Let applications write meanwhile, by logical replication; foreign keys between tenant-scoped tables
    /// are away until all is done
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    waiting: Waiting,
}

pub(super) async fn run(
    args: Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    project.tenants()?;
    let db = super::open_patiently(project, database, Absent::Fail, args.waiting, out).await?;
    let done = cluster::distribute(&db, args.online).await;
    db.close().await;
    let done = done?;
    for (table, rows) in &done.tables {
        out.line(&format!("{table:<16} {rows:>12}"))?;
    }
    if !done.keys.is_empty() {
        out.line(&format!("foreign keys added: {}", done.keys.join(", ")))?;
    }
    if !done.cleared.is_empty() {
        out.line(&format!("removed from where they were before: {}", done.cleared.join(", ")))?;
    }
    out.line(&match done.tables.len() {
        0 if done.keys.is_empty() => {
            "nothing to distribute: every table is where it should be".to_owned()
        }
        count => format!("{} distributed", counted(count, "table", "tables")),
    })?;
    Ok(0)
}
