//! The command line of `tenantry`.

mod tenant;

use clap::{Args, Command, Parser, Subcommand};
use tenantry_migration::{
    Project,
    cli::{
        Careful, CommandLine, Printer, Rehearsing, Waiting, counted, open, open_patiently,
        with_consent,
    },
    config::{DatabaseArgs, env, is_production},
    db::Absent,
    error::Result,
    reach,
    report::Envelope,
    runner::Command as Runs,
};
use tenantry_seeder::cli::with_presets;

use crate::{
    Application, RollbackOptions, RunOptions, RunReport, Seeding, ValidateOptions, Validation,
};

/// The `main` of an application's own command.
#[must_use]
pub fn main(application: &'static Application) -> std::process::ExitCode {
    tenantry_migration::cli::run::<Cli>(application)
}

/// Migrates, seeds and validates a multi-tenant database
///
/// Standard output is data, standard error is talk. Exit codes: 0 done, 1 a finding or a refusal,
/// 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version)]
pub struct Cli {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Apply migrations, insert sample rows, validate the result; a second time changes nothing
    Run {
        /// Seed even if there are tenants that the seeder did not make
        #[arg(long)]
        alongside: bool,
        /// How many sample rows, unless there are some already
        #[arg(long, env = env::SEED_PRESET, hide_env_values = true)]
        preset: Option<String>,
        #[command(flatten)]
        rehearsing: Rehearsing,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Roll back every migration and prove that nothing is left
    Rollback {
        #[command(flatten)]
        careful: Careful,
    },
    /// Check that the database is what the entities say
    Validate(Validating),
    /// See what tenants have, and where it is
    #[command(subcommand)]
    Tenant(tenant::Action),
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct Validating {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Look for orphans in large tables too
    #[arg(long)]
    deep: bool,
    /// Print what came of each attack on each table
    #[arg(long, conflicts_with = "json")]
    matrix: bool,
    /// Print all that the application role and its logins can reach, and why it is safe
    #[arg(long, conflicts_with = "json")]
    reach: bool,
}

impl CommandLine for Cli {
    type Application = Application;

    fn project(application: &'static Application) -> &'static Project {
        application.project()
    }

    fn name(project: &Project) -> Option<&'static str> {
        Some(project.name)
    }

    fn adapted(command: Command, application: &'static Application) -> Command {
        match application.seeder() {
            Some(seeder) => command.mut_subcommand("run", |run| with_presets(run, seeder)),
            None => command,
        }
    }

    fn database(&self) -> &DatabaseArgs {
        &self.database
    }

    async fn run(self, application: &'static Application, out: &mut Printer) -> Result<u8> {
        match self.command {
            Action::Run { alongside, preset, rehearsing, waiting } => {
                let production = is_production();
                let seeder = application.seeder();
                let spec = preset.and_then(|name| seeder?.sized(&name));
                let options = RunOptions { alongside, production, spec };
                run(*application, &self.database, &options, &rehearsing, waiting, out).await
            }
            Action::Rollback { careful } => {
                rollback(*application, &self.database, careful, out).await
            }
            Action::Validate(validating) => {
                validate(*application, &self.database, &validating, out).await
            }
            Action::Tenant(action) => {
                tenant::run(action, application.project(), &self.database, out).await
            }
        }
    }
}

async fn run(
    application: Application,
    args: &DatabaseArgs,
    options: &RunOptions,
    rehearsing: &Rehearsing,
    waiting: Waiting,
    out: &mut Printer,
) -> Result<u8> {
    let absent = rehearsing.or_in_memory(Absent::Create);
    let db = open_patiently(application.project(), args, absent, waiting, out).await?;
    if rehearsing.is_wanted() {
        let (rehearsal, outcome) = application.rehearse(&db, options).await?;
        let (outcome, report) = match outcome {
            Ok(report) => (Ok(()), Some(report)),
            Err(error) => (Err(error), None),
        };
        let code = rehearsing.show(&db, rehearsal, outcome, out);
        db.close().await;
        return match report.filter(|_| rehearsing.is_text()) {
            Some(report) => Ok(code?.max(print_run(&report, out)?)),
            None => code,
        };
    }
    let report = application.run(&db, options).await?;
    db.close().await;
    print_run(&report, out)
}

/// Prints what was done, and gives the exit code.
fn print_run(report: &RunReport, out: &mut Printer) -> Result<u8> {
    out.line(&match report.migrated.applied.len() {
        0 => "migrate   nothing to apply".to_owned(),
        count => format!("migrate   {} applied", counted(count, "migration", "migrations")),
    })?;
    let refused = match &report.seeding {
        Seeding::Done(report) => {
            out.line(&format!("seed      {}", tenantry_seeder::cli::summary(report)))?;
            for line in tenantry_seeder::cli::nodes(report) {
                out.line(&format!("          {line}"))?;
            }
            false
        }
        Seeding::Unknown => {
            out.line("seed      not done: there are no factories of sample rows")?;
            false
        }
        Seeding::Production => {
            out.line("seed      skipped: this is production, as APP_ENV or the database says")?;
            false
        }
        Seeding::Refused(refusal) => {
            out.line(&format!("seed      {refusal}"))?;
            true
        }
        Seeding::Failed(error) => {
            out.line(&format!("seed      failed: {error}"))?;
            true
        }
    };
    out.line(&format!("validate  {}", said(&report.validation)))?;
    print_findings(&report.validation, out)?;
    out.line("rows")?;
    for (table, rows) in &report.rows {
        out.line(&format!("  {table:<16} {rows:>8}"))?;
    }
    Ok(u8::from(refused || !report.validation.findings.is_empty()))
}

async fn rollback(
    application: Application,
    args: &DatabaseArgs,
    careful: Careful,
    out: &mut Printer,
) -> Result<u8> {
    let db =
        open_patiently(application.project(), args, Absent::Fail, careful.waiting, out).await?;
    if careful.rehearsing.is_wanted() {
        let code = careful.rehearsing.run(&db, &Runs::Reset, careful.confirm, out).await;
        db.close().await;
        return code;
    }
    let Careful { confirm, backup, .. } = careful;
    let options = RollbackOptions { confirm, backup, production: is_production() };
    let outcome = with_consent(options.confirm.clone(), out, async |confirm| {
        application.rollback(&db, &RollbackOptions { confirm, ..options.clone() }).await
    })
    .await?;
    db.close().await;
    out.done(&match outcome.rolled_back.len() {
        0 => "nothing to roll back; nothing of ours is left".to_owned(),
        count => format!(
            "{} rolled back; nothing of ours is left",
            counted(count, "migration", "migrations")
        ),
    })?;
    Ok(0)
}

async fn validate(
    application: Application,
    args: &DatabaseArgs,
    validating: &Validating,
    out: &mut Printer,
) -> Result<u8> {
    let db = open(application.project(), args, Absent::Fail, out).await?;
    let options = ValidateOptions { deep: validating.deep };
    let validation = application.validate(&db, &options).await?;
    let code = u8::from(!validation.findings.is_empty());
    if validating.json {
        let (findings, body) = validation.into_parts();
        out.json(&Envelope::new("validate", &db, body, findings))?;
    } else {
        if let Some(isolation) = validation.isolation.as_ref().filter(|_| validating.matrix) {
            out.line(isolation.text().trim_end())?;
        }
        if validating.reach {
            out.line(&reach::text(&validation.reach))?;
        }
        print_findings(&validation, out)?;
        for note in &validation.notes {
            out.note(&format!("note: {note}"));
        }
        if !validation.unknown_tables.is_empty() {
            out.note(&format!(
                "note: tables that no entity describes: {}",
                some_of(&validation.unknown_tables)
            ));
        }
        out.line(&said(&validation))?;
    }
    db.close().await;
    Ok(code)
}

fn said(validation: &Validation) -> String {
    match validation.findings.len() {
        0 => match &validation.isolation {
            Some(matrix) => format!(
                "no findings in {} tables; {} held off",
                validation.tables,
                counted(matrix.attacks(), "attack", "attacks")
            ),
            None => format!("no findings in {} tables", validation.tables),
        },
        count => counted(count, "finding", "findings"),
    }
}

/// How many names are printed; `--json` has all of them.
const NAMES: usize = 20;

/// The first names, and how many there are beside them.
fn some_of(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMES)].join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn print_findings(validation: &Validation, out: &mut Printer) -> Result<()> {
    for finding in &validation.findings {
        out.line(&format!("{}: {}: {}", finding.code, finding.table, finding.message))?;
        out.line(&format!("  {}", finding.help))?;
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
