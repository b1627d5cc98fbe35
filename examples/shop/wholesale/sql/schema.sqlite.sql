-- The schema that the entities describe, as it is made on sqlite.
-- Written by `migration generate`: what is changed here is overwritten.

CREATE TABLE "organizations" (
    "id" integer NOT NULL,
    "name" varchar NOT NULL,
    CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "organizations_name_key" ON "organizations" ("name");

CREATE TABLE "customers" (
    "id" integer NOT NULL,
    "organization_id" integer NOT NULL,
    "name" varchar NOT NULL,
    CONSTRAINT "customers_pkey" PRIMARY KEY ("id"),
    FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
);
CREATE UNIQUE INDEX "customers_id_organization_id_key" ON "customers" ("id", "organization_id");
CREATE INDEX "customers_organization_id_name_idx" ON "customers" ("organization_id", "name");

CREATE TABLE "price_lists" (
    "id" integer NOT NULL,
    "organization_id" integer NULL,
    "name" varchar NOT NULL,
    CONSTRAINT "price_lists_pkey" PRIMARY KEY ("id"),
    FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
);
CREATE INDEX "price_lists_organization_id_idx" ON "price_lists" ("organization_id");

CREATE TABLE "products" (
    "id" integer NOT NULL,
    "organization_id" integer NOT NULL,
    "number" varchar NOT NULL,
    "price" real(12, 2) NOT NULL,
    CONSTRAINT "products_pkey" PRIMARY KEY ("id"),
    FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE,
    CONSTRAINT "products_price_check" CHECK (price >= 0)
);
CREATE UNIQUE INDEX "products_organization_id_number_key" ON "products" ("organization_id", "number");

CREATE TABLE "orders" (
    "id" integer NOT NULL,
    "organization_id" integer NOT NULL,
    "customer_id" integer NOT NULL,
    "state" text NOT NULL DEFAULT 'open',
    "changed_at" timestamp_with_timezone_text NULL,
    CONSTRAINT "orders_pkey" PRIMARY KEY ("id"),
    FOREIGN KEY ("customer_id", "organization_id") REFERENCES "customers" ("id", "organization_id"),
    FOREIGN KEY ("organization_id") REFERENCES "organizations" ("id") ON DELETE CASCADE
);
CREATE INDEX "orders_customer_id_organization_id_idx" ON "orders" ("customer_id", "organization_id");
CREATE INDEX "orders_organization_id_idx" ON "orders" ("organization_id");

CREATE TABLE "order_lines" (
    "id" integer NOT NULL,
    "order_id" integer NOT NULL,
    "product_id" integer NOT NULL,
    "quantity" integer NOT NULL,
    "is_bulk" boolean NOT NULL GENERATED ALWAYS AS (quantity >= 6) STORED,
    CONSTRAINT "order_lines_pkey" PRIMARY KEY ("id"),
    FOREIGN KEY ("order_id") REFERENCES "orders" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("product_id") REFERENCES "products" ("id")
);
CREATE INDEX "order_lines_order_id_idx" ON "order_lines" ("order_id");
CREATE INDEX "order_lines_product_id_idx" ON "order_lines" ("product_id");
CREATE TRIGGER orders_changed AFTER UPDATE OF state ON orders BEGIN
  UPDATE orders SET changed_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;
CREATE VIEW open_orders AS
SELECT orders.id, orders.organization_id, customers.name AS customer
FROM orders
JOIN customers ON customers.id = orders.customer_id
WHERE orders.state = 'open';
