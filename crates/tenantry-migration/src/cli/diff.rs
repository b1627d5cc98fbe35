//! `migration diff`

use std::path::PathBuf;

use serde::Serialize;

use super::{Printer, counted};
use crate::{
    Project,
    config::DatabaseArgs,
    db::{Absent, begin_read},
    diff::Change,
    drift::{Accepted, OBJECTS_NOT_COMPARED, drift, inexact, mend},
    error::Result,
    report::Envelope,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the differences as JSON
    #[arg(long, conflicts_with = "sql")]
    json: bool,
    /// Print the SQL that makes the database what the entities say
    #[arg(long)]
    sql: bool,
    /// List of accepted differences, instead of the one that was compiled in
    #[arg(long, value_name = "FILE")]
    accepted: Option<PathBuf>,
}

#[derive(Serialize)]
struct Body<'a> {
    /// What would have to change in the database.
    changes: &'a [Change],
    /// Tables that no entity describes.
    unknown_tables: &'a [String],
    /// Whether defaults, checks and predicates were compared too.
    exact: bool,
}

pub(super) async fn run(
    args: &Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    let accepted = Accepted::read(project, args.accepted.as_deref())?;
    let db = super::open(project, database, Absent::Fail, out).await?;
    let tx = begin_read(&db.connection, db.engine).await?;
    let found = drift(project, &tx, db.engine, &db.application_role, &accepted).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    let found = found?;
    let findings = found.findings();
    if args.json {
        let body = Body {
            changes: &found.changes,
            unknown_tables: &found.unknown_tables,
            exact: found.exact,
        };
        out.json(&Envelope::new("diff", &db, body, findings.clone()))?;
    } else if args.sql {
        let script = mend(&found, db.engine).await?;
        if !script.is_empty() {
            out.line(script.trim_end())?;
        }
    } else if findings.is_empty() {
        out.line("no difference: the database is what the entities say")?;
    } else {
        for finding in &findings {
            out.line(&format!("{}: {}: {}", finding.code, finding.table, finding.message))?;
        }
        let mut helps: Vec<&str> = findings.iter().map(|finding| finding.help.as_str()).collect();
        helps.sort_unstable();
        helps.dedup();
        for help in helps {
            out.note(help);
        }
        out.line(&counted(findings.len(), "difference", "differences"))?;
    }
    if !found.exact {
        out.note(&inexact(db.engine));
    }
    if !found.objects_compared {
        out.note(OBJECTS_NOT_COMPARED);
    }
    db.close().await;
    Ok(u8::from(!findings.is_empty()))
}
