//! The command line of `seeder`.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use chrono::{DateTime, Datelike as _, Utc};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use tenantry_migration::{
    Error, Project, Result,
    cli::{Command, Printer, Waiting, open_patiently, typed, with_typed_consent},
    config::{DatabaseArgs, env, is_production},
    db::{Absent, Database},
    report::{Envelope, Finding},
};
use tokio::time::MissedTickBehavior;

use crate::{
    DataSet, Dataset, Difference, NodeReport, Options, Plan, Preset, Progress, Report, Seeder,
    Skew, Spec, Stop, TableDigest, TableReport, Verification,
    bars::{self, Bars},
    export::{Format, export},
    loader::FEW,
    spec::{WHOLE, thousandths},
    verify::narrowed,
};

/// The `main` of the `seeder` command of an application.
#[must_use]
pub fn main(seeder: &'static Seeder) -> std::process::ExitCode {
    tenantry_migration::cli::run::<Cli>(seeder)
}

/// Inserts related sample rows, or removes them again
///
/// Without a command, inserts what is not there yet; a second time changes nothing, and a larger set adds
/// to a smaller one. Exit codes: 0 done, 1 refused, 2 could not run, 3 stopped before the end.
#[derive(Debug, Parser)]
#[command(name = "seeder", version)]
pub struct Cli {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    spec: SpecArgs,
    /// How many connections load at once, on a PostgreSQL server; without it, as many as this machine has
    /// processors, up to 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: Option<u8>,
    /// Load into empty tables without their indexes and foreign keys, and build those afterwards, all in
    /// one transaction; on a PostgreSQL server, as the owner of the tables
    #[arg(long, conflicts_with_all = ["workers", "repair"])]
    bulk: bool,
    /// Seed even if there are tenants that the seeder did not make
    #[arg(long)]
    alongside: bool,
    /// Put back sample rows that were changed or deleted, of whichever set is there, and look at every row
    /// for that
    #[arg(long)]
    repair: bool,
    /// Repair only one tenant, by its number from 1
    #[arg(long, value_name = "N", requires = "repair")]
    tenant: Option<u32>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what would be inserted, and how, without touching anything
    Plan {
        #[command(flatten)]
        spec: SpecArgs,
        /// As for seeding
        #[arg(long)]
        bulk: bool,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the rows to files, which may be loaded by other means
    Export {
        #[command(flatten)]
        spec: SpecArgs,
        /// What the files look like
        #[arg(long, value_enum)]
        format: Format,
        /// Only one tenant, by its number from 1
        #[arg(long, value_name = "N")]
        tenant: Option<u32>,
        /// The folder to write to; it is made, and no file in it is written over
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Remove exactly the sample rows
    Clean {
        /// Consent to the loss that a refusal described, by the hash it printed
        #[arg(long, value_name = "HASH")]
        confirm: Option<String>,
    },
    /// Compare the sample rows with what makes them, and show what is in each table, as a digest that
    /// is the same on every engine
    Verify {
        /// Only one tenant, by its number from 1
        #[arg(long, value_name = "N")]
        tenant: Option<u32>,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
}

impl Action {
    /// Which rows the command is about, if it says so itself.
    fn spec(&self) -> Option<&SpecArgs> {
        match self {
            Self::Plan { spec, .. } | Self::Export { spec, .. } => Some(spec),
            _ => None,
        }
    }
}

/// Which rows.
#[derive(Clone, Debug, Args)]
pub struct SpecArgs {
    /// How much. Without it, the rows that are there are meant, or else the demo
    #[arg(long, value_enum, env = env::SEED_PRESET, hide_env_values = true)]
    preset: Option<Preset>,
    /// How many tenants, instead of the preset's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    tenants: Option<u32>,
    /// So many times the preset's size of each tenant
    #[arg(long, value_name = "FACTOR", value_parser = thousandths)]
    scale: Option<u32>,
    /// How unequal the tenants are
    #[arg(long, value_enum)]
    skew: Option<Skew>,
    /// So many times the rows of one table; may be given several times
    #[arg(long = "factor", value_name = "TABLE=FACTOR", value_parser = factor)]
    factors: Vec<(String, u32)>,
    /// Another number makes other rows
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The version of names and texts
    #[arg(long, value_enum)]
    dataset: Option<Dataset>,
    /// The present of the data, instead of that of the data set: a moment as in RFC 3339, or `now`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    as_of: Option<DateTime<Utc>>,
    /// Add tenants with what breaks programs: none of anything, very much of it, the longest texts, other
    /// scripts, NULL wherever it may be, and another tenant's addresses
    #[arg(long)]
    edge: bool,
}

impl SpecArgs {
    /// What they say; `None` if they say nothing. Without a preset, they say how it differs from what is
    /// there, or else from the demo.
    fn given(&self, there: Option<&Spec>) -> Option<Spec> {
        let base = match (self.preset, there) {
            (Some(preset), _) => Spec::preset(preset),
            (None, Some(there)) => there.clone(),
            (None, None) => Spec::default(),
        };
        let spec = self.over(base.clone());
        (self.preset.is_some() || spec != base).then_some(spec)
    }

    /// What they make of a data set.
    fn over(&self, base: Spec) -> Spec {
        let mut spec = match self.scale {
            Some(scale) => base.scaled(scale),
            None => base,
        };
        for (table, factor) in &self.factors {
            spec.factors.insert(table.clone(), *factor);
        }
        spec.factors.retain(|_, factor| *factor != WHOLE);
        Spec {
            dataset: self.dataset.unwrap_or(spec.dataset),
            seed: self.seed.unwrap_or(spec.seed),
            tenants: self.tenants.unwrap_or(spec.tenants),
            skew: self.skew.unwrap_or(spec.skew),
            as_of: self.as_of.unwrap_or(spec.as_of),
            edge: self.edge || spec.edge,
            ..spec
        }
    }
}

/// `orders=1.5`
fn factor(text: &str) -> std::result::Result<(String, u32), String> {
    let Some((table, factor)) = text.split_once('=') else {
        return Err("it should be a table, `=` and a number, such as orders=1.5".to_owned());
    };
    Ok((table.to_owned(), thousandths(factor)?))
}

/// Fails where a factor is for a table that there is not.
fn check_factors<'s>(seeder: &Seeder, specs: impl Iterator<Item = &'s SpecArgs>) -> Result<()> {
    let tables = seeder.samples.tables().iter().filter(|info| info.takes_factor);
    let tables: Vec<&str> = tables.map(|info| info.name).collect();
    for (table, _) in specs.flat_map(|spec| &spec.factors) {
        if !tables.contains(&table.as_str()) {
            return Err(Error::Config(format!(
                "there is no table {table:?}; there are {}",
                tables.join(", ")
            )));
        }
    }
    Ok(())
}

/// To the second, which is as exact as sample rows are.
fn moment(text: &str) -> std::result::Result<DateTime<Utc>, String> {
    let moment = match text {
        "now" => Ok(Utc::now()),
        _ => DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc()),
    };
    let moment =
        moment.map_err(|error| format!("{error}; it should be as 2026-06-30T18:00:00Z"))?;
    let years = 1990..=2200;
    if !years.contains(&moment.year()) {
        return Err("it should be between 1990 and 2200".to_owned());
    }
    DateTime::from_timestamp(moment.timestamp(), 0).ok_or_else(|| "out of range".to_owned())
}

impl Command for Cli {
    type Application = Seeder;

