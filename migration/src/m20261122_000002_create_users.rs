//! Creates `users`.

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
                .table("users")
                .col(v1::id(manager))
                .col(text("email"))
                .col(text_null("name"))
                .col(text_null("given_name"))
                .col(text_null("family_name"))
                .col(text_null("picture"))
                .col(date_time_null("email_verified"))
                .col(date_time("created").default(v1::local_now(manager)))
                .col(date_time("updated").default(v1::local_now(manager)))
                .col(date_time_null("deleted"))
                .primary_key(Index::create().name("users_pkey").col("id"))
                .take(),
        )
        .await?;
        v1::replicate(manager, "users").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("users_email_key")
                .table("users")
                .unique()
                .col("email")
                .and_where(Expr::cust("deleted IS NULL"))
                .take(),
        )
        .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "users").await
    }
}
