//! What is asked of the catalogue. Privileges are read from the access lists themselves, so that the cost does not
//! grow with logins times tables.

use tenantry_entity::Tenancy;

use crate::sql::is_one_of;
use crate::{db::literal, schema::Schema};

/// What the first query begins with, and what of it the others ask about:
///
/// - `ours`: the entities' tables.
/// - `admins`: who owns them, and who asks. They see every row, and are meant to.
/// - `subjects`: the application role, and every login that becomes it other than through an administrator.
/// - `grantees`: every role whose privileges a subject has or can take on, PUBLIC (0) among them, with the
///   shortest path to it. The application role comes first, so that what it reaches is told of it alone.
/// - `usable`: the schemas that one of them may use.
fn prelude(role: &str, entities: &Schema) -> String {
    format!(
        "WITH RECURSIVE app AS (SELECT oid, rolname::text AS name FROM pg_roles WHERE rolname = {role}), \
         ours AS (SELECT c.oid, c.relnamespace, c.relowner, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c \
         WHERE c.relkind IN ('r', 'p') AND {ours}), \
         admins AS (SELECT relowner AS oid FROM ours WHERE relowner NOT IN (SELECT oid FROM app) \
         UNION SELECT oid FROM pg_roles \
         WHERE rolname IN (current_user, session_user) AND rolname <> {role}), \
         below AS (SELECT m.member AS oid FROM pg_auth_members m JOIN app ON app.oid = m.roleid \
         UNION SELECT m.member FROM below b JOIN pg_auth_members m ON m.roleid = b.oid \
         WHERE b.oid NOT IN (SELECT oid FROM admins)), \
         subjects AS (SELECT oid FROM app UNION SELECT b.oid FROM below b JOIN pg_roles r ON r.oid = b.oid \
         WHERE r.rolcanlogin AND b.oid NOT IN (SELECT oid FROM admins) \
         AND has_database_privilege(b.oid, current_database(), 'CONNECT')), \
         closure AS (SELECT s.oid AS subject, s.oid AS role, r.rolname::text AS path, 0 AS steps \
         FROM subjects s JOIN pg_roles r ON r.oid = s.oid \
         UNION ALL SELECT c.subject, m.roleid, c.path || ' -> ' || g.rolname, c.steps + 1 \
         FROM closure c JOIN pg_auth_members m ON m.member = c.role JOIN pg_roles g ON g.oid = m.roleid \
         WHERE c.role NOT IN (SELECT oid FROM admins) AND c.steps < 20), \
         paths AS (SELECT DISTINCT ON (c.role) c.role, c.path, c.steps, \
         EXISTS (SELECT 1 FROM app WHERE app.oid = c.subject) AS of_app FROM closure c \
         ORDER BY c.role, EXISTS (SELECT 1 FROM app WHERE app.oid = c.subject) DESC, c.steps, c.path), \
         grantees AS (SELECT role, path, of_app FROM paths WHERE role NOT IN (SELECT oid FROM admins) \
         UNION ALL SELECT 0, name, true FROM app), \
         usable AS (SELECT n.oid, n.nspname::text AS name FROM pg_namespace n \
         WHERE n.nspname !~ '^pg_(toast|temp)' AND (n.nspowner IN (SELECT role FROM grantees) \
         OR EXISTS (SELECT 1 FROM aclexplode(n.nspacl) a JOIN grantees g ON g.role = a.grantee \
         WHERE a.privilege_type = 'USAGE'))) ",
        role = literal(role),
        ours = is_one_of("c", entities.tables.keys().map(String::as_str)),
    )
}

/// What the first query asks: the roles that a subject is or can become, and what they are, as JSON; each list of the
/// [`prelude`] as SQL, in the order of [`LISTS`]; whether the server has what [`PARAMETERS`] names; and the schema that
/// unqualified names belong to.
const KNOWN: &str = "SELECT (SELECT coalesce(json_agg(r ORDER BY r.path), '[]') FROM ( \
     SELECT p.path, p.of_app, r.rolname::text AS name, p.steps, p.role IN (SELECT oid FROM admins) AS is_admin, \
     r.rolsuper AS is_superuser, r.rolbypassrls AS bypasses, \
     r.rolcreaterole AS creates_roles, r.rolreplication AS replicates, \
     EXISTS (SELECT 1 FROM pg_database d WHERE d.datdba = r.oid) AS owns_a_database, \
     r.rolname ~ '^pg_' AS is_predefined \
     FROM paths p JOIN pg_roles r ON r.oid = p.role) r)::text AS roles, \
     ARRAY[{lists}] AS lists, \
     to_regclass('pg_catalog.pg_parameter_acl') IS NOT NULL AS has_parameters, current_schema()::text AS schema";

