//! Creates `inbox_messages`.

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
                .table("inbox_messages")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(string_len("from_email", 255))
                .col(string_len("to_email", 255))
                .col(string_len("subject", 500))
                .col(text("content"))
                .col(timestamp_with_time_zone("received_at").default(v1::now(manager)))
                .primary_key(Index::create().name("inbox_messages_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("inbox_messages_tenant_id_fkey")
                        .from_tbl("inbox_messages")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "inbox_messages", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("inbox_messages_tenant_id_from_email_idx")
                .table("inbox_messages")
                .col("tenant_id")
                .col("from_email")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("inbox_messages_tenant_id_received_at_idx")
                .table("inbox_messages")
                .col("tenant_id")
                .col("received_at")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("inbox_messages_tenant_id_to_email_idx")
                .table("inbox_messages")
                .col("tenant_id")
                .col("to_email")
                .take(),
        )
        .await?;
        v1::alter_access("inbox_messages")
            .enable_row_security()
            .create_policy(
                "inbox_messages_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "inbox_messages").await
    }
}
