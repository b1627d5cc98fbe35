//! Attacks one tenant as another.

use sea_orm::ConnectionTrait as _;
use tenantry_migration::{db::Database, diff::Change, drift::Drift, isolation, isolation::Matrix};

/// Whether tables or columns are missing, so that there is nothing to attack.
pub(super) fn is_incomplete(drift: &Drift) -> bool {
    let missing =
        |change: &Change| matches!(change, Change::AddTable { .. } | Change::AddColumn { .. });
    drift.changes.iter().any(missing)
}

/// Why nothing was attacked.
pub(super) enum Untried {
    /// Another finding says so, or there are no rows yet.
    Noted(String),
    /// Nothing else tells.
    Found(String),
}

/// Attacks one tenant as another, unless it is clear that no scope can begin.
/// Says on which tables that could not be tried.
pub(super) async fn attack(
    db: &Database,
    drift: &Drift,
) -> std::result::Result<(Matrix, Vec<String>), Untried> {
    if is_incomplete(drift) {
        return Err(Untried::Noted("tables or columns are missing".to_owned()));
    }
    match &drift.application_role {
        Some(role) if !role.exists => Err(Untried::Noted(format!("{} does not exist", role.name))),
        Some(role) if role.asked_by_owner && !role.may_be_set => {
            Err(Untried::Noted(format!("{} may not become {}", role.asked_by, role.name)))
        }
        _ if db.engine.capability().distributes_tables => {
            isolation::probe_existing(db, &drift.entities).await.map_err(Untried::Noted)
        }
        role => {
            let lacks = |change: &Change| matches!(change, Change::AddGrant { .. });
            let has_findings = drift.changes.iter().any(lacks)
                || role.as_ref().is_some_and(|role| !role.has_usage);
            // In a rehearsal, nothing can be attacked, and nothing is wrong.
            let is_noted = has_findings || db.connection.is_mock_connection();
            let why = if is_noted { Untried::Noted } else { Untried::Found };
            Ok((isolation::probe(db, &drift.entities).await.map_err(why)?, Vec::new()))
        }
    }
}
