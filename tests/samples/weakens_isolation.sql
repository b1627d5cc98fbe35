-- What weakens the isolation of tenants on PostgreSQL: behind each statement, the rule that it breaks.
CREATE POLICY everybody ON leads FOR SELECT USING (true); -- policy-for-all-rows
DROP POLICY leads_tenant_isolation ON leads; -- policy-dropped
ALTER TABLE leads DISABLE ROW LEVEL SECURITY; -- row-security-off
GRANT SELECT ON leads TO PUBLIC; -- grant-to-public
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO tenantry_app; -- default-privileges
CREATE FUNCTION all_leads() RETURNS SETOF leads LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM leads'; -- definer-function
ALTER ROLE tenantry_app BYPASSRLS; -- role-past-policies
CREATE VIEW lead_keys AS SELECT tenant_id, id FROM leads; -- view-as-owner
CREATE RULE more AS ON DELETE TO templates DO ALSO DELETE FROM payments; -- rule-on-table
CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END'; -- definer-function
CREATE TRIGGER counted AFTER INSERT ON leads FOR EACH ROW EXECUTE FUNCTION counted(); -- trigger-as-owner
ALTER TABLE leads DISABLE TRIGGER ALL; -- triggers-off
CREATE MATERIALIZED VIEW lead_counts AS SELECT tenant_id, count(*) FROM leads GROUP BY 1; -- rows-past-policies
-- What does not.
CREATE FUNCTION named() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER named BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION named();
CREATE VIEW own_keys WITH (security_invoker = true) AS SELECT tenant_id, id FROM leads;
CREATE POLICY drafts_stay ON campaigns AS RESTRICTIVE FOR DELETE USING (status <> 'draft');
DROP POLICY payments_tenant_isolation ON payments;
CREATE POLICY payments_tenant_isolation ON payments USING (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid);
GRANT SELECT ON leads TO tenantry_app;
REVOKE ALL ON leads FROM PUBLIC;
