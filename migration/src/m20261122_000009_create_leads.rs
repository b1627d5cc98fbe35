//! Creates `leads`.

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
                .table("leads")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(string_len("email", 255))
                .col(string_len_null("name", 200))
                .col(string_len_null("company", 200))
                .col(text("status").default("new"))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .col(timestamp_with_time_zone("updated_at").default(v1::now(manager)))
                .primary_key(Index::create().name("leads_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("leads_tenant_id_fkey")
                        .from_tbl("leads")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .check((
                    "leads_status_check",
                    Expr::cust("status IN ('new', 'contacted', 'qualified', 'converted')"),
                ))
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "leads", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("leads_tenant_id_created_at_idx")
                .table("leads")
                .col("tenant_id")
                .col("created_at")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("leads_tenant_id_email_idx")
                .table("leads")
                .col("tenant_id")
                .col("email")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("leads_tenant_id_status_idx")
                .table("leads")
                .col("tenant_id")
                .col("status")
                .take(),
        )
        .await?;
        v1::alter_access("leads")
            .enable_row_security()
            .create_policy(
                "leads_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "leads").await
    }
}
