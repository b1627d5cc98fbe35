//! `migration down`, `fresh`, `refresh` and `reset`: what takes tables away, and asks first.

use super::{Printer, counted, with_consent};
use crate::{
    Outcome, Runner,
    config::{DatabaseArgs, is_production},
    db::Absent,
    error::Result,
    runner_on,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Consent to the loss that a refusal described, by the hash it printed
    #[arg(long, value_name = "HASH")]
    confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct DownArgs {
    /// Roll back this many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    num: u32,
    #[command(flatten)]
    consent: Args,
}

pub(super) async fn down(args: DownArgs, database: &DatabaseArgs, out: &mut Printer) -> Result<u8> {
    let steps = Some(args.num);
    run(args.consent, database, Absent::Fail, out, async |runner| runner.down(steps).await).await
}

pub(super) async fn fresh(args: Args, database: &DatabaseArgs, out: &mut Printer) -> Result<u8> {
    run(args, database, Absent::Create, out, async |runner| runner.fresh().await).await
}

pub(super) async fn refresh(args: Args, database: &DatabaseArgs, out: &mut Printer) -> Result<u8> {
    run(args, database, Absent::Create, out, async |runner| runner.refresh().await).await
}

pub(super) async fn reset(args: Args, database: &DatabaseArgs, out: &mut Printer) -> Result<u8> {
    run(args, database, Absent::Fail, out, async |runner| runner.reset().await).await
}

async fn run(
    args: Args,
    database: &DatabaseArgs,
    absent: Absent,
    out: &mut Printer,
    work: impl AsyncFn(&Runner<'_>) -> Result<Outcome>,
) -> Result<u8> {
    let db = super::open(database, absent, out).await?;
    let outcome = with_consent(args.confirm, out, async |hash| {
        let runner = runner_on(&db)?;
        work(&runner.confirm(hash).production(is_production())).await
    })
    .await?;
    db.close().await;
    let said = |count: usize, what: &str| {
        (count > 0).then(|| format!("{} {what}", counted(count, "migration", "migrations")))
    };
    let parts: Vec<String> =
        [said(outcome.rolled_back.len(), "rolled back"), said(outcome.applied.len(), "applied")]
            .into_iter()
            .flatten()
            .collect();
    if parts.is_empty() {
        out.line("nothing to roll back")?;
    } else {
        out.line(&parts.join(", "))?;
    }
    Ok(0)
}
