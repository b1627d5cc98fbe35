-- The schema that the entities describe, as it is made on postgres.
-- Written by `migration generate`: what is changed here is overwritten.

CREATE TABLE "tenants" (
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "name" varchar(100) NOT NULL,
    "slug" varchar(100) NULL,
    "created" timestamp without time zone NOT NULL DEFAULT (LOCALTIMESTAMP),
    "updated" timestamp without time zone NOT NULL DEFAULT (LOCALTIMESTAMP),
    "deleted" timestamp without time zone NULL,
    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "tenants_slug_key" ON "tenants" ("slug");
ALTER TABLE "tenants" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "tenants_tenant_isolation" ON "tenants" USING (id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT ON "tenants" TO "tenantry_app";

CREATE TABLE "users" (
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "email" text NOT NULL,
    "name" text NULL,
    "given_name" text NULL,
    "family_name" text NULL,
    "picture" text NULL,
    "email_verified" timestamp without time zone NULL,
    "created" timestamp without time zone NOT NULL DEFAULT (LOCALTIMESTAMP),
    "updated" timestamp without time zone NOT NULL DEFAULT (LOCALTIMESTAMP),
    "deleted" timestamp without time zone NULL,
    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email") WHERE deleted IS NULL;

CREATE TABLE "companies" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "name" varchar(100) NOT NULL,
    "domain" varchar(255) NULL,
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "updated_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "companies_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "companies_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE
);
CREATE INDEX "companies_tenant_id_created_at_idx" ON "companies" ("tenant_id", "created_at");
CREATE INDEX "companies_tenant_id_domain_idx" ON "companies" ("tenant_id", "domain");
ALTER TABLE "companies" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "companies_tenant_isolation" ON "companies" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "companies" TO "tenantry_app";

CREATE TABLE "domains" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "name" varchar(255) NOT NULL,
    "verified" bool NOT NULL DEFAULT FALSE,
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "domains_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "domains_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE
);
CREATE UNIQUE INDEX "domains_tenant_id_name_key" ON "domains" ("tenant_id", "name");
CREATE INDEX "domains_tenant_id_verified_idx" ON "domains" ("tenant_id", "verified");
ALTER TABLE "domains" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "domains_tenant_isolation" ON "domains" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "domains" TO "tenantry_app";

CREATE TABLE "email_services" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "provider" varchar(100) NOT NULL,
    "config" jsonb NOT NULL DEFAULT '{}',
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "email_services_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "email_services_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE
);
CREATE INDEX "email_services_tenant_id_created_at_idx" ON "email_services" ("tenant_id", "created_at");
CREATE INDEX "email_services_tenant_id_provider_idx" ON "email_services" ("tenant_id", "provider");
ALTER TABLE "email_services" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "email_services_tenant_isolation" ON "email_services" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "email_services" TO "tenantry_app";

CREATE TABLE "inbox_messages" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "from_email" varchar(255) NOT NULL,
    "to_email" varchar(255) NOT NULL,
    "subject" varchar(500) NOT NULL,
    "content" text NOT NULL,
    "received_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "inbox_messages_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "inbox_messages_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE
);
CREATE INDEX "inbox_messages_tenant_id_from_email_idx" ON "inbox_messages" ("tenant_id", "from_email");
CREATE INDEX "inbox_messages_tenant_id_received_at_idx" ON "inbox_messages" ("tenant_id", "received_at");
CREATE INDEX "inbox_messages_tenant_id_to_email_idx" ON "inbox_messages" ("tenant_id", "to_email");
ALTER TABLE "inbox_messages" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "inbox_messages_tenant_isolation" ON "inbox_messages" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "inbox_messages" TO "tenantry_app";

CREATE TABLE "leads" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "email" varchar(255) NOT NULL,
    "name" varchar(200) NULL,
    "company" varchar(200) NULL,
    "status" text NOT NULL DEFAULT 'new',
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "updated_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "leads_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "leads_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "leads_status_check" CHECK (status IN ('new', 'contacted', 'qualified', 'converted'))
);
CREATE INDEX "leads_tenant_id_created_at_idx" ON "leads" ("tenant_id", "created_at");
CREATE INDEX "leads_tenant_id_email_idx" ON "leads" ("tenant_id", "email");
CREATE INDEX "leads_tenant_id_status_idx" ON "leads" ("tenant_id", "status");
ALTER TABLE "leads" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "leads_tenant_isolation" ON "leads" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "leads" TO "tenantry_app";

CREATE TABLE "team_members" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "user_id" uuid NOT NULL,
    "email" varchar(255) NOT NULL,
    "name" varchar(200) NOT NULL,
    "role" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active',
    "avatar" text NULL,
    "joined_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "last_active_at" timestamp with time zone NULL,
    "permissions" jsonb NOT NULL DEFAULT '[]',
    "two_factor_enabled" bool NOT NULL DEFAULT FALSE,
    "metadata" jsonb NULL,
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "updated_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "team_members_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "team_members_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "team_members_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "team_members_role_check" CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    CONSTRAINT "team_members_status_check" CHECK (status IN ('active', 'inactive', 'pending'))
);
CREATE INDEX "team_members_tenant_id_email_idx" ON "team_members" ("tenant_id", "email");
CREATE INDEX "team_members_tenant_id_role_idx" ON "team_members" ("tenant_id", "role");
CREATE INDEX "team_members_tenant_id_status_idx" ON "team_members" ("tenant_id", "status");
CREATE UNIQUE INDEX "team_members_tenant_id_user_id_key" ON "team_members" ("tenant_id", "user_id");
CREATE INDEX "team_members_user_id_idx" ON "team_members" ("user_id");
ALTER TABLE "team_members" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "team_members_tenant_isolation" ON "team_members" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "team_members" TO "tenantry_app";

