//! The command line of `seeder`.

mod clean;
mod export;
mod plan;
mod seed;
mod spec;
mod stopping;
mod verify;

use std::path::PathBuf;

use clap::{Command, Parser, Subcommand};
pub use seed::{nodes, summary};
use spec::check_factors;
pub use spec::{SpecArgs, with_presets};
use tenantry_migration::{
    Project, Result,
    cli::{CommandLine, Printer, Waiting, open_patiently},
    config::{DatabaseArgs, is_production},
    db::Absent,
};

use crate::{Options, Progress, Seeder, Stop, export::Format};

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

impl CommandLine for Cli {
    type Application = Seeder;

    fn project(seeder: &'static Seeder) -> &'static Project {
        seeder.project
    }

    fn adapted(command: Command, seeder: &'static Seeder) -> Command {
        ["plan", "export"].into_iter().fold(with_presets(command, seeder), |command, name| {
            command.mut_subcommand(name, |below| with_presets(below, seeder))
        })
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
            let given = [spec, &self.spec].into_iter().find_map(|it| it.given(seeder, None));
            given.unwrap_or_else(|| seeder.usual())
        };
        let options = Options {
            alongside: self.alongside,
            production: is_production(),
            engine: Some(db.engine),
            confirm: None,
            patience: db.patience,
            spec: self.spec.given(seeder, there.as_ref()),
            tenant: self.tenant,
            bulk: self.bulk,
            workers: self.workers.map_or(0, usize::from),
            stop: Stop::default(),
            progress: Progress::default(),
        };
        let code = match self.command {
            Some(Action::Plan { spec, bulk, json }) => {
                plan::run(seeder, &db, &meant(&spec), bulk || self.bulk, json, out)?
            }
            Some(Action::Export { spec, format, tenant, to }) => {
                export::run(seeder, db.engine, meant(&spec), format, tenant, &to, out).await?
            }
            Some(Action::Verify { tenant, json }) => {
                verify::run(seeder, &db, &Options { tenant, ..options }, json, out).await?
            }
            Some(Action::Clean { confirm }) => {
                clean::run(seeder, &db, &options, confirm, out).await?
            }
            None if self.repair => seed::repair(seeder, &db, &options, out).await?,
            None => seed::run(seeder, &db, &options, out).await?,
        };
        db.close().await;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        tenantry_migration::cli::assert_sound::<super::Cli>();
    }
}
