-- Breaks each rule of `migration lint --engine nile` exactly once.

-- Two tables that are as they should be.
CREATE TABLE s (id uuid PRIMARY KEY, name text);
CREATE TABLE t (tenant_id uuid NOT NULL, id uuid NOT NULL, s_id uuid, code text, PRIMARY KEY (tenant_id, id));

CREATE TABLE a (tenant_id text NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); -- tenant-id-type
CREATE TABLE b (tenant_id uuid, id uuid); -- tenant-id-nullable, primary-key-missing
CREATE TABLE c (tenant_id uuid NOT NULL, id uuid PRIMARY KEY); -- primary-key-without-tenant
CREATE TABLE d (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (id, tenant_id)); -- primary-key-order
CREATE TABLE crm.e (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); -- outside-public

CREATE UNIQUE INDEX ON t (code); -- unique-without-tenant
CREATE UNIQUE INDEX ON tenants (slug); -- unique-on-tenants
CREATE INDEX ON t (tenant_id, lower(code)); -- index-expression
CREATE INDEX ON t (tenant_id, code) WHERE t.code <> ''; -- qualified-predicate
CREATE TABLE filled (id uuid PRIMARY KEY) WITH (fillfactor = 70); -- storage-parameter
CREATE INDEX CONCURRENTLY ON t (tenant_id, s_id); -- concurrently

ALTER TABLE t ADD COLUMN n bigserial; -- sequence
ALTER TABLE s ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY; -- sequence-in-shared-table
ALTER TABLE s ADD COLUMN small text GENERATED ALWAYS AS (lower(name)) STORED; -- generated-column
ALTER TABLE s ADD COLUMN mood public.mood; -- qualified-type
ALTER TABLE s ADD COLUMN token uuid DEFAULT uuid_generate_v7(); -- uuid-function
ALTER TABLE s ADD COLUMN newer uuid DEFAULT uuidv7(); -- newer-than-15

ALTER TABLE t ADD FOREIGN KEY (s_id) REFERENCES s (id); -- foreign-key-to-shared
ALTER TABLE d ADD FOREIGN KEY (id) REFERENCES t (id); -- foreign-key-without-tenant
ALTER TABLE s ADD FOREIGN KEY (id) REFERENCES tenants (id); -- foreign-key-from-shared
ALTER TABLE d ADD FOREIGN KEY (tenant_id, id) REFERENCES t (tenant_id, id) ON DELETE SET NULL; -- foreign-key-set-null

CREATE TABLE users (id uuid PRIMARY KEY); -- built-in-created
ALTER TABLE tenants ADD COLUMN tier text NOT NULL; -- built-in-column
DROP TABLE auth.invites; -- built-in-dropped

ALTER TABLE t RENAME COLUMN code TO label; -- rename-column
ALTER INDEX t_pkey RENAME TO t_key; -- rename
ALTER TABLE t ALTER COLUMN code DROP DEFAULT; -- drop-default
ALTER TABLE t ALTER COLUMN code TYPE varchar(20); -- column-type
ALTER TABLE b DROP COLUMN tenant_id; -- tenant-column-altered
DROP TABLE crm.old CASCADE; -- drop-cascade

CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; -- function
CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); -- trigger
ALTER TABLE t ENABLE ROW LEVEL SECURITY; -- policy
GRANT SELECT ON t TO app; -- role
CREATE TABLESPACE fast LOCATION '/fast'; -- database
CREATE EXTENSION citext; -- extension
COMMENT ON TABLE t IS 'things'; -- comment
DO $$ BEGIN PERFORM 1; END $$; -- do-block
COPY t TO STDOUT; -- copy
SET CONSTRAINTS ALL DEFERRED; -- set-constraints
EXPLAIN SELECT 1; -- explain
NOTIFY news; -- notify
CREATE MATERIALIZED VIEW v AS SELECT 1; -- materialized-view
CREATE TEMP TABLE scratch (id int); -- temporary-table
FROBNICATE THE TABLES; -- unreadable

BEGIN;
ALTER TABLE t ADD COLUMN filled text;
UPDATE t SET filled = code; -- tenant-rows-in-migration
COMMIT;

BEGIN;
ALTER TABLE s ADD COLUMN filled text;
UPDATE s SET filled = name; -- rows-beside-ddl
COMMIT;

BEGIN;
SET LOCAL nile.tenant_id = '00000000-0000-0000-0000-000000000001';
UPDATE t SET code = 'x';
UPDATE s SET name = 'x'; -- mixed-writes
COMMIT;

BEGIN;
SELECT 1;
SET LOCAL nile.tenant_id = '00000000-0000-0000-0000-000000000001'; -- tenant-setting-late
COMMIT;

BEGIN;
SELECT set_config('nile.tenant_id', '00000000-0000-0000-0000-000000000001', true); -- tenant-setting-literal
COMMIT;

BEGIN;
SET LOCAL nile.tenant_id = '00000000-0000-0000-0000-000000000001';
SET LOCAL nile.tenant_id = '00000000-0000-0000-0000-000000000002'; -- two-tenants
COMMIT;

INSERT INTO tenants (name) VALUES ('one'), ('two'); -- tenants-one-by-one