CREATE TABLE "templates" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "name" varchar(100) NOT NULL,
    "subject" varchar(255) NOT NULL,
    "content" text NOT NULL,
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "updated_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "templates_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "templates_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE
);
CREATE INDEX "templates_tenant_id_created_at_idx" ON "templates" ("tenant_id", "created_at");
CREATE INDEX "templates_tenant_id_name_idx" ON "templates" ("tenant_id", "name");
ALTER TABLE "templates" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "templates_tenant_isolation" ON "templates" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "templates" TO "tenantry_app";

CREATE TABLE "campaigns" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "company_id" uuid NOT NULL,
    "name" varchar(200) NOT NULL,
    "status" text NOT NULL DEFAULT 'draft',
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "updated_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "campaigns_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "campaigns_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "campaigns_tenant_id_company_id_fkey" FOREIGN KEY ("tenant_id", "company_id") REFERENCES "companies" ("tenant_id", "id") ON DELETE CASCADE,
    CONSTRAINT "campaigns_status_check" CHECK (status IN ('draft', 'active', 'paused', 'completed'))
);
CREATE INDEX "campaigns_tenant_id_company_id_idx" ON "campaigns" ("tenant_id", "company_id");
CREATE INDEX "campaigns_tenant_id_created_at_idx" ON "campaigns" ("tenant_id", "created_at");
CREATE INDEX "campaigns_tenant_id_status_idx" ON "campaigns" ("tenant_id", "status");
ALTER TABLE "campaigns" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "campaigns_tenant_isolation" ON "campaigns" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "campaigns" TO "tenantry_app";

CREATE TABLE "company_settings" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "company_id" uuid NOT NULL,
    "settings" jsonb NOT NULL DEFAULT '{}',
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "updated_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "company_settings_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "company_settings_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "company_settings_tenant_id_company_id_fkey" FOREIGN KEY ("tenant_id", "company_id") REFERENCES "companies" ("tenant_id", "id") ON DELETE CASCADE
);
CREATE UNIQUE INDEX "company_settings_tenant_id_company_id_key" ON "company_settings" ("tenant_id", "company_id");
ALTER TABLE "company_settings" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "company_settings_tenant_isolation" ON "company_settings" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "company_settings" TO "tenantry_app";

CREATE TABLE "email_accounts" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "domain_id" uuid NOT NULL,
    "email" varchar(255) NOT NULL,
    "provider" varchar(50) NOT NULL,
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    CONSTRAINT "email_accounts_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "email_accounts_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "email_accounts_tenant_id_domain_id_fkey" FOREIGN KEY ("tenant_id", "domain_id") REFERENCES "domains" ("tenant_id", "id") ON DELETE CASCADE
);
CREATE INDEX "email_accounts_tenant_id_domain_id_idx" ON "email_accounts" ("tenant_id", "domain_id");
CREATE UNIQUE INDEX "email_accounts_tenant_id_email_key" ON "email_accounts" ("tenant_id", "email");
CREATE INDEX "email_accounts_tenant_id_provider_idx" ON "email_accounts" ("tenant_id", "provider");
ALTER TABLE "email_accounts" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "email_accounts_tenant_isolation" ON "email_accounts" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "email_accounts" TO "tenantry_app";

CREATE TABLE "payments" (
    "tenant_id" uuid NOT NULL,
    "id" uuid NOT NULL DEFAULT (gen_random_uuid()),
    "user_id" uuid NOT NULL,
    "amount" bigint NOT NULL,
    "currency" varchar(3) NOT NULL,
    "status" text NOT NULL DEFAULT 'pending',
    "created_at" timestamp with time zone NOT NULL DEFAULT (CURRENT_TIMESTAMP),
    "processed_at" timestamp with time zone NULL,
    CONSTRAINT "payments_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "payments_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON DELETE CASCADE,
    CONSTRAINT "payments_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "team_members" ("tenant_id", "user_id"),
    CONSTRAINT "payments_amount_check" CHECK (amount > 0),
    CONSTRAINT "payments_currency_check" CHECK (length(currency) = 3 AND trim(currency, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') = ''),
    CONSTRAINT "payments_status_check" CHECK (status IN ('pending', 'completed', 'failed'))
);
CREATE INDEX "payments_tenant_id_created_at_idx" ON "payments" ("tenant_id", "created_at");
CREATE INDEX "payments_tenant_id_status_idx" ON "payments" ("tenant_id", "status");
CREATE INDEX "payments_tenant_id_user_id_idx" ON "payments" ("tenant_id", "user_id");
ALTER TABLE "payments" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "payments_tenant_isolation" ON "payments" USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON "payments" TO "tenantry_app";
