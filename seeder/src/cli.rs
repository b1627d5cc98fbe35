//! The command line of `seeder`.

use clap::{Parser, Subcommand};
use migration::{
    Result,
    cli::{Command, Printer, Waiting, open_patiently, with_consent},
    config::{DatabaseArgs, is_production},
    db::{Absent, Database},
    report::{Envelope, Finding},
};
use serde::Serialize;

use crate::{Difference, Options, Report, TableDigest, Verification};

/// Inserts related sample rows, or removes them again
///
/// Without a command, inserts what is not there yet; a second time changes nothing. Exit codes: 0
/// done, 1 refused, 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "seeder", version)]
pub struct Seeder {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Seed even if there are tenants that the seeder did not make
    #[arg(long)]
    alongside: bool,
    #[command(flatten)]
    waiting: Waiting,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Remove exactly the sample rows
    Clean {
        /// Consent to the loss that a refusal described, by the hash it printed
        #[arg(long, value_name = "HASH")]
        confirm: Option<String>,
    },
    /// Compare the sample rows with what makes them, and show what is in each table, as a digest that
    /// is the same on every engine
    Verify {
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command for Seeder {
    fn database(&self) -> &DatabaseArgs {
        &self.database
    }

    async fn run(self, out: &mut Printer) -> Result<u8> {
        let db = open_patiently(&self.database, Absent::Fail, self.waiting, out).await?;
        let options = Options {
            alongside: self.alongside,
            production: is_production(),
            engine: Some(db.engine),
            confirm: None,
            patience: db.patience,
        };
        if let Some(Action::Verify { json }) = self.command {
            let verification = crate::verify(&db.connection, &options).await?;
            let code = show(&db, verification, json, out)?;
            db.close().await;
            return Ok(code);
        }
        if let Some(Action::Clean { confirm }) = self.command {
            let report = with_consent(confirm, out, async |confirm| {
                crate::clean(&db.connection, &Options { confirm, ..options.clone() }).await
            })
            .await?;
            print(&report, out)?;
            out.done(&match report.changed() {
                0 => "nothing to remove: there are no sample rows".to_owned(),
                rows => format!("{rows} sample rows removed"),
            })?;
        } else {
            let report = crate::seed(&db.connection, &options).await?;
            print(&report, out)?;
            out.done(&summary(&report))?;
        }
        db.close().await;
        Ok(0)
    }
}

/// One sentence about a seeding.
#[must_use]
pub fn summary(report: &Report) -> String {
    match report.changed() {
        0 => format!("nothing to insert: all {} sample rows are there", report.planned()),
        rows => format!("{rows} sample rows inserted"),
    }
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
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        migration::cli::assert_sound::<super::Seeder>();
    }
}
