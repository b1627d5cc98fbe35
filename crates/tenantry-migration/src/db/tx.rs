//! Transactions that read, that work for one tenant, and how they end.

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel,
    TransactionTrait as _,
};
use tenantry_entity::{Engine, TenantId};

use super::literal;
use crate::error::Result;

/// Starts a transaction that works for one tenant: the setting comes first, which is what engines
/// ask for that keep tenants apart themselves.
///
/// # Errors
///
/// If the transaction cannot be started, or the engine does not know the tenant.
pub async fn begin_for_tenant(
    db: &DatabaseConnection,
    setting: &str,
    tenant: impl Into<TenantId>,
) -> Result<DatabaseTransaction, DbErr> {
    let tenant = literal(&tenant.into().to_string());
    let tx = db.begin().await?;
    tx.execute_unprepared(&format!("SET LOCAL {setting} = {tenant}")).await?;
    Ok(tx)
}

/// Starts a transaction that only reads, and sees everything as it is at one moment.
///
/// # Errors
///
/// If the transaction cannot be started.
pub async fn begin_read(
    db: &DatabaseConnection,
    engine: Engine,
) -> Result<DatabaseTransaction, DbErr> {
    let isolation = engine.capability().table_locks.then_some(IsolationLevel::RepeatableRead);
    db.begin_with_config(isolation, None).await
}

/// Ends a transaction by its outcome: commits, or rolls back and waits until that is done. A
/// transaction that is merely dropped keeps its locks until its connection is next used.
///
/// # Errors
///
/// The outcome's own, or that of the commit.
pub async fn finish<T>(tx: DatabaseTransaction, outcome: Result<T>) -> Result<T> {
    match outcome {
        Ok(value) => {
            tx.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // The outcome's error says more than a failed rollback would.
            let _ = tx.rollback().await;
            Err(error)
        }
    }
}
