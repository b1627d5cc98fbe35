//! Creates `domains`.

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
                .table("domains")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(string_len("name", 255))
                .col(boolean("verified").default(false))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .primary_key(Index::create().name("domains_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("domains_tenant_id_fkey")
                        .from_tbl("domains")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "domains", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("domains_tenant_id_name_key")
                .table("domains")
                .unique()
                .col("tenant_id")
                .col("name")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("domains_tenant_id_verified_idx")
                .table("domains")
                .col("tenant_id")
                .col("verified")
                .take(),
        )
        .await?;
        v1::alter_access("domains")
            .enable_row_security()
            .create_policy(
                "domains_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "domains").await
    }
}
