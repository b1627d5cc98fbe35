//! Creates `payments`.

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
                .table("payments")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(uuid("user_id"))
                .col(big_integer("amount"))
                .col(string_len("currency", 3))
                .col(text("status").default("pending"))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .col(timestamp_with_time_zone_null("processed_at"))
                .primary_key(Index::create().name("payments_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("payments_tenant_id_fkey")
                        .from_tbl("payments")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("payments_tenant_id_user_id_fkey")
                        .from_tbl("payments")
                        .from_col("tenant_id")
                        .from_col("user_id")
                        .to_tbl("team_members")
                        .to_col("tenant_id")
                        .to_col("user_id"),
                )
                .check(("payments_amount_check", Expr::cust("amount > 0")))
                .check((
                    "payments_currency_check",
                    Expr::cust(
                        "length(currency) = 3 AND trim(currency, \
'ABCDEFGHIJKLMNOPQRSTUVWXYZ') = ''",
                    ),
                ))
                .check((
                    "payments_status_check",
                    Expr::cust("status IN ('pending', 'completed', 'failed')"),
                ))
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "payments", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("payments_tenant_id_created_at_idx")
                .table("payments")
                .col("tenant_id")
                .col("created_at")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("payments_tenant_id_status_idx")
                .table("payments")
                .col("tenant_id")
                .col("status")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("payments_tenant_id_user_id_idx")
                .table("payments")
                .col("tenant_id")
                .col("user_id")
                .take(),
        )
        .await?;
        v1::alter_access("payments")
            .enable_row_security()
            .create_policy(
                "payments_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "payments").await
    }
}
