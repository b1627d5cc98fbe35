//! Whatever the application role or one of its logins can reach is known to be safe, or is a finding by name.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::application_role::Own;

/// A hole: what makes it, what closes it again, and the findings that name it. `{role}` is the application role,
/// `{web}` a login that is a member of it, `{owner}` who owns the tables, and the database has the owner's name.
struct Hole {
    makes: &'static str,
    closes: &'static str,
    /// The code, the table and a part of the message.
    found: &'static [(&'static str, &'static str, &'static str)],
}

const fn hole(
    makes: &'static str,
    closes: &'static str,
    found: &'static [(&'static str, &'static str, &'static str)],
) -> Hole {
    Hole { makes, closes, found }
}

const HOLES: &[Hole] = &[
    // Views.
    hole(
        "CREATE VIEW keys AS SELECT tenant_id, id FROM leads; GRANT DELETE ON keys TO {role}",
        "DROP VIEW keys",
        &[(
            "view-exposed",
            "keys",
            "{role} -> view keys: it reads with the rights of its owner -> leads, all",
        )],
    ),
    hole(
        "CREATE VIEW keys AS SELECT id FROM leads; CREATE VIEW more AS SELECT * FROM keys; \
         GRANT SELECT ON more TO {web}",
        "DROP VIEW keys CASCADE",
        &[(
            "view-exposed",
            "more",
            "{web} -> view more: it reads with the rights of its owner -> keys -> leads",
        )],
    ),
    hole(
        "CREATE VIEW passwords AS SELECT rolpassword FROM pg_authid; GRANT SELECT ON passwords TO PUBLIC",
        "DROP VIEW passwords",
        &[("view-exposed", "passwords", "-> pg_authid")],
    ),
    hole(
        "CREATE VIEW people WITH (security_invoker = false) AS SELECT 1 WHERE EXISTS (SELECT 1 FROM users); \
         GRANT SELECT ON people TO {role}",
        "DROP VIEW people",
        &[("view-exposed", "people", "-> users")],
    ),
    hole(
        "CREATE VIEW own WITH (security_invoker) AS SELECT id FROM leads; CREATE RULE r AS ON DELETE TO own \
         DO INSTEAD DELETE FROM payments; GRANT DELETE ON own TO {role}",
        "DROP VIEW own",
        &[("view-exposed", "own", "-> payments")],
    ),
    hole(
        "CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
         'BEGIN DELETE FROM payments; RETURN NULL; END'; REVOKE ALL ON FUNCTION wipe() FROM PUBLIC; \
         CREATE VIEW one AS SELECT 1 AS x; GRANT DELETE ON one TO {role}; \
         CREATE TRIGGER t INSTEAD OF DELETE ON one FOR EACH ROW EXECUTE FUNCTION wipe()",
        "DROP VIEW one; DROP FUNCTION wipe()",
        &[("view-exposed", "one", "a trigger on it runs with the rights of its owner")],
    ),
    hole(
        "CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM leads; GRANT SELECT ON counted TO {role}",
        "DROP MATERIALIZED VIEW counted",
        &[("view-exposed", "counted", "no policy applies to a materialized view")],
    ),
    // Tables.
    hole(
        "CREATE TABLE addresses (email varchar(255) NOT NULL); ALTER TABLE leads INHERIT addresses; \
         GRANT SELECT ON addresses TO {role}",
        "ALTER TABLE leads NO INHERIT addresses; DROP TABLE addresses",
        &[
            ("table-exposed", "addresses", "it shares rows with leads by inheritance"),
            ("table-differs", "leads", "INHERITS (addresses)"),
        ],
    ),
    hole(
        "CREATE TABLE part () INHERITS (leads); GRANT SELECT ON part TO {role}",
        "DROP TABLE part",
        &[
            ("table-exposed", "part", "it shares rows with leads"),
            ("table-differs", "leads", "part"),
        ],
    ),
    hole(
        "CREATE TABLE notes (tenant_id uuid); ALTER TABLE notes ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY p ON notes USING (true); GRANT SELECT ON notes TO {role}",
        "DROP TABLE notes",
        &[("table-exposed", "notes", "it has tenant_id, and no entity describes it")],
    ),
    hole(
        "CREATE TABLE archive (tenant uuid, n int); GRANT UPDATE (n) ON archive TO PUBLIC",
        "DROP TABLE archive",
        &[("table-exposed", "archive", "no entity describes it")],
    ),
    hole(
        "CREATE TABLE mine (tenant uuid); ALTER TABLE mine OWNER TO {role}",
        "DROP TABLE mine",
        &[("table-exposed", "mine", "it belongs to {role}")],
    ),
    hole(
        "CREATE SCHEMA other; CREATE TABLE other.x (a int); GRANT USAGE ON SCHEMA other TO {web}; \
         GRANT TRUNCATE ON other.x TO {web}",
        "DROP SCHEMA other CASCADE",
        &[("table-exposed", "x", "{web} -> table x")],
    ),
    hole(
        "GRANT ALL ON seaql_migrations TO PUBLIC",
        "REVOKE ALL ON seaql_migrations FROM PUBLIC",
        &[("table-exposed", "seaql_migrations", "no entity describes it")],
    ),
    hole(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE SELECT ON TABLES FROM PUBLIC",
        &[(
            "default-privileges-exposed",
            "(database)",
            "tables that {owner} makes are granted at once: SELECT",
        )],
    ),
    hole(
        "GRANT SELECT ON users TO {web}",
        "REVOKE SELECT ON users FROM {web}",
        &[("table-exposed", "users", "{web} -> table users: SELECT is more than entities grant")],
    ),
    hole(
        "GRANT TRUNCATE ON leads TO {web}",
        "REVOKE TRUNCATE ON leads FROM {web}",
        &[("table-exposed", "leads", "TRUNCATE")],
    ),
    hole(
        "GRANT SELECT ON pg_authid TO {web}",
        "REVOKE SELECT ON pg_authid FROM {web}",
        &[("table-exposed", "pg_authid", "{web}")],
    ),
    hole(
        "CREATE SEQUENCE numbers; GRANT UPDATE ON SEQUENCE numbers TO {role}",
        "DROP SEQUENCE numbers",
        &[("sequence-exposed", "numbers", "it may be set, for all tenants")],
    ),
    // Functions.
    hole(
        "CREATE FUNCTION f() RETURNS SETOF leads LANGUAGE sql SET nile.tenant_id = 'b' AS 'SELECT * FROM leads'",
        "DROP FUNCTION f()",
        &[("function-exposed", "f", "it runs with nile.tenant_id=b")],
    ),
    hole(
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM leads'",
        "DROP FUNCTION f()",
        &[("function-exposed", "f", "it runs with the rights of its owner")],
    ),
    hole(
        "CREATE PROCEDURE p() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM leads'; \
         REVOKE ALL ON PROCEDURE p() FROM PUBLIC; GRANT EXECUTE ON PROCEDURE p() TO {web}",
        "DROP PROCEDURE p()",
        &[("function-exposed", "p", "{web} -> procedure p")],
    ),
    hole(
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql SET row_security = off AS 'SELECT 1'",
        "DROP FUNCTION f()",
        &[("function-exposed", "f", "it runs with row_security=off")],
    ),
    hole(
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {role}",
        "REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM {role}",
        &[("function-exposed", "pg_read_file", "the server keeps it for administrators")],
    ),
    hole(
        "CREATE FUNCTION f(internal) RETURNS internal LANGUAGE internal AS 'int4in'",
        "DROP FUNCTION f(internal)",
        &[("function-exposed", "f", "it is written in internal")],
    ),
    // Roles.
    hole(
        "ALTER ROLE {role} CREATEROLE REPLICATION",
        "ALTER ROLE {role} NOCREATEROLE NOREPLICATION",
        &[
            ("login-exposed", "(database)", "{role} has CREATEROLE"),
            ("login-exposed", "(database)", "{role} has REPLICATION"),
        ],
    ),
    hole(
        "ALTER ROLE {web} BYPASSRLS",
        "ALTER ROLE {web} NOBYPASSRLS",
        &[("login-exposed", "(database)", "{web} has BYPASSRLS: no policy binds it")],
    ),
    hole(
        "ALTER ROLE {web} SUPERUSER",
        "ALTER ROLE {web} NOSUPERUSER",
        &[("login-exposed", "(database)", "{web} has SUPERUSER: no policy binds it")],
    ),
    hole(
        "GRANT {owner} TO {web}",
        "REVOKE {owner} FROM {web}",
        &[("login-exposed", "(database)", "{web} -> {owner}: {owner} owns the tables")],
    ),
    hole(
        "GRANT pg_read_server_files TO {web}",
        "REVOKE pg_read_server_files FROM {web}",
        &[("login-exposed", "(database)", "{web} -> pg_read_server_files")],
    ),
    // Policies whose text says nothing.
    hole(
        "CREATE FUNCTION current_setting(text, boolean) RETURNS text LANGUAGE sql STABLE AS \
         'SELECT pg_catalog.current_setting($1, $2)'; SET search_path = public, pg_catalog; \
         ALTER POLICY leads_tenant_isolation ON leads USING \
         (tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid)",
        "ALTER POLICY leads_tenant_isolation ON leads USING \
         (tenant_id = nullif(pg_catalog.current_setting('nile.tenant_id', true), '')::uuid); \
         DROP FUNCTION public.current_setting(text, boolean)",
        &[
            (
                "policy-exposed",
                "leads",
                "it calls public.current_setting(text,boolean), which is not the server's own",
            ),
            ("policy-differs", "leads", "public.current_setting"),
        ],
    ),
    hole(
        "CREATE OPERATOR === (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = uuid_eq); \
         ALTER POLICY tenants_tenant_isolation ON tenants USING \
         (id === nullif(current_setting('nile.tenant_id', true), '')::uuid)",
        "ALTER POLICY tenants_tenant_isolation ON tenants USING \
         (id = nullif(current_setting('nile.tenant_id', true), '')::uuid); \
         DROP OPERATOR === (uuid, uuid)",
        &[
            ("policy-exposed", "tenants", "it calls ===(uuid,uuid)"),
            ("policy-differs", "tenants", "==="),
        ],
    ),
    // The rest.
    hole(
        "GRANT CREATE ON DATABASE {owner} TO {role}",
        "REVOKE CREATE ON DATABASE {owner} FROM {role}",
        &[("database-exposed", "(database)", "it may create schemas")],
    ),
    hole(
        "CREATE SCHEMA other; GRANT CREATE ON SCHEMA other TO {web}",
        "DROP SCHEMA other",
        &[("schema-exposed", "(database)", "{web} -> schema other")],
    ),
    hole(
        "SELECT lo_create(4242); GRANT SELECT ON LARGE OBJECT 4242 TO PUBLIC",
        "SELECT lo_unlink(4242)",
        &[("large-object-exposed", "(database)", "no policy applies to a large object")],
    ),
    hole(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; \
         GRANT USAGE ON FOREIGN SERVER far TO {role}; CREATE FOREIGN TABLE t (a int) SERVER far; \
         GRANT SELECT ON t TO {role}",
        "DROP FOREIGN DATA WRAPPER w CASCADE",
        &[
            ("server-exposed", "(database)", "{role} -> foreign server far"),
            ("table-exposed", "t", "no policy applies to a foreign table"),
        ],
    ),
    hole(
        "ALTER DATABASE {owner} SET nile.tenant_id = 'b'",
        "ALTER DATABASE {owner} RESET nile.tenant_id",
        &[("setting-exposed", "(database)", "it shows a tenant's rows without a scope")],
    ),
    hole(
        "ALTER ROLE {web} SET nile.tenant_id = 'b'",
        "ALTER ROLE {web} RESET nile.tenant_id",
        &[("setting-exposed", "(database)", "{web} -> setting nile.tenant_id")],
    ),
    hole(
        "ALTER ROLE {web} SET role = 'postgres'",
        "ALTER ROLE {web} RESET role",
        &[("setting-exposed", "(database)", "sessions work as another role")],
    ),
    hole(
        "ALTER DATABASE {owner} SET session_replication_role = replica",
        "ALTER DATABASE {owner} RESET session_replication_role",
        &[("setting-exposed", "(database)", "no foreign key and no trigger is enforced")],
    ),
    hole(
        "ALTER ROLE {web} SET row_security = off",
        "ALTER ROLE {web} RESET row_security",
        &[("setting-exposed", "(database)", "every query on a table with policies fails")],
    ),
    hole(
        "ALTER ROLE {web} SET search_path = public, pg_catalog",
        "ALTER ROLE {web} RESET search_path",
        &[("setting-exposed", "(database)", "are looked for elsewhere first")],
    ),
];

