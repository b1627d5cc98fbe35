//! For tests.

use sea_orm::{ConnectionTrait as _, DbBackend};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => "CREATE INDEX CONCURRENTLY leads_name_idx ON leads (name)",
            _ => "CREATE INDEX leads_name_idx ON leads (name)",
        };
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => "DROP INDEX CONCURRENTLY leads_name_idx",
            _ => "DROP INDEX leads_name_idx",
        };
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }
}