    fn project(seeder: &'static Seeder) -> &'static Project {
        seeder.project
    }

    fn database(&self) -> &DatabaseArgs {
        &self.database
    }

    async fn run(self, seeder: &'static Seeder, out: &mut Printer) -> Result<u8> {
        seeder.check()?;
        let specs = [Some(&self.spec), self.command.as_ref().and_then(Action::spec)];
        check_factors(seeder, specs.into_iter().flatten())?;
        let absent = match self.command {
            Some(Action::Plan { .. } | Action::Export { .. }) => Absent::InMemory,
            _ => Absent::Fail,
        };
        let db = open_patiently(seeder.project, &self.database, absent, self.waiting, out).await?;
        let there = match self.command {
            None => {
                let noted = crate::admission::noted(&db.connection, &seeder.on(db.engine)).await?;
                noted.map(|(set, _)| set.spec().clone())
            }
            Some(_) => None,
        };
        // Options of plan and export may stand before or behind them.
        let meant = |spec: &SpecArgs| {
            let given = spec.given(None).or_else(|| self.spec.given(None));
            given.unwrap_or_default()
        };
        let options = Options {
            alongside: self.alongside,
            production: is_production(),
            engine: Some(db.engine),
            confirm: None,
            patience: db.patience,
            spec: self.spec.given(there.as_ref()),
            tenant: self.tenant,
            bulk: self.bulk,
            workers: self.workers.map_or(0, usize::from),
            stop: Stop::default(),
            progress: Progress::default(),
        };
        let code = match self.command {
            Some(Action::Plan { spec, bulk, json }) => {
                let plan =
                    seeder.plan(&db.connection, db.engine, &meant(&spec), bulk || self.bulk)?;
                show_plan(&db, plan, json, out)?
            }
            Some(Action::Export { spec, format, tenant, to }) => {
                let set = narrowed(DataSet::new(seeder.samples, meant(&spec)), tenant)?;
                for file in export(&set, db.engine, format, &to).await? {
                    out.done(&file.display().to_string())?;
                }
                0
            }
            Some(Action::Verify { tenant, json }) => {
                let options = Options { tenant, ..options };
                show(&db, seeder.verify(&db.connection, &options).await?, json, out)?
            }
            Some(Action::Clean { confirm }) => {
                let attempt = async |confirm| {
                    let options = Options { confirm, ..options.clone() };
                    stoppable(seeder, &options, seeder.clean(&db.connection, &options)).await
                };
                let report = with_typed_consent(confirm, out, attempt, stoppably_typed).await?;
                print(&report, out)?;
                out.done(&match report.changed() {
                    rows if report.stopped => {
                        format!("stopped, with {rows} sample rows removed; another time it goes on from there")
                    }
                    0 => "nothing to remove: there are no sample rows".to_owned(),
                    rows => format!("{rows} sample rows removed"),
                })?;
                if report.stopped { STOPPED } else { 0 }
            }
            None if self.repair => {
                let report = seeder.repair(&db.connection, &options).await?;
                for table in &report.tables {
                    let TableReport { table, changed, updated, planned } = table;
                    let unchanged = planned.saturating_sub(changed + updated);
                    out.done(&format!(
                        "{table:<16} {changed:>6} created {updated:>6} updated {unchanged:>8} unchanged"
                    ))?;
                }
                let (created, updated) = (report.changed(), report.updated());
                out.done(&format!("{created} sample rows created, {updated} updated"))?;
                0
            }
            None => {
                let began = Instant::now();
                let report =
                    stoppable(seeder, &options, seeder.seed(&db.connection, &options)).await?;
                print(&report, out)?;
                out.done(&(summary(&report) + &pace(&report, began.elapsed())))?;
                if report.stopped { STOPPED } else { 0 }
            }
        };
        db.close().await;
        Ok(code)
    }
}

/// The exit code of a seeding that was asked to stop.
const STOPPED: u8 = 3;

/// Waits, shows how far it is on a terminal, and asks it to stop at the first Ctrl-C. The second one ends the
/// process.
async fn stoppable<T>(seeder: &Seeder, options: &Options, work: impl Future<Output = T>) -> T {
    const STOPPING: &str = "stopping after what is under way; Ctrl-C once more stops at once";
    let mut work = std::pin::pin!(work);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let mut bars = Bars::new(&options.progress, seeder.samples.tables());
    let mut looks = tokio::time::interval(bars::EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = &mut interrupt => {
                if options.stop.is_asked_for() {
                    drop(bars);
                    #[allow(clippy::disallowed_methods, reason = "it is asked for, and a transaction may be cut off")]
                    std::process::exit(130)
                }
                options.stop.ask();
                if let Some(bars) = &bars {
                    bars.say(STOPPING);
                } else {
                    tracing::warn!("{STOPPING}");
                }
                interrupt.set(tokio::signal::ctrl_c());
            }
            _ = looks.tick(), if bars.is_some() => bars.iter_mut().for_each(Bars::draw),
        }
    }
}

/// A line from the terminal. Ctrl-C ends the process here: since [`stoppable`] has asked for it, it does
/// nothing by itself any more.
async fn stoppably_typed() -> Result<String> {
    tokio::select! {
        line = tokio::task::spawn_blocking(typed) => line.map_err(std::io::Error::other)?,
        _ = tokio::signal::ctrl_c() => {
            #[allow(clippy::disallowed_methods, reason = "it is asked for, and nothing is under way")]
            std::process::exit(130)
        }
    }
}

/// How long it took, where anybody would have waited.
fn pace(report: &Report, took: Duration) -> String {
    let rows = report.changed();
    if rows < FEW || report.stopped {
        return String::new();
    }
    let seconds = took.as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "there are not so many")]
    let rate = rows as f64 / seconds.max(0.001);
    format!(" in {seconds:.1} s, {rate:.0} a second")
}

