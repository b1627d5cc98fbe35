//! `migration repair` and `migration baseline`

use super::{Printer, Waiting, counted, open_patiently};
use crate::{
    Project,
    config::{DatabaseArgs, PRODUCTION},
    db::Absent,
    error::{Error, Result},
    runner::Resolution,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The migrations, by name or a part of it: edited, missing or half done
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Why that is as it should be; the journal keeps it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What became of one that is half done
    #[arg(long = "as", value_name = "STATE", value_parser = ["applied", "pending"], default_value = "applied")]
    became: String,
    /// Say to which environment the database belongs, such as `development` for a copy of production
    /// whose data is not real any more
    #[arg(long, value_name = "NAME", conflicts_with = "names")]
    environment: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
}

#[derive(Debug, clap::Args)]
pub(super) struct BaselineArgs {
    /// Up to and with this one: its name, or a part of it
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
}

pub(super) async fn run(
    args: Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    if args.names.is_empty() && args.environment.is_none() {
        return Err(Error::config(
            "no-migration-named",
            "name the migrations to repair; `status` shows them",
        ));
    }
    let db = open_patiently(project, database, Absent::Fail, args.waiting, out).await?;
    let runner = db.project.runner(&db)?;
    let became = if args.became == "pending" { Resolution::Pending } else { Resolution::Applied };
    let said = if let Some(name) = &args.environment {
        runner.set_environment(name, &args.reason).await?;
        if name.trim().eq_ignore_ascii_case(PRODUCTION) {
            format!("the database belongs to {name}")
        } else {
            format!("the database belongs to {name}, and does not count as {PRODUCTION}")
        }
    } else {
        let repaired = runner.repair(&args.names, became, &args.reason).await?;
        format!("{} accepted", counted(repaired.len(), "migration", "migrations"))
    };
    db.close().await;
    out.done(&said)?;
    Ok(0)
}

pub(super) async fn baseline(
    args: BaselineArgs,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    let db = open_patiently(project, database, Absent::Fail, args.waiting, out).await?;
    let names = db.project.runner(&db)?.baseline(args.to).await?;
    db.close().await;
    out.done(&match names.len() {
        0 => "nothing to record".to_owned(),
        count => format!("{} recorded as applied", counted(count, "migration", "migrations")),
    })?;
    Ok(0)
}