/// The lists of the [`prelude`] that other queries ask about, and the names and types of their columns.
const LISTS: [(&str, &[(&str, &str)]); 6] = [
    ("app", &[("oid", "oid"), ("name", "text")]),
    (
        "ours",
        &[
            ("oid", "oid"),
            ("relnamespace", "oid"),
            ("relowner", "oid"),
            ("relrowsecurity", "boolean"),
            ("relforcerowsecurity", "boolean"),
        ],
    ),
    ("admins", &[("oid", "oid")]),
    ("subjects", &[("oid", "oid")]),
    ("grantees", &[("role", "oid"), ("path", "text"), ("of_app", "boolean")]),
    ("usable", &[("oid", "oid"), ("name", "text")]),
];

/// The first query.
pub(super) fn known(role: &str, entities: &Schema) -> String {
    let list = |(name, columns): (&str, &[(&str, &str)])| {
        let types: Vec<String> = columns.iter().map(|(_, ty)| format!("%L::{ty}")).collect();
        let names: Vec<&str> = columns.iter().map(|(column, _)| *column).collect();
        format!(
            "(SELECT coalesce(string_agg(format('({})', {}), ', '), '') FROM {name})",
            types.join(", "),
            names.join(", ")
        )
    };
    prelude(role, entities) + &KNOWN.replace("{lists}", &LISTS.map(list).join(", "))
}

/// What the other queries begin with: the lists as they were found, which need not be planned and found again. The
/// planner knows how long they are.
pub(super) fn found(lists: &[String]) -> String {
    let lists = LISTS.iter().zip(lists).map(|((name, columns), list)| {
        let names: Vec<&str> = columns.iter().map(|(column, _)| *column).collect();
        let list = if list.is_empty() {
            let nothing = columns.iter().map(|(_, ty)| format!("NULL::{ty}"));
            format!("SELECT {} WHERE false", nothing.collect::<Vec<_>>().join(", "))
        } else {
            format!("VALUES {list}")
        };
        format!("{name} ({}) AS ({list})", names.join(", "))
    });
    format!("WITH RECURSIVE {}", lists.collect::<Vec<_>>().join(", "))
}

/// Roles of the server that lead to no row.
pub(super) const HARMLESS_ROLES: [&str; 6] = [
    "pg_checkpoint",
    "pg_database_owner",
    "pg_read_all_settings",
    "pg_signal_autovacuum_worker",
    "pg_signal_backend",
    "pg_use_reserved_connections",
];

