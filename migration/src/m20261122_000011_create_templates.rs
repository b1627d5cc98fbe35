//! Creates `templates`.

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
                .table("templates")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(string_len("name", 100))
                .col(string_len("subject", 255))
                .col(text("content"))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .col(timestamp_with_time_zone("updated_at").default(v1::now(manager)))
                .primary_key(Index::create().name("templates_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("templates_tenant_id_fkey")
                        .from_tbl("templates")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "templates", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("templates_tenant_id_created_at_idx")
                .table("templates")
                .col("tenant_id")
                .col("created_at")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("templates_tenant_id_name_idx")
                .table("templates")
                .col("tenant_id")
                .col("name")
                .take(),
        )
        .await?;
        v1::alter_access("templates")
            .enable_row_security()
            .create_policy(
                "templates_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "templates").await
    }
}
