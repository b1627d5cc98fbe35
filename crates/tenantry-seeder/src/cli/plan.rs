//! `seeder plan`

use tenantry_migration::{
    Result,
    cli::Printer,
    db::Database,
    report::{Envelope, Finding},
};

use crate::{Seeder, Spec};

/// Prints what would be inserted.
pub(super) fn run(
    seeder: &Seeder,
    db: &Database,
    spec: &Spec,
    bulk: bool,
    json: bool,
    out: &mut Printer,
) -> Result<u8> {
    let plan = seeder.plan(&db.connection, db.engine, spec, bulk)?;
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