/// Every relation that a grantee may use; what the application role may do apart from what only its logins may. Of a
/// view that reads with its owner's rights, what it reads.
///
/// `leak` is the way to the first relation behind it whose rows are not one tenant's. Which relations a rule names is in
/// its tree: `pg_depend` leaves out those of the server.
pub(super) const RELATIONS: &str = "acl AS (\
     SELECT c.oid, a.grantee, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a \
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
     AND NOT (c.oid < 16384 AND c.relnamespace = 'information_schema'::regnamespace \
     AND a.grantee = 0 AND a.privilege_type = 'SELECT') \
     AND NOT EXISTS (SELECT 1 FROM pg_init_privs i, \
     aclexplode(i.initprivs) b WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0 \
     AND b.grantee = a.grantee AND b.privilege_type = a.privilege_type) \
     UNION ALL SELECT t.attrelid, a.grantee, a.privilege_type || ' (' || quote_ident(t.attname) || ')' \
     FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attacl IS NOT NULL AND NOT t.attisdropped \
     AND NOT EXISTS (SELECT 1 FROM pg_init_privs i, \
     aclexplode(i.initprivs) b WHERE i.classoid = 'pg_class'::regclass AND i.objoid = t.attrelid \
     AND i.objsubid = t.attnum AND b.grantee = a.grantee AND b.privilege_type = a.privilege_type) \
     UNION ALL SELECT c.oid, c.relowner, 'OWNER' FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
     AND c.relowner IN (SELECT role FROM grantees)), \
     reached AS (SELECT c.oid, c.relkind, c.relowner, c.relname::text AS name, u.name AS schema, \
     array_agg(DISTINCT a.privilege_type) AS privileges, \
     g.of_app, (array_agg(g.path ORDER BY length(g.path), g.path))[1] AS path \
     FROM acl a JOIN grantees g ON g.role = a.grantee JOIN pg_class c ON c.oid = a.oid \
     JOIN usable u ON u.oid = c.relnamespace \
     GROUP BY c.oid, c.relkind, c.relowner, c.relname, u.name, g.of_app), \
     system AS (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema')), \
     views AS (SELECT c.oid, c.relowner, c.relnamespace, c.relname::text AS name, coalesce((SELECT o.option_value::boolean \
     FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = 'security_invoker'), false) AS as_caller \
     FROM pg_class c WHERE c.relkind = 'v'), \
     reads AS (SELECT r.oid AS root, x.id[1]::oid AS oid, v.relowner AS reader, ''::text COLLATE \"C\" AS way \
     FROM reached r JOIN views v ON v.oid = r.oid JOIN pg_rewrite w ON w.ev_class = v.oid \
     AND (w.ev_type <> '1' OR NOT v.as_caller), \
     regexp_matches(w.ev_action::text, ':relid ([0-9]+)', 'g') AS x (id) WHERE x.id[1]::oid NOT IN (0, v.oid) \
     UNION SELECT b.root, x.id[1]::oid, v.relowner, b.way || v.name || ' -> ' FROM reads b JOIN views v ON v.oid = b.oid \
     AND v.relnamespace NOT IN (SELECT oid FROM system) \
     JOIN pg_rewrite w ON w.ev_class = v.oid AND (w.ev_type <> '1' OR NOT v.as_caller), \
     regexp_matches(w.ev_action::text, ':relid ([0-9]+)', 'g') AS x (id) WHERE x.id[1]::oid NOT IN (0, v.oid)), \
     leaks AS (SELECT b.root, b.way || c.relname AS way FROM reads b JOIN pg_class c ON c.oid = b.oid \
     AND (c.relkind <> 'v' OR c.relnamespace IN (SELECT oid FROM system)) \
     JOIN pg_roles o ON o.oid = b.reader LEFT JOIN ours ON ours.oid = c.oid \
     WHERE NOT CASE WHEN ours.oid IS NOT NULL THEN ours.relrowsecurity AND NOT o.rolsuper AND NOT o.rolbypassrls \
     AND (ours.relforcerowsecurity OR NOT pg_has_role(b.reader, ours.relowner, 'USAGE')) \
     WHEN c.relnamespace IN (SELECT oid FROM system) \
     THEN EXISTS (SELECT 1 FROM app WHERE has_table_privilege(app.oid, c.oid, 'SELECT')) ELSE false END) \
     SELECT r.path, r.of_app, r.schema, r.name, r.relkind::text AS kind, r.privileges::text[] AS privileges, \
     r.oid IN (SELECT oid FROM ours) AS is_ours, \
     coalesce((SELECT v.as_caller FROM views v WHERE v.oid = r.oid), false) AS as_caller, \
     EXISTS (SELECT 1 FROM reads b WHERE b.root = r.oid) AS reads_anything, \
     (SELECT l.way FROM leaks l WHERE l.root = r.oid ORDER BY length(l.way), l.way LIMIT 1) AS leak, \
     EXISTS (SELECT 1 FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid WHERE t.tgrelid = r.oid \
     AND NOT t.tgisinternal AND f.prosecdef) AS has_definer_trigger, \
     (SELECT string_agg(DISTINCT c.relname, ', ') FROM pg_inherits h JOIN ours ON ours.oid IN (h.inhrelid, h.inhparent) \
     JOIN pg_class c ON c.oid = ours.oid WHERE r.oid IN (h.inhrelid, h.inhparent) AND r.oid <> ours.oid) AS inherits, \
     EXISTS (SELECT 1 FROM pg_attribute t WHERE t.attrelid = r.oid AND NOT t.attisdropped \
     AND t.attname = {column}) AS has_tenant, \
     (SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
     WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype = 'e' \
     AND d.refclassid = 'pg_extension'::regclass) AS extension \
     FROM reached r ORDER BY r.schema, r.name";

/// Every function that a grantee may call and that no version of the server brings along.
pub(super) const FUNCTIONS: &str = "acl AS (\
     SELECT f.oid, a.grantee FROM pg_proc f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a \
     WHERE NOT EXISTS (SELECT 1 FROM pg_init_privs i, aclexplode(i.initprivs) b \
     WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = f.oid AND b.grantee = a.grantee) \
     AND NOT (f.pronamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) \
     AND f.oid < 16384 AND f.proacl IS NULL)), \
     reached AS (SELECT f.oid, u.name AS schema, \
     (array_agg(g.path ORDER BY g.of_app DESC, length(g.path), g.path))[1] AS path \
     FROM acl a JOIN grantees g ON g.role = a.grantee JOIN pg_proc f ON f.oid = a.oid \
     JOIN usable u ON u.oid = f.pronamespace WHERE f.prokind IN ('f', 'p') \
     AND f.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) GROUP BY f.oid, u.name) \
     SELECT r.path, r.schema, f.proname::text AS name, pg_get_function_identity_arguments(f.oid) AS arguments, \
     f.prokind = 'p' AS is_procedure, f.prosecdef AND f.proowner NOT IN (SELECT oid FROM app) AS is_definer, \
     pg_get_userbyid(f.proowner)::text AS owner, l.lanname::text AS language, l.lanpltrusted AS is_trusted, \
     coalesce(f.proconfig, '{}') AS settings, f.oid < 16384 AS is_builtin, \
     (SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
     WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e' \
     AND d.refclassid = 'pg_extension'::regclass) AS extension \
     FROM reached r JOIN pg_proc f ON f.oid = r.oid JOIN pg_language l ON l.oid = f.prolang ORDER BY 2, 3, 4";

