//! `migration down`, `redo`, `fresh`, `refresh` and `reset`: what takes tables away, and asks first.

use super::{Careful, Printer, counted, open_patiently, with_consent};
use crate::{
    Outcome, Project,
    config::DatabaseArgs,
    db::Absent,
    error::Result,
    runner::{Command, Down},
};

#[derive(Debug, clap::Args)]
pub(super) struct DownArgs {
    /// Roll back this many; without --to, one
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    num: Option<u32>,
    /// Roll back everything that was applied after this one, which stays: its name, or a part of it
    #[arg(long, value_name = "NAME", conflicts_with = "num")]
    to: Option<String>,
    #[command(flatten)]
    careful: Careful,
}

#[derive(Debug, clap::Args)]
pub(super) struct RedoArgs {
    /// Roll back and apply this many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    num: u32,
    #[command(flatten)]
    careful: Careful,
}

pub(super) async fn down(
    args: DownArgs,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    let steps = args.num.or_else(|| args.to.is_none().then_some(1));
    let command = Command::Down(Down { steps, to: args.to });
    run(&command, args.careful, project, database, Absent::Fail, out).await
}

pub(super) async fn redo(
    args: RedoArgs,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    run(&Command::Redo(args.num), args.careful, project, database, Absent::Fail, out).await
}

pub(super) async fn fresh(
    args: Careful,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    run(&Command::Fresh, args, project, database, Absent::Create, out).await
}

pub(super) async fn refresh(
    args: Careful,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    run(&Command::Refresh, args, project, database, Absent::Create, out).await
}

pub(super) async fn reset(
    args: Careful,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    run(&Command::Reset, args, project, database, Absent::Fail, out).await
}

async fn run(
    command: &Command,
    args: Careful,
    project: &'static Project,
    database: &DatabaseArgs,
    absent: Absent,
    out: &mut Printer,
) -> Result<u8> {
    let absent = args.rehearsing.or_in_memory(absent);
    let db = open_patiently(project, database, absent, args.waiting, out).await?;
    if args.rehearsing.is_wanted() {
        let code = args.rehearsing.run(&db, command, args.confirm, out).await;
        db.close().await;
        return code;
    }
    let outcome = with_consent(args.confirm, out, async |hash| {
        db.project.runner(&db)?.confirm(hash).backup(args.backup.clone()).run(command).await
    })
    .await?;
    db.close().await;
    out.done(&said(&outcome))?;
    Ok(0)
}

/// One sentence about what was done.
fn said(outcome: &Outcome) -> String {
    let part = |count: usize, what: &str| {
        (count > 0).then(|| format!("{} {what}", counted(count, "migration", "migrations")))
    };
    let parts: Vec<String> =
        [part(outcome.rolled_back.len(), "rolled back"), part(outcome.applied.len(), "applied")]
            .into_iter()
            .flatten()
            .collect();
    if parts.is_empty() { "nothing to roll back".to_owned() } else { parts.join(", ") }
}
