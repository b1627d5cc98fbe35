//! `migration grant`

use super::{Printer, counted};
use crate::{Project, config::DatabaseArgs, db::Absent, error::Result};

pub(super) async fn run(
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    project.tenants()?;
    let db = super::open(project, database, Absent::Fail, out).await?;
    let granted = db.project.runner(&db)?.grant().await?;
    let (engine, role) = (db.engine, db.application_role.clone());
    db.close().await;
    if !engine.capability().row_level_security {
        out.line(&format!("nothing to grant: {engine} has no roles"))?;
        return Ok(0);
    }
    for sql in &granted.statements {
        out.line(&format!("{sql};"))?;
    }
    out.line(&match granted.statements.len() {
        0 => format!("nothing to grant: {role} has what the migrations grant it"),
        count => format!("{} run", counted(count, "statement", "statements")),
    })?;
    Ok(0)
}
