//! Creates `campaigns`.

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
                .table("campaigns")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(uuid("company_id"))
                .col(string_len("name", 200))
                .col(text("status").default("draft"))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .col(timestamp_with_time_zone("updated_at").default(v1::now(manager)))
                .primary_key(Index::create().name("campaigns_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("campaigns_tenant_id_fkey")
                        .from_tbl("campaigns")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("campaigns_tenant_id_company_id_fkey")
                        .from_tbl("campaigns")
                        .from_col("tenant_id")
                        .from_col("company_id")
                        .to_tbl("companies")
                        .to_col("tenant_id")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .check((
                    "campaigns_status_check",
                    Expr::cust("status IN ('draft', 'active', 'paused', 'completed')"),
                ))
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "campaigns", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("campaigns_tenant_id_company_id_idx")
                .table("campaigns")
                .col("tenant_id")
                .col("company_id")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("campaigns_tenant_id_created_at_idx")
                .table("campaigns")
                .col("tenant_id")
                .col("created_at")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("campaigns_tenant_id_status_idx")
                .table("campaigns")
                .col("tenant_id")
                .col("status")
                .take(),
        )
        .await?;
        v1::alter_access("campaigns")
            .enable_row_security()
            .create_policy(
                "campaigns_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "campaigns").await
    }
}
