//! Undo it all, and prove it.

use tenantry_migration::{Outcome, db::Database, error::Result};

use crate::Application;

/// How [`Application::rollback`] should go about it.
#[derive(Clone, Debug, Default)]
pub struct RollbackOptions {
    /// Consent to the loss that a refusal described, by the hash it gave.
    pub confirm: Option<String>,
    /// A new file for the rows that are about to be lost.
    pub backup: Option<std::path::PathBuf>,
    /// This is production: dropping a table needs consent even if it holds no real row.
    pub production: bool,
}

impl Application {
    /// Runs each applied migration's `down`, newest first, removes the bookkeeping, and proves that
    /// nothing of ours is left, all in one transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](tenantry_migration::Error::Refused) if real rows or hand-made changes would be lost
    /// without consent. Otherwise if a migration fails, or something would be left. Nothing is changed
    /// then.
    pub async fn rollback(&self, db: &Database, options: &RollbackOptions) -> Result<Outcome> {
        let runner = self.project().runner(db)?;
        let runner = runner.confirm(options.confirm.clone()).production(options.production);
        runner.backup(options.backup.clone()).reset().await
    }
}
