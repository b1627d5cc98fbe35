//! `--dry-run` and `--sql`: what would be done, without doing it.

use std::path::PathBuf;

use serde::Serialize;

use super::{Printer, write_over::write_over};
use crate::{
    db::{Absent, Database},
    error::Result,
    rehearsal::{Rehearsal, Report, SCRIPT},
    report::{Envelope, Finding},
    runner::Command,
};

/// How a command is rehearsed.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Rehearsing {
    /// Do everything in a transaction that is rolled back, and show each statement with its time, the
    /// locks it takes, and what it does to which tables
    #[arg(long)]
    dry_run: bool,
    /// Rehearse, and write the statements into this file, for psql or sqlite3 to run
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
    /// Print the rehearsal as JSON
    #[arg(long, requires = "dry_run")]
    json: bool,
}

#[derive(Serialize)]
struct Body<'r> {
    rehearsed: &'r str,
    #[serde(flatten)]
    report: &'r Report,
}

impl Rehearsing {
    /// Whether nothing is to be done for real.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.dry_run || self.sql.is_some()
    }

    /// Whether what would be done is shown as text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.dry_run && !self.json
    }

    /// What to do about a database that is not there, by a command that would create it.
    #[must_use]
    pub fn or_in_memory(&self, absent: Absent) -> Absent {
        match absent {
            Absent::Create if self.is_wanted() => Absent::InMemory,
            other => other,
        }
    }

    /// Rehearses a runner's command.
    ///
    /// # Errors
    ///
    /// What the command itself would return, after the report of how far it came.
    pub async fn run(
        &self,
        db: &Database,
        command: &Command,
        confirm: Option<String>,
        out: &mut Printer,
    ) -> Result<u8> {
        let rehearsal = Rehearsal::begin(db, command).await?;
        let runner = db.project.runner(rehearsal.database())?.confirm(confirm);
        let outcome = runner.observed_by(rehearsal.observer()).run(command).await;
        self.show(db, rehearsal, outcome.map(drop), out)
    }

    /// Ends a rehearsal, and shows it. The code is 1 if something would be refused.
    ///
    /// # Errors
    ///
    /// If the file cannot be written; and the outcome's own.
    pub fn show(
        &self,
        db: &Database,
        rehearsal: Rehearsal,
        outcome: Result<()>,
        out: &mut Printer,
    ) -> Result<u8> {
        let command = rehearsal.command();
        let report = rehearsal.end()?;
        if self.json {
            let body = Body { rehearsed: command, report: &report };
            out.json(&Envelope::<_, Finding>::new("dry-run", db, body, Vec::new()))?;
        } else if self.is_text() {
            out.line(report.text().trim_end())?;
        }
        outcome?;
        let does_something = report.steps.iter().any(|step| !step.reads);
        if self.sql.is_some() && !does_something && report.refusals.is_empty() {
            out.note("there is nothing to do, so no script was written");
        } else if let Some(file) = self.sql.as_ref().filter(|_| report.refusals.is_empty()) {
            write_over(file, &report.script(db, command), SCRIPT, "script")?;
            out.note(&format!("wrote {}; nothing was changed", file.display()));
        }
        for refusal in &report.refusals {
            out.note(&format!("this would be {refusal}"));
        }
        Ok(u8::from(!report.refusals.is_empty()))
    }
}
