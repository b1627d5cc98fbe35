-- The schema that the entities describe, as it is made on sqlite.
-- Written by `migration generate`: what is changed here is overwritten.

CREATE TABLE "tenants" (
    "id" uuid_text NOT NULL,
    "name" varchar(100) NOT NULL,
    "created" datetime_text NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    "updated" datetime_text NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    "deleted" datetime_text NULL,
    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "customers" (
    "tenant_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "name" varchar(200) NOT NULL,
    "email" varchar(255) NOT NULL,
    "created_at" timestamp_with_timezone_text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    CONSTRAINT "customers_pkey" PRIMARY KEY ("tenant_id", "id"),
    FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE
);
CREATE INDEX "customers_tenant_id_created_at_idx" ON "customers" ("tenant_id", "created_at");
CREATE UNIQUE INDEX "customers_tenant_id_email_key" ON "customers" ("tenant_id", "email");

CREATE TABLE "products" (
    "tenant_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "variant_of" uuid_text NULL,
    "sku" varchar(40) NOT NULL,
    "name" varchar(200) NOT NULL,
    "price" integer NOT NULL,
    "stock" integer NOT NULL DEFAULT 0,
    "created_at" timestamp_with_timezone_text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    "updated_at" timestamp_with_timezone_text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    CONSTRAINT "products_pkey" PRIMARY KEY ("tenant_id", "id"),
    FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("tenant_id", "variant_of") REFERENCES "products" ("tenant_id", "id"),
    CONSTRAINT "products_price_check" CHECK (price >= 0)
);
CREATE UNIQUE INDEX "products_tenant_id_sku_key" ON "products" ("tenant_id", "sku");
CREATE INDEX "products_tenant_id_variant_of_idx" ON "products" ("tenant_id", "variant_of");

CREATE TABLE "orders" (
    "tenant_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "customer_id" uuid_text NOT NULL,
    "number" integer NOT NULL,
    "status" text NOT NULL DEFAULT 'placed',
    "placed_at" timestamp_with_timezone_text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    CONSTRAINT "orders_pkey" PRIMARY KEY ("tenant_id", "id"),
    FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("tenant_id", "customer_id") REFERENCES "customers" ("tenant_id", "id"),
    CONSTRAINT "orders_status_check" CHECK (status IN ('placed', 'paid', 'shipped', 'cancelled'))
);
CREATE INDEX "orders_tenant_id_customer_id_idx" ON "orders" ("tenant_id", "customer_id");
CREATE UNIQUE INDEX "orders_tenant_id_number_key" ON "orders" ("tenant_id", "number");
CREATE INDEX "orders_tenant_id_placed_at_idx" ON "orders" ("tenant_id", "placed_at");
CREATE INDEX "orders_tenant_id_status_idx" ON "orders" ("tenant_id", "status");

CREATE TABLE "order_lines" (
    "tenant_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "order_id" uuid_text NOT NULL,
    "product_id" uuid_text NOT NULL,
    "quantity" integer NOT NULL DEFAULT 1,
    "price" integer NOT NULL,
    CONSTRAINT "order_lines_pkey" PRIMARY KEY ("tenant_id", "id"),
    FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders" ("tenant_id", "id") ON DELETE CASCADE,
    FOREIGN KEY ("tenant_id", "product_id") REFERENCES "products" ("tenant_id", "id"),
    CONSTRAINT "order_lines_quantity_check" CHECK (quantity > 0)
);
CREATE UNIQUE INDEX "order_lines_tenant_id_order_id_product_id_key" ON "order_lines" ("tenant_id", "order_id", "product_id");
CREATE INDEX "order_lines_tenant_id_product_id_idx" ON "order_lines" ("tenant_id", "product_id");
