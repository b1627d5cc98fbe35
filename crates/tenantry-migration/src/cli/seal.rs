//! `migration seal`

use tenantry_entity::SealKey;

use super::{Printer, counted};
use crate::{
    Project,
    config::DatabaseArgs,
    db::Absent,
    error::{Error, Result},
    seal,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Forget all other keys: tenant scopes that they seal fail from then on
    #[arg(long)]
    only: bool,
}

pub(super) async fn run(
    args: &Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    project.tenants()?;
    let key = SealKey::from_env()
        .map_err(|error| Error::config("seal-key-unusable", error.to_string()))?;
    let db = super::open(project, database, Absent::Fail, out).await?;
    let given = seal::give(&db, &key, args.only).await;
    db.close().await;
    let given = given?;
    for (fingerprint, since) in &given.keys {
        let is_own = *fingerprint == key.fingerprint();
        let which = if is_own { ", that of TENANTRY_SEAL_KEY" } else { "" };
        out.line(&format!("{fingerprint}  since {since}{which}"))?;
    }
    let forgotten = given.forgotten.len();
    out.line(&match (given.is_new, forgotten) {
        (true, 0) => "the key was given to the database".to_owned(),
        (false, 0) => "nothing to do: the database knows the key".to_owned(),
        (is_new, _) => {
            let given = if is_new { "the key was given to the database, and " } else { "" };
            format!("{given}{} forgotten", counted(forgotten, "key", "keys"))
        }
    })?;
    Ok(0)
}