/// What else opens a way: the kind, its name, and a privilege or value. Of a policy, what it calls that is not the
/// server's: the same text may mean another function, wherever the search path was another one.
pub(super) const OTHERS: &str = "found AS (\
     SELECT 'schema' AS kind, n.nspname::text AS name, 'CREATE' AS detail, g.path FROM pg_namespace n, \
     aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a JOIN grantees g ON g.role = a.grantee \
     WHERE a.privilege_type = 'CREATE' AND n.nspname !~ '^pg_(toast|temp)' \
     UNION SELECT 'schema', n.nspname, 'OWNER', g.path FROM pg_namespace n JOIN grantees g ON g.role = n.nspowner \
     UNION SELECT 'database', d.datname, a.privilege_type, g.path FROM pg_database d, aclexplode(d.datacl) a \
     JOIN grantees g ON g.role = a.grantee WHERE d.datname = current_database() AND a.privilege_type = 'CREATE' \
     UNION SELECT 'database', d.datname, 'OWNER', g.path FROM pg_database d JOIN grantees g ON g.role = d.datdba \
     WHERE d.datname = current_database() \
     UNION SELECT 'large object', o.oid::text, coalesce(a.privilege_type, 'OWNER'), g.path \
     FROM pg_largeobject_metadata o LEFT JOIN LATERAL aclexplode(o.lomacl) a ON true \
     JOIN grantees g ON g.role IN (a.grantee, o.lomowner) \
     UNION SELECT 'foreign server', s.srvname, coalesce(a.privilege_type, 'OWNER'), g.path FROM pg_foreign_server s \
     LEFT JOIN LATERAL aclexplode(s.srvacl) a ON true JOIN grantees g ON g.role IN (a.grantee, s.srvowner) \
     UNION SELECT 'publication', p.pubname, 'OWNER', g.path FROM pg_publication p JOIN grantees g ON g.role = p.pubowner \
     UNION SELECT 'default privileges', pg_get_userbyid(d.defaclrole), a.privilege_type, g.path FROM pg_default_acl d, \
     aclexplode(d.defaclacl) a JOIN grantees g ON g.role = a.grantee WHERE d.defaclobjtype = 'r' \
     AND d.defaclrole IN (SELECT oid FROM admins) \
     AND (d.defaclnamespace = 0 OR d.defaclnamespace IN (SELECT relnamespace FROM ours) \
     OR d.defaclnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())) \
     UNION SELECT 'setting', coalesce(r.rolname::text, ''), s.setting, coalesce(r.rolname, '') \
     FROM pg_db_role_setting d LEFT JOIN pg_roles r ON r.oid = d.setrole, unnest(d.setconfig) AS s (setting) \
     WHERE d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) \
     AND (d.setrole = 0 OR d.setrole IN (SELECT oid FROM subjects)) \
     AND split_part(s.setting, '=', 1) IN ({settings}) \
     UNION SELECT 'setting', 'the server', s.name || '=' || s.reset_val, '' FROM pg_settings s \
     WHERE s.source IN ('configuration file', 'command line') AND s.name IN ({settings}) \
     UNION SELECT 'policy', c.relname || '.' || p.polname, CASE d.refclassid WHEN 'pg_proc'::regclass \
     THEN d.refobjid::regprocedure::text ELSE d.refobjid::regoperator::text END, app.name \
     FROM app, ours JOIN pg_policy p ON p.polrelid = ours.oid JOIN pg_class c ON c.oid = ours.oid \
     JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid \
     AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) \
     WHERE NOT EXISTS (SELECT 1 FROM pg_proc f WHERE d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid \
     AND f.proname = {sealed} AND f.pronamespace = c.relnamespace) {parameters}) \
     SELECT f.kind, f.name, array_agg(DISTINCT f.detail)::text[] AS details, \
     (array_agg(f.path ORDER BY length(f.path), f.path))[1] AS path FROM found f GROUP BY f.kind, f.name ORDER BY 1, 2";

/// A part of [`OTHERS`] about parameters that were granted. Before PostgreSQL 15 there is no such table.
pub(super) const PARAMETERS: &str = "UNION SELECT 'parameter', p.parname, a.privilege_type, g.path \
     FROM pg_parameter_acl p, aclexplode(p.paracl) a JOIN grantees g ON g.role = a.grantee";

/// Settings that decide whose rows a session sees.
pub(super) fn settings(names: &Tenancy) -> [&str; 5] {
    [names.setting, "role", "row_security", "search_path", "session_replication_role"]
}
