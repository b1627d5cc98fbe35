//! What the application role could read or call around the policies: views, functions that run
//! with their owner's rights, and tables of tenants without protection.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use tenantry_entity::{Engine, tenancy::TENANT_ID};

use crate::{
    db::{literal, quoted},
    report::Finding,
    schema::Schema,
};

#[derive(FromQueryResult)]
struct Row {
    kind: String,
    schema: String,
    name: String,
    /// The arguments of a function.
    arguments: String,
}

/// Everything of that kind, in every schema that the role may use.
pub(super) async fn exposed<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    role: &str,
    entities: &Schema,
) -> Result<Vec<Finding>, DbErr> {
    if !engine.capability().row_level_security {
        return Ok(Vec::new());
    }
    let ours: Vec<String> = entities.tables.keys().map(|name| literal(name)).collect();
    let sql = format!(
        "WITH RECURSIVE role AS (SELECT oid FROM pg_roles WHERE rolname = {role}), \
         usable AS (SELECT n.oid, n.nspname FROM pg_namespace n, role \
         WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
         AND has_schema_privilege(role.oid, n.oid, 'USAGE')), \
         ours AS (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname IN ({ours})), \
         reading AS (SELECT w.ev_class AS oid, d.refobjid AS source FROM pg_rewrite w \
         JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid \
         AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class), \
         around AS (SELECT r.oid FROM reading r JOIN ours ON ours.oid = r.source \
         UNION SELECT r.oid FROM reading r JOIN around a ON a.oid = r.source) \
         SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind, \
         u.nspname::text AS schema, c.relname::text AS name, '' AS arguments \
         FROM pg_class c JOIN around a ON a.oid = c.oid JOIN usable u ON u.oid = c.relnamespace, role \
         WHERE c.relkind IN ('v', 'm') AND has_any_column_privilege(role.oid, c.oid, \
         'SELECT, INSERT, UPDATE') AND NOT (c.relkind = 'v' AND EXISTS (SELECT 1 \
         FROM unnest(c.reloptions) o WHERE o IN ('security_invoker=true', 'security_invoker=on', \
         'security_invoker=1', 'security_invoker=yes'))) \
         UNION ALL SELECT 'table', u.nspname::text, c.relname::text, '' \
         FROM pg_class c JOIN usable u ON u.oid = c.relnamespace, role \
         WHERE c.relkind IN ('r', 'p', 'f') AND c.oid NOT IN (SELECT oid FROM ours) \
         AND EXISTS (SELECT 1 FROM pg_attribute t WHERE t.attrelid = c.oid \
         AND t.attname = '{TENANT_ID}' AND NOT t.attisdropped) \
         AND (has_any_column_privilege(role.oid, c.oid, 'SELECT, INSERT, UPDATE') \
         OR has_table_privilege(role.oid, c.oid, 'DELETE, TRUNCATE')) \
         AND NOT (c.relrowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)) \
         UNION ALL SELECT 'function', u.nspname::text, f.proname::text, \
         pg_get_function_identity_arguments(f.oid) \
         FROM pg_proc f JOIN usable u ON u.oid = f.pronamespace, role \
         WHERE f.prosecdef AND f.proowner <> role.oid \
         AND f.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) \
         AND has_function_privilege(role.oid, f.oid, 'EXECUTE') \
         AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = f.oid \
         AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e') \
         ORDER BY 1, 2, 3, 4",
        role = literal(role),
        ours = ours.join(", "),
    );
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter().map(|row| Ok(Row::from_query_result(row, "")?.finding(role))).collect()
}

impl Row {
    fn finding(&self, role: &str) -> Finding {
        let full = format!("{}.{}", quoted(&self.schema), quoted(&self.name));
        let grantees = format!("PUBLIC, {}", quoted(role));
        let (code, object, message, help) = match self.kind.as_str() {
            "function" => (
                "function-exposed",
                Some(format!("{}({})", self.name, self.arguments)),
                format!("{role} may call it, and it runs with the rights of its owner"),
                format!(
                    "run `REVOKE EXECUTE ON FUNCTION {full}({}) FROM {grantees}`",
                    self.arguments
                ),
            ),
            "view" => (
                "view-exposed",
                None,
                format!("{role} may use the view, which reads with the rights of its owner"),
                format!(
                    "run `ALTER VIEW {full} SET (security_invoker = true)` on PostgreSQL 15 and \
                     newer, or `REVOKE ALL ON {full} FROM {grantees}`"
                ),
            ),
            "table" => (
                "table-exposed",
                None,
                format!("{role} may use the table, which has {TENANT_ID} and no policy"),
                format!("describe it in an entity, or run `REVOKE ALL ON {full} FROM {grantees}`"),
            ),
            _ => (
                "view-exposed",
                None,
                format!("{role} may read the materialized view, to which no policy applies"),
                format!("run `REVOKE ALL ON {full} FROM {grantees}`"),
            ),
        };
        Finding { code, table: self.name.clone(), object, message, help }
    }
}
