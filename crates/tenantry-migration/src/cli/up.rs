//! `migration up`

use super::{Careful, Printer, counted, open_patiently, with_consent};
use crate::{
    Project,
    config::DatabaseArgs,
    db::Absent,
    error::Result,
    runner::{Command, Up},
};

#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Apply at most this many
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    num: Option<u32>,
    /// Apply up to and with this one: its name, or a part of it
    #[arg(long, value_name = "NAME", conflicts_with = "num")]
    to: Option<String>,
    /// Apply also migrations that are older than an applied one
    #[arg(long)]
    out_of_order: bool,
    #[command(flatten)]
    careful: Careful,
}

pub(super) async fn run(
    args: Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    let careful = args.careful;
    let absent = careful.rehearsing.or_in_memory(Absent::Create);
    let db = open_patiently(project, database, absent, careful.waiting, out).await?;
    let command = Command::Up(Up { steps: args.num, to: args.to, out_of_order: args.out_of_order });
    if careful.rehearsing.is_wanted() {
        let code = careful.rehearsing.run(&db, &command, careful.confirm, out).await;
        db.close().await;
        return code;
    }
    let outcome = with_consent(careful.confirm, out, async |hash| {
        db.project.runner(&db)?.confirm(hash).backup(careful.backup.clone()).run(&command).await
    })
    .await?;
    if !outcome.applied.is_empty() {
        for sentence in db.project.schema()?.left_out(db.engine).sentences(db.engine) {
            out.note(&format!("note: {sentence}"));
        }
    }
    db.close().await;
    out.done(&match outcome.applied.len() {
        0 => "nothing to apply".to_owned(),
        count => format!("{} applied", counted(count, "migration", "migrations")),
    })?;
    Ok(0)
}
