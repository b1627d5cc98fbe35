//! Attacks one tenant as another.

use tenantry_migration::{db::Database, diff::Change, drift::Drift, isolation, isolation::Matrix};

/// Whether tables or columns are missing, so that there is nothing to attack.
pub(super) fn is_incomplete(drift: &Drift) -> bool {
    let missing =
        |change: &Change| matches!(change, Change::AddTable { .. } | Change::AddColumn { .. });
    drift.changes.iter().any(missing)
}

/// Attacks one tenant as another, unless it is clear that no scope can begin.
/// Says on which tables that could not be tried.
pub(super) async fn attack(
    db: &Database,
    drift: &Drift,
) -> std::result::Result<(Matrix, Vec<String>), String> {
    if is_incomplete(drift) {
        return Err("tables or columns are missing".to_owned());
    }
    match &drift.application_role {
        Some(role) if !role.exists => Err(format!("{} does not exist", role.name)),
        _ if db.engine.capability().distributes_tables => {
            isolation::probe_existing(db, &drift.entities).await
        }
        _ => Ok((isolation::probe(db, &drift.entities).await?, Vec::new())),
    }
}
