//! The command line: what all binaries share, and the commands of `migration`.
//!
//! Standard output is data, standard error is talk. Exit codes: 0 done, 1 a finding or a refusal,
//! 2 could not run.

mod adopt;
mod careful;
mod destroy;
mod diff;
mod distribute;
mod generate;
mod grant;
mod lint;
mod printer;
mod prove;
mod rehearse;
mod repair;
mod restore;
mod seal;
mod status;
mod up;
mod waiting;
mod write_over;

use std::{
    collections::BTreeSet,
    io::{BufRead as _, IsTerminal as _, stderr, stdin},
    process::ExitCode,
};

pub use careful::Careful;
use clap::{ArgMatches, Parser, Subcommand, error::ErrorKind};
pub use printer::Printer;
pub use rehearse::Rehearsing;
use tenantry_entity::Engine;
pub use waiting::Waiting;

use crate::{
    config::{self, DatabaseArgs, Target},
    db::{Absent, Database},
    error::{Error, Result},
    generate::relations,
    logging,
    project::Project,
    refusal::Refusal,
};

/// A command line that [`run`] can run.
#[allow(async_fn_in_trait, reason = "only our own binaries run commands, on one thread")]
pub trait CommandLine: Parser {
    /// What the command works for: the [`Project`], and what else the application brings.
    type Application: 'static;

    /// The project of an application.
    fn project(application: &'static Self::Application) -> &'static Project;

    /// The command's name, where it is the application's; otherwise the one of its definition.
    #[must_use]
    fn name(_project: &Project) -> Option<&'static str> {
        None
    }

    /// The definition of the command, with what it takes from the application.
    #[must_use]
    fn adapted(command: clap::Command, _application: &'static Self::Application) -> clap::Command {
        command
    }

    /// The options that every command has.
    fn database(&self) -> &DatabaseArgs;