/// Parameters can be granted from PostgreSQL 15 on.
const PARAMETER: Hole = hole(
    "GRANT SET ON PARAMETER session_replication_role TO {role}",
    "REVOKE SET ON PARAMETER session_replication_role FROM {role}",
    &[(
        "parameter-exposed",
        "(database)",
        "{role} -> parameter session_replication_role: it may SET",
    )],
);

/// What teams have, and what is no hole. All of it at once.
const HARMLESS: &[&str] = &[
    "CREATE VIEW as_caller WITH (security_invoker = 'TRUE') AS SELECT * FROM leads; GRANT ALL ON as_caller TO {role}",
    "CREATE VIEW as_caller_too WITH (security_invoker = t) AS SELECT * FROM leads; GRANT ALL ON as_caller_too TO {role}",
    "CREATE VIEW nothing AS SELECT generate_series(1, 3) AS n; GRANT SELECT ON nothing TO PUBLIC",
    "CREATE VIEW catalogue AS SELECT relname FROM pg_class; GRANT SELECT ON catalogue TO {role}",
    "CREATE VIEW sizes AS SELECT table_name FROM information_schema.tables; GRANT SELECT ON sizes TO {role}",
    "CREATE ROLE {web}_viewer; GRANT USAGE ON SCHEMA public TO {web}_viewer; GRANT SELECT ON leads TO {web}_viewer; \
     CREATE VIEW bound AS SELECT * FROM leads; ALTER VIEW bound OWNER TO {web}_viewer; GRANT SELECT ON bound TO {role}",
    "CREATE VIEW all_leads AS SELECT * FROM leads",
    "CREATE TABLE jobs (id int); REVOKE ALL ON jobs FROM PUBLIC",
    "CREATE SCHEMA hidden; CREATE TABLE hidden.t (tenant_id uuid); GRANT SELECT ON hidden.t TO {role}",
    "CREATE SEQUENCE tickets; GRANT USAGE, SELECT ON SEQUENCE tickets TO {role}",
    "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n'",
    "CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, public \
     AS 'BEGIN RETURN (SELECT count(*) FROM leads); END'",
    "CREATE FUNCTION for_owners() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; \
     REVOKE ALL ON FUNCTION for_owners() FROM PUBLIC",
    "CREATE TYPE mood AS ENUM ('good'); CREATE DOMAIN short AS varchar(10)",
    "ALTER ROLE {web} SET statement_timeout = '30s'; ALTER ROLE {web} SET role = '{role}'; \
     ALTER ROLE {web} SET search_path = 'public'",
    "GRANT SELECT ON leads TO {web}; GRANT SELECT, INSERT ON payments TO {web}",
    "GRANT pg_signal_backend TO {web}",
    "GRANT {role} TO {web}_viewer",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO pg_monitor",
    "SELECT lo_create(4343)",
];

