//! `migration up`

use super::{Printer, counted};
use crate::{config::DatabaseArgs, db::Absent, error::Result, runner_on, schema::Schema};

#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Apply at most this many
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    num: Option<u32>,
}

pub(super) async fn run(args: &Args, database: &DatabaseArgs, out: &mut Printer) -> Result<u8> {
    let db = super::open(database, Absent::Create, out).await?;
    let outcome = runner_on(&db)?.up(args.num).await?;
    if !outcome.applied.is_empty() {
        for sentence in Schema::from_entities()?.left_out(db.engine).sentences(db.engine) {
            out.note(&format!("note: {sentence}"));
        }
    }
    db.close().await;
    out.line(&match outcome.applied.len() {
        0 => "nothing to apply".to_owned(),
        count => format!("{} applied", counted(count, "migration", "migrations")),
    })?;
    Ok(0)
}
