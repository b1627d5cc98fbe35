//! `seeder export`

use std::path::Path;

use tenantry_entity::Engine;
use tenantry_migration::{Result, cli::Printer};

use crate::{
    DataSet, Seeder, Spec,
    export::{Format, export},
    verify::narrowed,
};

/// Writes the rows to files, and prints their paths.
pub(super) async fn run(
    seeder: &Seeder,
    engine: Engine,
    spec: Spec,
    format: Format,
    tenant: Option<u32>,
    to: &Path,
    out: &mut Printer,
) -> Result<u8> {
    let set = narrowed(DataSet::new(seeder.samples, spec), tenant)?;
    for file in export(&set, engine, format, to).await? {
        out.done(&file.display().to_string())?;
    }
    Ok(0)
}
