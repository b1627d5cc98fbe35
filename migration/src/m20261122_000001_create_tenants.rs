//! Creates `tenants`.

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
                .table("tenants")
                .col(v1::id(manager))
                .col(string_len("name", 100))
                .col(string_len_null("slug", 100))
                .col(date_time("created").default(v1::local_now(manager)))
                .col(date_time("updated").default(v1::local_now(manager)))
                .col(date_time_null("deleted"))
                .primary_key(Index::create().name("tenants_pkey").col("id"))
                .take(),
        )
        .await?;
        v1::distribute(manager, "tenants", "id").await?;
        v1::create_index(
            manager,
            Index::create().name("tenants_slug_key").table("tenants").unique().col("slug").take(),
        )
        .await?;
        v1::alter_access("tenants")
            .enable_row_security()
            .create_policy(
                "tenants_tenant_isolation",
                "id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "tenants").await
    }
}