/// Prints what would be inserted.
fn show_plan(db: &Database, plan: Plan, json: bool, out: &mut Printer) -> Result<u8> {
    if json {
        out.json(&Envelope::<_, Finding>::new("plan", db, plan, Vec::new()))?;
        return Ok(0);
    }
    for (table, rows) in &plan.tables {
        out.line(&format!("{table:<16} {rows:>10}"))?;
    }
    out.line(&plan.to_string())?;
    Ok(0)
}

/// One sentence about a seeding.
#[must_use]
pub fn summary(report: &Report) -> String {
    match report.changed() {
        rows if report.stopped => {
            format!("stopped, with {rows} sample rows inserted; another time it goes on from there")
        }
        0 => format!("nothing to insert: all {} sample rows are there", report.planned()),
        rows => format!("{rows} sample rows inserted"),
    }
}

/// A line for each node, where the engine has several.
pub fn nodes(report: &Report) -> impl Iterator<Item = String> + use<'_> {
    report.nodes.iter().map(|NodeReport { node, tenants, rows }| {
        let of = if *tenants == 1 { "tenant" } else { "tenants" };
        format!("on {node}: {rows} rows of {tenants} {of}")
    })
}

/// Prints what was found. The code is 1 if anything differs.
fn show(db: &Database, verification: Verification, json: bool, out: &mut Printer) -> Result<u8> {
    let code = u8::from(!verification.is_clean());
    if json {
        #[derive(Serialize)]
        struct Body {
            tables: Vec<TableDigest>,
            differences: Vec<Difference>,
        }
        let Verification { tables, differences } = verification;
        let body = Body { tables, differences };
        out.json(&Envelope::<_, Finding>::new("verify", db, body, Vec::new()))?;
        return Ok(code);
    }
    for table in &verification.tables {
        out.line(&format!("{:<16} {:>8}  {}", table.table, table.rows, table.digest))?;
    }
    for difference in &verification.differences {
        out.line(&difference.to_string())?;
    }
    let rows = verification.rows();
    out.line(&match code {
        0 => format!("{rows} sample rows are as they were made: {}", verification.digest()),
        _ => "not all sample rows are as they were made".to_owned(),
    })?;
    Ok(code)
}

fn print(report: &Report, out: &mut Printer) -> Result<()> {
    for table in report.tables.iter().filter(|table| table.changed > 0) {
        out.done(&format!("{:<16} {:>6}", table.table, table.changed))?;
    }
    for line in nodes(report) {
        out.done(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        tenantry_migration::cli::assert_sound::<super::Cli>();
    }
}