struct Stage {
    own: Own,
    web: String,
}

impl Stage {
    fn new() -> Self {
        let own = Own::new(true);
        own.run("migration", &["up"]).ok();
        let web = own.db.server().role(&format!("IN ROLE {}", own.role));
        Self { own, web }
    }

    fn filled(&self, text: &str) -> String {
        let owner = &self.own.db.server().name;
        text.replace("{role}", &self.own.role).replace("{web}", &self.web).replace("{owner}", owner)
    }

    fn execute(&self, sql: &str) {
        self.own.db.server().execute_as_superuser(&self.filled(sql));
    }

    fn report(&self) -> Value {
        self.own.run("tenantry", &["validate", "--json"]).json()
    }

    /// The same without attacks, each of which is another way to see a hole.
    fn findings(&self) -> Vec<Value> {
        let report = self.own.run("migration", &["diff", "--json"]).json();
        report["findings"].as_array().unwrap().clone()
    }
}

fn text(finding: &Value, key: &str) -> String {
    finding[key].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn whatever_leads_past_the_policies_is_found_by_name() {
    let stage = Stage::new();
    let version = stage.own.db.number("SELECT current_setting('server_version_num')::bigint").await;
    let by_version: &[Hole] = if version >= 150_000 { &[PARAMETER] } else { &[] };
    let mut codes = BTreeSet::new();
    for hole in HOLES.iter().chain(by_version) {
        // security_invoker came with PostgreSQL 15.
        if version < 150_000 && hole.makes.contains("security_invoker") {
            continue;
        }
        stage.execute(hole.makes);
        let findings = stage.findings();
        assert_eq!(findings.len(), hole.found.len(), "{}: {findings:#?}", hole.makes);
        for (code, table, part) in hole.found {
            let part = stage.filled(part);
            let is_it = |it: &&Value| {
                text(it, "code") == *code
                    && text(it, "table") == *table
                    && text(it, "message").contains(&part)
            };
            assert!(findings.iter().any(|it| is_it(&it)), "{code} {part}: {findings:#?}");
            codes.insert(*code);
        }
        stage.execute(hole.closes);
    }
    assert!(codes.len() >= 12, "{codes:?}");
    assert_eq!(stage.findings(), Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_no_hole_is_no_finding() {
    let stage = Stage::new();
    let version = stage.own.db.number("SELECT current_setting('server_version_num')::bigint").await;
    for sql in HARMLESS {
        if version >= 150_000 || !sql.contains("security_invoker") {
            stage.execute(sql);
        }
    }
    let report = stage.report();
    assert_eq!(report["findings"], Value::Array(Vec::new()), "{report:#}");
    let listed = |name: &str| {
        let all = report["reach"].as_array().unwrap();
        all.iter().find(|it| text(it, "name") == name).map(|it| text(it, "why"))
    };
    assert_eq!(
        listed("public.bound").unwrap(),
        "a view whose owner the policies bind as they bind the role"
    );
    assert_eq!(listed("public.leads").unwrap(), "an entity's table, with its policy and grants");
    assert_eq!(listed("hidden.t"), None, "the schema cannot be used");
    assert_eq!(listed("public.all_leads"), None, "no role of the application was granted it");
    let shown = stage.own.run("tenantry", &["validate", "--reach"]).ok();
    for part in [
        "safe      login ",
        "safe      table public.leads: ",
        "safe      function public.twice(n integer)",
    ] {
        assert!(shown.stdout.contains(part), "{part} in {shown:#?}");
    }
}

/// An exception is accepted by name, and only that one.
#[tokio::test]
async fn what_is_meant_is_accepted_by_name() {
    let stage = Stage::new();
    stage.execute("CREATE TABLE countries (code text); GRANT SELECT ON countries TO {role}, {web}");
    let accepted = r#"{"accepted": [{"code": "table-exposed", "table": "countries", "object": null,
        "reason": "it is the same for all"}]}"#;
    std::fs::write(stage.own.db.folder().join("accepted.json"), accepted).unwrap();
    let left = stage
        .own
        .run("migration", &["diff", "--accepted", "accepted.json", "--json"])
        .expect_code(1);
    let left = left.json()["findings"].as_array().unwrap().clone();
    let objects: Vec<String> = left.iter().map(|it| text(it, "object")).collect();
    assert_eq!(objects.as_slice(), std::slice::from_ref(&stage.web));
}

/// More logins, and more tables that no role of the application was granted, ask for no more queries.
#[tokio::test]
async fn a_fixed_number_of_queries() {
    let stage = Stage::new();
    let count = || {
        let ran = stage.own.db.bin("tenantry").env("TENANTRY_APP_ROLE", &stage.own.role);
        let ran = ran.env("RUST_LOG", "sqlx::query=debug").args(&["validate"]).run().ok();
        ran.stderr.matches("db.statement=").count()
    };
    let before = count();
    for number in 0..20 {
        stage.execute(&format!("CREATE ROLE {{web}}_{number} LOGIN IN ROLE {{role}}"));
        stage.execute(&format!("CREATE TABLE other_{number} (a int)"));
    }
    assert_eq!(count(), before);
}
