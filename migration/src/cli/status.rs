//! `migration status`

use serde::Serialize;

use super::Printer;
use crate::{
    Migrator,
    config::DatabaseArgs,
    db::Absent,
    error::Result,
    report::{Envelope, Finding},
    runner::{MigrationState, State},
    runner_on,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Body {
    applied: usize,
    pending: usize,
    missing: usize,
    migrations: Vec<MigrationState>,
}

pub(super) async fn run(args: &Args, database: &DatabaseArgs, out: &mut Printer) -> Result<u8> {
    let db = super::open(database, Absent::Fail, out).await?;
    let migrations = runner_on(&db)?.status().await?;
    let count = |state| migrations.iter().filter(|entry| entry.state == state).count();
    let (applied, pending, missing) =
        (count(State::Applied), count(State::Pending), count(State::Missing));
    if args.json {
        let findings = migrations
            .iter()
            .filter(|entry| entry.state == State::Missing)
            .map(|entry| Finding {
                code: "migration-missing",
                table: Migrator::bookkeeping(),
                object: None,
                message: format!("{} is applied, but this program does not have it", entry.name),
                help: "run the version of the program that has it".to_owned(),
            })
            .collect();
        let body = Body { applied, pending, missing, migrations };
        out.json(&Envelope::new("status", &db, body, findings))?;
    } else {
        for entry in &migrations {
            let time = entry
                .applied_at
                .and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0))
                .map(|time| time.format("  %Y-%m-%d %H:%M:%S UTC").to_string())
                .unwrap_or_default();
            out.line(&format!("{:<7}  {}{time}", entry.state, entry.name))?;
        }
        let rest = if missing > 0 { format!(", {missing} missing") } else { String::new() };
        out.line(&format!("{applied} applied, {pending} pending{rest}"))?;
    }
    db.close().await;
    Ok(u8::from(missing > 0))
}
