//! Creates `email_accounts`.

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
                .table("email_accounts")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(uuid("domain_id"))
                .col(string_len("email", 255))
                .col(string_len("provider", 50))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .primary_key(Index::create().name("email_accounts_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("email_accounts_tenant_id_fkey")
                        .from_tbl("email_accounts")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("email_accounts_tenant_id_domain_id_fkey")
                        .from_tbl("email_accounts")
                        .from_col("tenant_id")
                        .from_col("domain_id")
                        .to_tbl("domains")
                        .to_col("tenant_id")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "email_accounts", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("email_accounts_tenant_id_domain_id_idx")
                .table("email_accounts")
                .col("tenant_id")
                .col("domain_id")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("email_accounts_tenant_id_email_key")
                .table("email_accounts")
                .unique()
                .col("tenant_id")
                .col("email")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("email_accounts_tenant_id_provider_idx")
                .table("email_accounts")
                .col("tenant_id")
                .col("provider")
                .take(),
        )
        .await?;
        v1::alter_access("email_accounts")
            .enable_row_security()
            .create_policy(
                "email_accounts_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "email_accounts").await
    }
}