    /// Does the work. The code is the process's exit code.
    async fn run(self, application: &'static Self::Application, out: &mut Printer) -> Result<u8>;
}

/// The `main` of the `migration` command of an application.
///
/// It is not generic, so that a program compiles nothing of the engine.
#[must_use]
pub fn main(project: &'static Project) -> ExitCode {
    run::<Migrations>(project)
}

/// The `main` of every binary: reads settings, starts logging, runs the command, and turns every
/// failure into one sentence and an exit code.
#[must_use]
pub fn run<C: CommandLine>(application: &'static C::Application) -> ExitCode {
    if let Some(code) = relations::read_only(C::project(application)) {
        return code;
    }
    let dotenv = config::load_dotenv();
    let command = C::adapted(described::<C>(C::project(application)), application);
    let parsed = command.try_get_matches().and_then(|matches| {
        C::from_arg_matches(&matches).map(|command| (command, asks_for_json(&matches)))
    });
    let (command, as_json) = match parsed {
        Ok(command) => command,
        Err(error) => {
            if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                // Nothing that was typed is in it.
                Printer::stdout().note(error.to_string().trim_end());
            } else if error.use_stderr() {
                // clap quotes what it does not understand, and that may be a URL.
                Printer::stdout().note(without_urls(&error.to_string()).trim_end());
            } else {
                // Help and version; a closed pipe is no failure.
                let _ = error.print();
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    logging::init(command.database().verbose);
    let mut out = Printer::stdout();
    let outcome = dotenv.and_then(|()| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(command.run(application, &mut out))
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            out.error(&error, as_json);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Whether the command, or the one below it, was called with `--json`.
fn asks_for_json(matches: &ArgMatches) -> bool {
    let here = matches.try_get_one::<bool>("json").ok().flatten();
    here.copied().unwrap_or_default()
        || matches.subcommand().is_some_and(|(_, below)| asks_for_json(below))
}

/// The command line, with the application's version and file in its texts.
fn described<C: CommandLine>(project: &Project) -> clap::Command {
    let file = format!(
        "Database to work on: postgres://user:password@host:port/name or sqlite://path\n\nWithout it, the \
         SQLite file {} in the current folder.",
        project.default_file()
    );
    let command = match C::name(project) {
        Some(name) => C::command().name(name),
        None => C::command(),
    };
    command.version(project.version).mut_arg("database_url", |arg| arg.long_help(file))
}

/// Leaves out every word that looks like a URL, or like the end of one with a password in it.
fn without_urls(text: &str) -> String {
    let mask = |word: &str| {
        let url = word.contains("://") || word.contains('@');
        if url { "<URL>".to_owned() } else { word.to_owned() }
    };
    let lines = text.lines().map(|line| line.split(' ').map(mask).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Opens the database that the options mean, and names the default one on standard error.
///
/// # Errors
///
/// As [`DatabaseArgs::target`] and [`Database::open`].
pub async fn open(
    project: &'static Project,
    args: &DatabaseArgs,
    absent: Absent,
    out: &mut Printer,
) -> Result<Database> {
    let target = args.target(project)?;
    if let (Target::Sqlite { .. }, Some(schema)) = (&target, &args.database_schema) {
        out.note(&format!("SQLite has no schemas, so --database-schema {schema} has no effect"));
    }
    if let Target::Sqlite { path, is_default: true, .. } = &target {
        out.note(&format!(
            "using the SQLite file {} in the current folder; set DATABASE_URL to use another database",
            path.display()
        ));
    }
    Database::open(project, &target, absent).await
}

/// The same for a command that may have to wait.
///
/// # Errors
///
/// As [`open`].
pub async fn open_patiently(
    project: &'static Project,
    args: &DatabaseArgs,
    absent: Absent,
    waiting: Waiting,
    out: &mut Printer,
) -> Result<Database> {
    let db = open(project, args, absent, out).await?;
    if db.engine != Engine::Sqlite {
        tracing::info!("working on {}", db.name);
    }
    Ok(Database { patience: waiting.patience(), ..db })
}

/// Runs something that may be refused. On a terminal, and if no hash was given, shows the refusal,
/// asks, and on a typed `yes` tries again with consent to exactly what was shown.
///
/// # Errors
///
/// What `attempt` returns, and a refusal when the answer is not `yes`.
pub async fn with_consent<T>(
    confirm: Option<String>,
    out: &mut Printer,
    attempt: impl AsyncFn(Option<String>) -> Result<T>,
) -> Result<T> {
    with_typed_consent(confirm, out, attempt, async || typed()).await
}

/// The same, for a command that reads what was typed in another way than [`typed`].
///
/// # Errors
///
/// As [`with_consent`].
pub async fn with_typed_consent<T>(
    confirm: Option<String>,
    out: &mut Printer,
    attempt: impl AsyncFn(Option<String>) -> Result<T>,
    answer: impl AsyncFn() -> Result<String>,
) -> Result<T> {
    let asked = confirm.is_none() && stdin().is_terminal() && stderr().is_terminal();
    match attempt(confirm).await {
        Err(Error::Refused(refusal)) if asked && refusal.hash.is_some() => {
            out.note(&refusal.to_string());
            out.prompt("Type yes to go ahead: ");
            if answer().await?.trim() == "yes" {
                attempt(refusal.hash).await
            } else {
                Err(Refusal::plain("not-confirmed", "not confirmed; nothing was changed").into())
            }
        }
        other => other,
    }
}

/// A line from the terminal.
///
/// # Errors
///
/// If it cannot be read.
pub fn typed() -> Result<String> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    Ok(line)
}

/// Applies, rolls back and lists the migrations of Tenantry's schema
///
/// Without a command, applies all pending migrations. Standard output is data, standard error is
/// talk. Exit codes: 0 done, 1 refused, 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "migration", version)]
pub struct Migrations {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Apply pending migrations
    Up(up::Args),
    /// Roll back what was applied last
    Down(destroy::DownArgs),
    /// Roll back what was applied last, and apply the same again
    Redo(destroy::RedoArgs),
    /// Write the migration that the entities ask for; needs no database
    Generate(Box<generate::Args>),
    /// Write entities, objects and a migration for the tables of a database that is there already
    ///
    /// Sends nothing but queries. What cannot be carried over is listed by name.
    Adopt(adopt::Args),
    /// Compare the database with the entities; exit code 1 if they differ
    Diff(diff::Args),
    /// Look for what an engine refuses in the SQL of the migrations; exit code 1 if there is any
    ///
    /// Needs no database. The line of a finding in a migration is the number of its statement.
    Lint(lint::Args),
    /// Make the application role, and grant it what it does not have yet
    Grant,
    /// Distribute the tables of a database that was on one server until now, rows kept; on Citus
    Distribute(distribute::Args),
    /// Prove schema, migrations and isolation in a database of its own, and write the report
    Prove(prove::Args),
    /// Accept migrations that are edited, missing or half done, for a reason that the journal keeps
    ///
    /// Changes no table.
    Repair(repair::Args),
    /// Record migrations as applied whose tables are there already, if they are exactly the same
    Baseline(repair::BaselineArgs),
    /// Bring back the rows that --backup has written, after `up`; exit code 1 if some stay away
    Restore(restore::Args),
    /// Give the database the key that seals tenant scopes, and list its keys
    ///
    /// The key is in the variable `TENANTRY_SEAL_KEY`, such as `openssl rand -hex 32` makes.
    Seal(seal::Args),
    /// List all migrations and what the database knows of them; writes nothing
    Status(status::Args),
    /// Drop all tables that the migrations make, then apply all migrations
    Fresh(Careful),
    /// Roll back all applied migrations, then apply all
    Refresh(Careful),
    /// Roll back all applied migrations and remove the bookkeeping
    Reset(Careful),
}

impl CommandLine for Migrations {
    type Application = Project;

    fn project(application: &'static Project) -> &'static Project {
        application
    }

    fn database(&self) -> &DatabaseArgs {
        &self.database
    }

    async fn run(self, project: &'static Project, out: &mut Printer) -> Result<u8> {
        let database = &self.database;
        match self.command.unwrap_or(Action::Up(up::Args::default())) {
            Action::Up(args) => up::run(args, project, database, out).await,
            Action::Generate(args) => generate::run(&args, project, out).await,
            Action::Adopt(args) => adopt::run(&args, project, database, out).await,
            Action::Diff(args) => diff::run(&args, project, database, out).await,
            Action::Lint(args) => lint::run(&args, project, out).await,
            Action::Grant => grant::run(project, database, out).await,
            Action::Distribute(args) => distribute::run(args, project, database, out).await,
            Action::Prove(args) => prove::run(&args, project, database, out).await,
            Action::Repair(args) => repair::run(args, project, database, out).await,
            Action::Baseline(args) => repair::baseline(args, project, database, out).await,
            Action::Restore(args) => restore::run(args, project, database, out).await,
            Action::Seal(args) => seal::run(&args, project, database, out).await,
            Action::Status(args) => status::run(&args, project, database, out).await,
            Action::Down(args) => destroy::down(args, project, database, out).await,
            Action::Redo(args) => destroy::redo(args, project, database, out).await,
            Action::Fresh(args) => destroy::fresh(args, project, database, out).await,
            Action::Refresh(args) => destroy::refresh(args, project, database, out).await,
            Action::Reset(args) => destroy::reset(args, project, database, out).await,
        }
    }
}

/// Checks the definition of a command line; for tests.
///
/// # Panics
///
/// If clap finds a contradiction in it.
pub fn assert_sound<C: CommandLine>() {
    C::command().debug_assert();
}

/// Refuses an option that is given twice for the same place: one of the two would be ignored.
///
/// # Errors
///
/// If two places are the same.
pub fn given_once(option: &str, places: impl Iterator<Item = String>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for place in places {
        if seen.contains(&place) {
            return Err(Error::config(
                "option-repeated",
                format!("{option} is given twice for {place}: give it once"),
            ));
        }
        seen.insert(place);
    }
    Ok(())
}

/// `3 migrations`, `1 migration`
#[must_use]
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::assert_sound::<super::Migrations>();
    }
}
