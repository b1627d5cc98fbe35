//! `seeder verify`

use serde::Serialize;
use tenantry_migration::{
    Result,
    cli::Printer,
    db::Database,
    report::{Envelope, Finding},
};

use crate::{Difference, Options, Seeder, TableDigest, Verification};

/// Prints what was found. The code is 1 if anything differs.
pub(super) async fn run(
    seeder: &Seeder,
    db: &Database,
    options: &Options,
    json: bool,
    out: &mut Printer,
) -> Result<u8> {
    let verification = seeder.verify(&db.connection, options).await?;
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
