//! `migration status`

use std::fmt::Write as _;

use serde::Serialize;

use super::Printer;
use crate::{
    Project,
    config::DatabaseArgs,
    db::Absent,
    error::Result,
    report::{Envelope, Finding},
    runner::{MigrationState, Standing, State},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
    /// Exit with 1 also when something is pending
    #[arg(long)]
    exit_code: bool,
}

#[derive(Serialize)]
struct Body {
    applied: usize,
    pending: usize,
    missing: usize,
    edited: usize,
    out_of_order: usize,
    half_done: usize,
    environment: Option<String>,
    migrations: Vec<MigrationState>,
}

pub(super) async fn run(
    args: &Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    let db = super::open(project, database, Absent::Fail, out).await?;
    let Standing { migrations, environment } = db.project.runner(&db)?.standing().await?;
    let count = |state| migrations.iter().filter(|entry| entry.state == state).count();
    let findings: Vec<Finding> =
        migrations.iter().filter_map(|entry| finding(entry, db.project.bookkeeping)).collect();
    let pending = count(State::Pending) + count(State::OutOfOrder);
    let code = u8::from(!findings.is_empty() || (args.exit_code && pending > 0));
    let body = Body {
        applied: count(State::Applied),
        pending: count(State::Pending),
        missing: count(State::Missing),
        edited: count(State::Edited),
        out_of_order: count(State::OutOfOrder),
        half_done: count(State::HalfDone),
        environment,
        migrations,
    };
    if args.json {
        out.json(&Envelope::new("status", &db, body, findings))?;
    } else {
        for entry in &body.migrations {
            out.line(&line(entry))?;
        }
        if let Some(environment) = &body.environment {
            out.line(&format!("environment   {environment}"))?;
        }
        let mut summary = format!("{} applied, {} pending", body.applied, body.pending);
        for (count, what) in [
            (body.out_of_order, "out of order"),
            (body.edited, "edited"),
            (body.missing, "missing"),
            (body.half_done, "half done"),
        ] {
            if count > 0 {
                let _ = write!(summary, ", {count} {what}");
            }
        }
        out.line(&summary)?;
        for finding in &findings {
            out.note(&format!("{}: {}", finding.message, finding.help));
        }
    }
    db.close().await;
    Ok(code)
}

fn line(entry: &MigrationState) -> String {
    let mut line = format!("{:<12}  {}", entry.state, entry.name);
    let at = entry.applied_at.and_then(|at| chrono::DateTime::from_timestamp(at, 0));
    if let Some(at) = at {
        let _ = write!(line, "  {}", at.format("%Y-%m-%d %H:%M:%S UTC"));
    }
    if let Some(duration) = entry.duration_ms {
        let _ = write!(line, "  {duration} ms");
    }
    if let Some(actor) = &entry.actor {
        let _ = write!(line, "  {actor}");
    }
    if let Some(note) = &entry.note {
        let _ = write!(line, "  ({note})");
    }
    line
}

/// What is not as it should be about a migration.
fn finding(entry: &MigrationState, bookkeeping: &str) -> Option<Finding> {
    let name = &entry.name;
    let (code, message, help) = match entry.state {
        State::Missing => (
            "migration-missing",
            format!("{name} is applied, but this program does not have it"),
            "run the version of the program that has it, or accept it with `repair`",
        ),
        State::Edited => (
            "migration-edited",
            format!("{name} was edited after it was applied"),
            "undo the edit and put the change into a new migration, or accept it with `repair`",
        ),
        State::HalfDone => (
            "migration-half-done",
            format!("{name} has begun and not ended"),
            "if no process is at it, the same command tries again; `repair` records what became of it",
        ),
        State::OutOfOrder => (
            "migration-out-of-order",
            format!("{name} is not applied, but something that comes after it is"),
            "give it a newer name, or apply it with `up --out-of-order`",
        ),
        _ => return None,
    };
    let help = help.to_owned();
    Some(Finding { code, table: bookkeeping.to_owned(), object: Some(name.clone()), message, help })
}
