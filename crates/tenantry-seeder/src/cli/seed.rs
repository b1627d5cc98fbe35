//! `seeder` without a command, and with `--repair`.

use std::time::{Duration, Instant};

use tenantry_migration::{Result, cli::Printer, db::Database};

use super::stopping::{STOPPED, stoppable};
use crate::{NodeReport, Options, Report, Seeder, TableReport, loader::FEW};

/// How long it took, where the user would have noticed.
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

/// Inserts what is missing, and prints how many rows came.
pub(super) async fn run(
    seeder: &Seeder,
    db: &Database,
    options: &Options,
    out: &mut Printer,
) -> Result<u8> {
    let began = Instant::now();
    let report = stoppable(seeder, options, seeder.seed(&db.connection, options)).await?;
    print(&report, out)?;
    out.done(&(summary(&report) + &pace(&report, began.elapsed())))?;
    Ok(if report.stopped { STOPPED } else { 0 })
}

/// Puts back what was changed, and prints how many rows that were.
pub(super) async fn repair(
    seeder: &Seeder,
    db: &Database,
    options: &Options,
    out: &mut Printer,
) -> Result<u8> {
    let report = seeder.repair(&db.connection, options).await?;
    for table in &report.tables {
        let TableReport { table, changed, updated, planned } = table;
        let unchanged = planned.saturating_sub(changed + updated);
        out.done(&format!(
            "{table:<16} {changed:>6} created {updated:>6} updated {unchanged:>8} unchanged"
        ))?;
    }
    let (created, updated) = (report.changed(), report.updated());
    out.done(&format!("{created} sample rows created, {updated} updated"))?;
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

pub(super) fn print(report: &Report, out: &mut Printer) -> Result<()> {
    for table in report.tables.iter().filter(|table| table.changed > 0) {
        out.done(&format!("{:<16} {:>6}", table.table, table.changed))?;
    }
    for line in nodes(report) {
        out.done(&line)?;
    }
    Ok(())
}
