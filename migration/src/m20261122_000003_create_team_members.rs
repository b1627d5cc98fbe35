//! Creates `team_members`.

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
                .table("team_members")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(uuid("user_id"))
                .col(string_len("email", 255))
                .col(string_len("name", 200))
                .col(text("role"))
                .col(text("status").default("active"))
                .col(text_null("avatar"))
                .col(timestamp_with_time_zone("joined_at").default(v1::now(manager)))
                .col(timestamp_with_time_zone_null("last_active_at"))
                .col(json_binary("permissions").default("[]"))
                .col(boolean("two_factor_enabled").default(false))
                .col(json_binary_null("metadata"))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .col(timestamp_with_time_zone("updated_at").default(v1::now(manager)))
                .primary_key(Index::create().name("team_members_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("team_members_tenant_id_fkey")
                        .from_tbl("team_members")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("team_members_user_id_fkey")
                        .from_tbl("team_members")
                        .from_col("user_id")
                        .to_tbl("users")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .check((
                    "team_members_role_check",
                    Expr::cust("role IN ('owner', 'admin', 'member', 'viewer')"),
                ))
                .check((
                    "team_members_status_check",
                    Expr::cust("status IN ('active', 'inactive', 'pending')"),
                ))
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "team_members", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("team_members_tenant_id_email_idx")
                .table("team_members")
                .col("tenant_id")
                .col("email")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("team_members_tenant_id_role_idx")
                .table("team_members")
                .col("tenant_id")
                .col("role")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("team_members_tenant_id_status_idx")
                .table("team_members")
                .col("tenant_id")
                .col("status")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("team_members_tenant_id_user_id_key")
                .table("team_members")
                .unique()
                .col("tenant_id")
                .col("user_id")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("team_members_user_id_idx")
                .table("team_members")
                .col("user_id")
                .take(),
        )
        .await?;
        v1::alter_access("team_members")
            .enable_row_security()
            .create_policy(
                "team_members_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "team_members").await
    }
}
