//! `seeder clean`

use tenantry_migration::{
    Result,
    cli::{Printer, with_typed_consent},
    db::Database,
};

use super::{
    seed::print,
    stopping::{STOPPED, stoppable, stoppably_typed},
};
use crate::{Options, Seeder};

/// Removes the sample rows, and prints how many went.
pub(super) async fn run(
    seeder: &Seeder,
    db: &Database,
    options: &Options,
    confirm: Option<String>,
    out: &mut Printer,
) -> Result<u8> {
    let attempt = async |confirm| {
        let options = Options { confirm, ..options.clone() };
        stoppable(seeder, &options, seeder.clean(&db.connection, &options)).await
    };
    let report = with_typed_consent(confirm, out, attempt, stoppably_typed).await?;
    print(&report, out)?;
    out.done(&match report.changed() {
        rows if report.stopped => {
            format!("stopped, with {rows} sample rows removed; another time it goes on from there")
        }
        0 => "nothing to remove: there are no sample rows".to_owned(),
        rows => format!("{rows} sample rows removed"),
    })?;
    Ok(if report.stopped { STOPPED } else { 0 })
}
