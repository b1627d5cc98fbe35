-- The schema that the entities describe, as it is made on postgres.
-- Written by `migration generate`: what is changed here is overwritten.

CREATE TABLE "tenants" (
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "name" varchar(100) NOT NULL,
    "created" timestamp without time zone NOT NULL DEFAULT (LOCALTIMESTAMP),
    "updated" timestamp without time zone NOT NULL DEFAULT (LOCALTIMESTAMP),
    "deleted" timestamp without time zone NULL,
    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);
ALTER TABLE "tenants" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "tenants_tenant_isolation" ON "tenants" USING (id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT ON "tenants" TO "tenantry_app";

CREATE TABLE "customers" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "name" varchar(200) NOT NULL,
    "email" varchar(255) NOT NULL,
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "customers_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "customers_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE
);
CREATE INDEX "customers_tenant_id_created_at_idx" ON "customers" ("tenant_id", "created_at");
CREATE UNIQUE INDEX "customers_tenant_id_email_key" ON "customers" ("tenant_id", "email");
ALTER TABLE "customers" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "customers_tenant_isolation" ON "customers" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "customers" TO "tenantry_app";

CREATE TABLE "products" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "variant_of" uuid NULL,
    "sku" varchar(40) NOT NULL,
    "name" varchar(200) NOT NULL,
    "price" bigint NOT NULL,
    "stock" integer NOT NULL DEFAULT 0,
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "updated_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "products_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "products_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "products_tenant_id_variant_of_fkey" FOREIGN KEY ("tenant_id", "variant_of") REFERENCES "products" ("tenant_id", "id"),
    CONSTRAINT "products_price_check" CHECK (price >= 0)
);
CREATE UNIQUE INDEX "products_tenant_id_sku_key" ON "products" ("tenant_id", "sku");
CREATE INDEX "products_tenant_id_variant_of_idx" ON "products" ("tenant_id", "variant_of");
ALTER TABLE "products" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "products_tenant_isolation" ON "products" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "products" TO "tenantry_app";

CREATE TABLE "orders" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "customer_id" uuid NOT NULL,
    "number" integer NOT NULL,
    "status" text NOT NULL DEFAULT 'placed',
    "placed_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "orders_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "orders_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "orders_tenant_id_customer_id_fkey" FOREIGN KEY ("tenant_id", "customer_id") REFERENCES "customers" ("tenant_id", "id"),
    CONSTRAINT "orders_status_check" CHECK (status IN ('placed', 'paid', 'shipped', 'cancelled'))
);
CREATE INDEX "orders_tenant_id_customer_id_idx" ON "orders" ("tenant_id", "customer_id");
CREATE UNIQUE INDEX "orders_tenant_id_number_key" ON "orders" ("tenant_id", "number");
CREATE INDEX "orders_tenant_id_placed_at_idx" ON "orders" ("tenant_id", "placed_at");
CREATE INDEX "orders_tenant_id_status_idx" ON "orders" ("tenant_id", "status");
ALTER TABLE "orders" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "orders_tenant_isolation" ON "orders" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "orders" TO "tenantry_app";

CREATE TABLE "order_lines" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "order_id" uuid NOT NULL,
    "product_id" uuid NOT NULL,
    "quantity" integer NOT NULL DEFAULT 1,
    "price" bigint NOT NULL,
    CONSTRAINT "order_lines_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "order_lines_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "order_lines_tenant_id_order_id_fkey" FOREIGN KEY ("tenant_id", "order_id") REFERENCES "orders" ("tenant_id", "id") ON DELETE CASCADE,
    CONSTRAINT "order_lines_tenant_id_product_id_fkey" FOREIGN KEY ("tenant_id", "product_id") REFERENCES "products" ("tenant_id", "id"),
    CONSTRAINT "order_lines_quantity_check" CHECK (quantity > 0)
);
CREATE UNIQUE INDEX "order_lines_tenant_id_order_id_product_id_key" ON "order_lines" ("tenant_id", "order_id", "product_id");
CREATE INDEX "order_lines_tenant_id_product_id_idx" ON "order_lines" ("tenant_id", "product_id");
ALTER TABLE "order_lines" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "order_lines_tenant_isolation" ON "order_lines" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "order_lines" TO "tenantry_app";
