//! Creates `email_services`.

use sea_orm_migration::{prelude::*, schema::*};

use crate::ops::v1;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::create_table(
            manager,
            Table::create()
                .table("email_services")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(string_len("provider", 100))
                .col(json_binary("config").default("{}"))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .primary_key(Index::create().name("email_services_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("email_services_tenant_id_fkey")
                        .from_tbl("email_services")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "email_services", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("email_services_tenant_id_created_at_idx")
                .table("email_services")
                .col("tenant_id")
                .col("created_at")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("email_services_tenant_id_provider_idx")
                .table("email_services")
                .col("tenant_id")
                .col("provider")
                .take(),
        )
        .await?;
        v1::alter_access("email_services")
            .enable_row_security()
            .create_policy(
                "email_services_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "email_services").await
    }
}
