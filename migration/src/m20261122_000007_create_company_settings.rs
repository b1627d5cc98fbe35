//! Creates `company_settings`.

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
                .table("company_settings")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(uuid("company_id"))
                .col(json_binary("settings").default("{}"))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .col(timestamp_with_time_zone("updated_at").default(v1::now(manager)))
                .primary_key(
                    Index::create().name("company_settings_pkey").col("tenant_id").col("id"),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("company_settings_tenant_id_fkey")
                        .from_tbl("company_settings")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("company_settings_tenant_id_company_id_fkey")
                        .from_tbl("company_settings")
                        .from_col("tenant_id")
                        .from_col("company_id")
                        .to_tbl("companies")
                        .to_col("tenant_id")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "company_settings", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("company_settings_tenant_id_company_id_key")
                .table("company_settings")
                .unique()
                .col("tenant_id")
                .col("company_id")
                .take(),
        )
        .await?;
        v1::alter_access("company_settings")
            .enable_row_security()
            .create_policy(
                "company_settings_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "company_settings").await
    }
}
