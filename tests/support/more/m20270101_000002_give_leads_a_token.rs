//! For tests.

use sea_orm::{ConnectionTrait as _, DbBackend};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            // A default that is another one for each row, so every row is written anew.
            DbBackend::Postgres => {
                "ALTER TABLE leads ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()"
            }
            _ => "ALTER TABLE leads ADD COLUMN token text NULL",
        };
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "ALTER TABLE leads DROP COLUMN token";
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }
}
