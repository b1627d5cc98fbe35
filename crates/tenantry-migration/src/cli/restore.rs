//! `migration restore`

use std::path::PathBuf;

use super::{Printer, Waiting, counted, open_patiently};
use crate::{Project, backup::restore, config::DatabaseArgs, db::Absent, error::Result};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What --backup has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    waiting: Waiting,
}

pub(super) async fn run(
    args: Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    let db = open_patiently(project, database, Absent::Fail, args.waiting, out).await?;
    let restored = restore(&db, &args.file).await?;
    db.close().await;
    for table in restored.tables.iter().filter(|table| table.inserted + table.updated > 0) {
        let rows = table.inserted + table.updated;
        out.done(&format!("{:<16} {rows:>8}", table.table))?;
    }
    let sum = |of: fn(&crate::backup::RestoredTable) -> u64| -> usize {
        usize::try_from(restored.tables.iter().map(of).sum::<u64>()).unwrap_or(usize::MAX)
    };
    let back = counted(sum(|table| table.inserted + table.updated), "row", "rows");
    let left = sum(|table| table.left);
    out.done(&match left {
        0 => format!("{back} restored"),
        _ => format!("{back} restored; {left} left as they are"),
    })?;
    for sentence in &restored.not_restored {
        out.note(&format!("not restored: {sentence}"));
    }
    if restored.is_without_tables {
        out.note("tables are missing: run `migration up` first, and restore once more");
    }
    Ok(u8::from(!restored.not_restored.is_empty()))
}
