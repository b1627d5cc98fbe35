//! Applying it:
//!
//! - safe: the enum type order_state is added: open, paid, sent
//! - safe: the table customers is added
//! - safe: the table order_lines is added
//! - safe: the table orders is added
//! - safe: the table organizations is added
//! - safe: the table price_lists is added
//! - safe: the table products is added
//! - safe: objects/changed_at.postgres.sql is added
//! - safe: objects/changed_at.sqlite.sql is added
//! - safe: objects/open_orders.postgres.sql is added
//! - safe: objects/open_orders.sqlite.sql is added
//!
//! Rolling it back:
//!
//! - safe: the enum type order_state is dropped
//! - loses data: the table customers is dropped
//! - loses data: the table order_lines is dropped
//! - loses data: the table orders is dropped
//! - loses data: the table organizations is dropped
//! - loses data: the table price_lists is dropped
//! - loses data: the table products is dropped
//! - safe: objects/changed_at.postgres.sql is gone
//! - safe: objects/changed_at.sqlite.sql is gone
//! - safe: objects/open_orders.postgres.sql is gone
//! - safe: objects/open_orders.sqlite.sql is gone

use sea_orm_migration::{prelude::*, schema::*};

use crate::ops::v1;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::create_enum(manager, "order_state", &["open", "paid", "sent"]).await?;
        v1::create_table(
            manager,
            Table::create()
                .table("organizations")
                .col(v1::auto_increment(manager, big_integer("id")))
                .col(string("name"))
                .primary_key(Index::create().name("organizations_pkey").col("id"))
                .take(),
        )
        .await?;
        v1::distribute(manager, "organizations", "id").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("organizations_name_key")
                .table("organizations")
                .unique()
                .col("name")
                .take(),
        )
        .await?;
        v1::alter_access("organizations")
            .enable_row_security()
            .create_policy(
                "organizations_tenant_isolation",
                "id = nullif(current_setting('wholesale.organization_id', true), \
'')::bigint",
            )
            .grant(&["SELECT"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("customers")
                .col(v1::auto_increment(manager, big_integer("id")))
                .col(big_integer("organization_id"))
                .col(string("name"))
                .primary_key(Index::create().name("customers_pkey").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("customers_organization_id_fkey")
                        .from_tbl("customers")
                        .from_col("organization_id")
                        .to_tbl("organizations")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "customers", "organization_id", "organizations").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("customers_id_organization_id_key")
                .table("customers")
                .unique()
                .col("id")
                .col("organization_id")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("customers_organization_id_name_idx")
                .table("customers")
                .col("organization_id")
                .col("name")
                .take(),
        )
        .await?;
        v1::alter_access("customers")
            .enable_row_security()
            .create_policy(
                "customers_tenant_isolation",
                "organization_id = nullif(current_setting('wholesale.organization_id', \
true), '')::bigint",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("price_lists")
                .col(v1::auto_increment(manager, big_integer("id")))
                .col(big_integer_null("organization_id"))
                .col(string("name"))
                .primary_key(Index::create().name("price_lists_pkey").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("price_lists_organization_id_fkey")
                        .from_tbl("price_lists")
                        .from_col("organization_id")
                        .to_tbl("organizations")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "price_lists", "organization_id", "organizations").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("price_lists_organization_id_idx")
                .table("price_lists")
                .col("organization_id")
                .take(),
        )
        .await?;
        v1::alter_access("price_lists")
            .enable_row_security()
            .create_policy(
                "price_lists_tenant_isolation",
                "organization_id = nullif(current_setting('wholesale.organization_id', \
true), '')::bigint",
            )
            .create_policy_as(
                "price_lists_without_tenant",
                "FOR SELECT USING (organization_id IS NULL)",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("products")
                .col(v1::auto_increment(manager, big_integer("id")))
                .col(big_integer("organization_id"))
                .col(v1::collated(manager, string("number"), "C"))
                .col(decimal_len("price", 12, 2))
                .primary_key(Index::create().name("products_pkey").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("products_organization_id_fkey")
                        .from_tbl("products")
                        .from_col("organization_id")
                        .to_tbl("organizations")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .check(("products_price_check", Expr::cust("price >= 0")))
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "products", "organization_id", "organizations").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("products_organization_id_number_key")
                .table("products")
                .unique()
                .col("organization_id")
                .col("number")
                .take(),
        )
        .await?;
        v1::alter_access("products")
            .enable_row_security()
            .create_policy(
                "products_tenant_isolation",
                "organization_id = nullif(current_setting('wholesale.organization_id', \
true), '')::bigint",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("orders")
                .col(v1::auto_increment(manager, big_integer("id")))
                .col(big_integer("organization_id"))
                .col(big_integer("customer_id"))
                .col(
                    v1::enum_column(manager, "state", "order_state")
                        .not_null()
                        .default("open")
                        .take(),
                )
                .col(timestamp_with_time_zone_null("changed_at"))
                .primary_key(Index::create().name("orders_pkey").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("orders_customer_id_organization_id_fkey")
                        .from_tbl("orders")
                        .from_col("customer_id")
                        .from_col("organization_id")
                        .to_tbl("customers")
                        .to_col("id")
                        .to_col("organization_id"),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("orders_organization_id_fkey")
                        .from_tbl("orders")
                        .from_col("organization_id")
                        .to_tbl("organizations")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        v1::distribute_beside(manager, "orders", "organization_id", "organizations").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("orders_customer_id_organization_id_idx")
                .table("orders")
                .col("customer_id")
                .col("organization_id")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("orders_organization_id_idx")
                .table("orders")
                .col("organization_id")
                .take(),
        )
        .await?;
        v1::alter_access("orders")
            .enable_row_security()
            .create_policy(
                "orders_tenant_isolation",
                "organization_id = nullif(current_setting('wholesale.organization_id', \
true), '')::bigint",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        v1::create_table(
            manager,
            Table::create()
                .table("order_lines")
                .col(v1::auto_increment(manager, big_integer("id")))
                .col(big_integer("order_id"))
                .col(big_integer("product_id"))
                .col(integer("quantity"))
                .col(boolean("is_bulk").generated(Expr::cust("quantity >= 6"), true).take())
                .primary_key(Index::create().name("order_lines_pkey").col("id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("order_lines_order_id_fkey")
                        .from_tbl("order_lines")
                        .from_col("order_id")
                        .to_tbl("orders")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("order_lines_product_id_fkey")
                        .from_tbl("order_lines")
                        .from_col("product_id")
                        .to_tbl("products")
                        .to_col("id"),
                )
                .take(),
        )
        .await?;
        v1::replicate(manager, "order_lines").await?;
        v1::create_index(
            manager,
            Index::create()
                .name("order_lines_order_id_idx")
                .table("order_lines")
                .col("order_id")
                .take(),
        )
        .await?;
        v1::create_index(
            manager,
            Index::create()
                .name("order_lines_product_id_idx")
                .table("order_lines")
                .col("product_id")
                .take(),
        )
        .await?;
        v1::alter_access("order_lines")
            .enable_row_security()
            .create_policy(
                "order_lines_tenant_isolation",
                "EXISTS (SELECT 1 FROM orders WHERE orders.id = order_lines.order_id AND \
orders.organization_id = \
nullif(current_setting('wholesale.organization_id', true), '')::bigint)",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await?;
        v1::statement_on_postgres(
            manager,
            r"CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.changed_at := now();
  RETURN NEW;
END
$$",
        )
        .await?;
        v1::statement_on_postgres(
            manager,
            "CREATE TRIGGER orders_changed BEFORE UPDATE OF state ON \
orders FOR EACH ROW EXECUTE FUNCTION note_change()",
        )
        .await?;
        v1::statement_on_sqlite(
            manager,
            r"CREATE TRIGGER orders_changed AFTER UPDATE OF state ON orders BEGIN
  UPDATE orders SET changed_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END",
        )
        .await?;
        v1::statement_on_postgres(
            manager,
            r"CREATE VIEW open_orders WITH (security_invoker = true) AS
SELECT orders.id, orders.organization_id, customers.name AS customer
FROM orders
JOIN customers ON customers.id = orders.customer_id
WHERE orders.state = 'open'",
        )
        .await?;
        v1::statement_on_sqlite(
            manager,
            r"CREATE VIEW open_orders AS
SELECT orders.id, orders.organization_id, customers.name AS customer
FROM orders
JOIN customers ON customers.id = orders.customer_id
WHERE orders.state = 'open'",
        )
        .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::statement_on_sqlite(manager, "DROP VIEW open_orders").await?;
        v1::statement_on_postgres(manager, "DROP VIEW open_orders").await?;
        v1::statement_on_sqlite(manager, "DROP TRIGGER orders_changed").await?;
        v1::statement_on_postgres(manager, "DROP TRIGGER orders_changed ON orders").await?;
        v1::statement_on_postgres(manager, "DROP FUNCTION note_change()").await?;
        v1::drop_table(manager, "order_lines").await?;
        v1::drop_table(manager, "orders").await?;
        v1::drop_table(manager, "products").await?;
        v1::drop_table(manager, "price_lists").await?;
        v1::drop_table(manager, "customers").await?;
        v1::drop_table(manager, "organizations").await?;
        v1::drop_enum(manager, "order_state").await?;
        Ok(())
    }
}
