//! Applying it:
//!
//! - safe: the table customers is added
//! - safe: the table order_lines is added
//! - safe: the table orders is added
//! - safe: the table products is added
//! - safe: the table tenants is added
//!
//! Rolling it back:
//!
//! - loses data: the table customers is dropped
//! - loses data: the table order_lines is dropped
//! - loses data: the table orders is dropped
//! - loses data: the table products is dropped
//! - loses data: the table tenants is dropped

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
                .col(date_time("created").default(v1::local_now(manager)))
                .col(date_time("updated").default(v1::local_now(manager)))
                .col(date_time_null("deleted"))
                .primary_key(Index::create().name("tenants_pkey").col("id"))
                .take(),
        )
        .await?;
        v1::distribute(manager, "tenants", "id").await?;
        v1::alter_access("tenants")
            .enable_row_security()
            .create_policy(
                "tenants_tenant_isolation",
                "id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("customers")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(string_len("name", 200))
                .col(string_len("email", 255))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .primary_key(Index::create().name("customers_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("customers_tenant_id_fkey")
                        .from_tbl("customers")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "customers", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("customers_tenant_id_created_at_idx")
                .table("customers")
                .col("tenant_id")
                .col("created_at")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("customers_tenant_id_email_key")
                .table("customers")
                .unique()
                .col("tenant_id")
                .col("email")
                .take(),
        )
        .await?;
        v1::alter_access("customers")
            .enable_row_security()
            .create_policy(
                "customers_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("products")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(uuid_null("variant_of"))
                .col(string_len("sku", 40))
                .col(string_len("name", 200))
                .col(big_integer("price"))
                .col(integer("stock").default(0))
                .col(timestamp_with_time_zone("created_at").default(v1::now(manager)))
                .col(timestamp_with_time_zone("updated_at").default(v1::now(manager)))
                .primary_key(Index::create().name("products_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("products_tenant_id_fkey")
                        .from_tbl("products")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("products_tenant_id_variant_of_fkey")
                        .from_tbl("products")
                        .from_col("tenant_id")
                        .from_col("variant_of")
                        .to_tbl("products")
                        .to_col("tenant_id")
                        .to_col("id"),
                )
                .check(("products_price_check", Expr::cust("price >= 0")))
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "products", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("products_tenant_id_sku_key")
                .table("products")
                .unique()
                .col("tenant_id")
                .col("sku")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("products_tenant_id_variant_of_idx")
                .table("products")
                .col("tenant_id")
                .col("variant_of")
                .take(),
        )
        .await?;
        v1::alter_access("products")
            .enable_row_security()
            .create_policy(
                "products_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("orders")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(uuid("customer_id"))
                .col(integer("number"))
                .col(text("status").default("placed"))
                .col(timestamp_with_time_zone("placed_at").default(v1::now(manager)))
                .primary_key(Index::create().name("orders_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("orders_tenant_id_fkey")
                        .from_tbl("orders")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("orders_tenant_id_customer_id_fkey")
                        .from_tbl("orders")
                        .from_col("tenant_id")
                        .from_col("customer_id")
                        .to_tbl("customers")
                        .to_col("tenant_id")
                        .to_col("id"),
                )
                .check((
                    "orders_status_check",
                    Expr::cust("status IN ('placed', 'paid', 'shipped', 'cancelled')"),
                ))
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "orders", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("orders_tenant_id_customer_id_idx")
                .table("orders")
                .col("tenant_id")
                .col("customer_id")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("orders_tenant_id_number_key")
                .table("orders")
                .unique()
                .col("tenant_id")
                .col("number")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("orders_tenant_id_placed_at_idx")
                .table("orders")
                .col("tenant_id")
                .col("placed_at")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("orders_tenant_id_status_idx")
                .table("orders")
                .col("tenant_id")
                .col("status")
                .take(),
        )
        .await?;
        v1::alter_access("orders")
            .enable_row_security()
            .create_policy(
                "orders_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("order_lines")
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(uuid("order_id"))
                .col(uuid("product_id"))
                .col(integer("quantity").default(1))
                .col(big_integer("price"))
                .primary_key(Index::create().name("order_lines_pkey").col("tenant_id").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("order_lines_tenant_id_fkey")
                        .from_tbl("order_lines")
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("order_lines_tenant_id_order_id_fkey")
                        .from_tbl("order_lines")
                        .from_col("tenant_id")
                        .from_col("order_id")
                        .to_tbl("orders")
                        .to_col("tenant_id")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("order_lines_tenant_id_product_id_fkey")
                        .from_tbl("order_lines")
                        .from_col("tenant_id")
                        .from_col("product_id")
                        .to_tbl("products")
                        .to_col("tenant_id")
                        .to_col("id"),
                )
                .check(("order_lines_quantity_check", Expr::cust("quantity > 0")))
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "order_lines", "tenant_id", "tenants").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("order_lines_tenant_id_order_id_product_id_key")
                .table("order_lines")
                .unique()
                .col("tenant_id")
                .col("order_id")
                .col("product_id")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("order_lines_tenant_id_product_id_idx")
                .table("order_lines")
                .col("tenant_id")
                .col("product_id")
                .take(),
        )
        .await?;
        v1::alter_access("order_lines")
            .enable_row_security()
            .create_policy(
                "order_lines_tenant_isolation",
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, "order_lines").await?;
        v1::drop_table(manager, "orders").await?;
        v1::drop_table(manager, "products").await?;
        v1::drop_table(manager, "customers").await?;
        v1::drop_table(manager, "tenants").await?;
        Ok(())
    }
}
