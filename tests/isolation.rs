//! The attacks of the catalogue, tried as every kind of role, and the probe that tries them:
//! whatever is weakened, it or the comparison finds it.

use std::collections::BTreeSet;

use migration::{
    config::DatabaseArgs,
    db::{Absent, Database},
    isolation::{
        AttackResult, Matrix,
        attack::{self, CATALOGUE, Expect},
        probe_from,
    },
    schema::RowSecurity,
};
use tenantry::{ValidateOptions, validate};

use crate::{
    application_role::Own,
    support::{Engine, TestDb, postgres::SECRET, scoped_tables},
};

async fn open(url: &str, role: &str) -> Database {
    let args = DatabaseArgs {
        database_url: Some(url.to_owned()),
        app_role: Some(role.to_owned()),
        ..DatabaseArgs::default()
    };
    Database::open(&migration::PROJECT, &args.target(&migration::PROJECT).unwrap(), Absent::Fail)
        .await
        .unwrap()
}

/// Every attack was tried, and nothing went through.
fn assert_safe(matrix: &Matrix) {
    assert_eq!(matrix.findings, []);
    let tried: Vec<&str> = matrix.attacks.iter().map(|line| line.attack).collect();
    let usual = CATALOGUE.iter().filter(|attack| !attack.is_of_some_shapes());
    assert_eq!(tried, usual.map(|attack| attack.code).collect::<Vec<_>>());
    for line in &matrix.attacks {
        assert!(!line.tables.is_empty(), "{} was tried on nothing", line.attack);
        for (table, outcome) in &line.tables {
            let good = match line.expected {
                Expect::NoRow => *outcome == AttackResult::NoRow,
                Expect::Refused => *outcome == AttackResult::Refused,
                Expect::OwnRow => *outcome == AttackResult::OwnRow,
            };
            assert!(good, "{} on {table}: {outcome:?}", line.attack);
        }
    }
}

#[tokio::test]
async fn as_an_owner_who_is_no_superuser() {
    let test = TestDb::new(Engine::Postgres);
    test.tenantry(&["run"]).ok();
    let ran = test.tenantry(&["validate", "--matrix"]).ok();
    insta::assert_snapshot!("isolation_matrix", ran.stdout);
    let rows = test.rows().await;
    let db = test.open().await;
    let validation = validate(&db, &ValidateOptions::default()).await.unwrap();
    db.close().await;
    assert_safe(&validation.isolation.unwrap());
    assert_eq!(test.rows().await, rows, "the probe leaves nothing");
}

#[tokio::test]
async fn as_a_superuser() {
    let test = TestDb::new(Engine::Postgres);
    test.tenantry(&["run"]).ok();
    let db = open(&test.server().url_as("postgres", SECRET), "tenantry_app").await;
    let validation = validate(&db, &ValidateOptions::default()).await.unwrap();
    db.close().await;
    assert_safe(&validation.isolation.unwrap());
}

#[tokio::test]
async fn as_a_login_that_is_only_a_member_of_the_role() {
    let test = TestDb::new(Engine::Postgres);
    test.tenantry(&["run"]).ok();
    let login = test.server().role("IN ROLE tenantry_app");
    let owner = test.open().await;
    let attacker = open(&test.server().url_as(&login, SECRET), "tenantry_app").await;
    let schema = migration::PROJECT.schema().unwrap();
    assert_safe(&probe_from(&attacker, &owner, &schema).await.unwrap());
    attacker.close().await;
    owner.close().await;
}

/// Each way of weakening it, on every table, one after the other.
#[tokio::test]
async fn whatever_is_weakened_is_found() {
    let own = Own::new(true);
    own.run("migration", &["up"]).ok();
    let (role, owner) = (own.role.as_str(), own.db.server().name.clone());
    let mut weakened: Vec<(String, String, &str, Option<&str>)> = Vec::new();
    for (table, model) in migration::PROJECT.schema().unwrap().tables {
        if model.row_security != RowSecurity::Enabled {
            continue;
        }
        let policy = format!("{table}_tenant_isolation");
        let condition = model.policies[0].condition().unwrap();
        let full = format!("USING ({condition}) WITH CHECK ({condition})");
        let mended =
            format!("DROP POLICY {policy} ON {table}; CREATE POLICY {policy} ON {table} {full}");
        let again = |definition: &str| {
            format!(
                "DROP POLICY {policy} ON {table}; CREATE POLICY {policy} ON {table} {definition}"
            )
        };
        let is_scoped = table != "tenants";
        weakened.extend([
            (
                format!("DROP POLICY {policy} ON {table}"),
                format!("CREATE POLICY {policy} ON {table} {full}"),
                "policy-missing",
                Some("isolation-blind"),
            ),
            // Without WITH CHECK, USING is the check: nothing goes through, but it is not the same.
            (again(&format!("USING ({condition})")), mended.clone(), "policy-differs", None),
            (
                again(&format!("USING ({condition}) WITH CHECK (true)")),
                mended.clone(),
                "policy-differs",
                is_scoped.then_some("isolation-broken"),
            ),
            (
                again(&format!("USING (true) WITH CHECK ({condition})")),
                mended,
                "policy-differs",
                Some("isolation-broken"),
            ),
            (
                format!("CREATE POLICY more ON {table} FOR SELECT USING (true)"),
                format!("DROP POLICY more ON {table}"),
                "policy-unexpected",
                Some("isolation-broken"),
            ),
            (
                format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
                format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"),
                "row-security-disabled",
                Some("isolation-broken"),
            ),
            (
                format!("GRANT TRUNCATE ON {table} TO {role}"),
                format!("REVOKE TRUNCATE ON {table} FROM {role}"),
                "grant-unexpected",
                // What others refer to cannot be emptied alone, whoever tries.
                None,
            ),
            (
                format!("ALTER TABLE {table} OWNER TO {role}"),
                format!(
                    "ALTER TABLE {table} OWNER TO {owner}; GRANT {} ON {table} TO {role}",
                    model.grants[0].privileges.join(", ")
                ),
                "application-role-owns",
                Some("isolation-broken"),
            ),
            (
                format!(
                    "CREATE VIEW seen AS SELECT * FROM {table}; GRANT SELECT ON seen TO {role}"
                ),
                "DROP VIEW seen".to_owned(),
                "view-exposed",
                None,
            ),
        ]);
    }
    for (damage, repair, code, isolation) in [
        (
            "GRANT DELETE ON tenants TO",
            "REVOKE DELETE ON tenants FROM",
            "grant-unexpected",
            Some("isolation-broken"),
        ),
        (
            "GRANT UPDATE ON tenants TO",
            "REVOKE UPDATE ON tenants FROM",
            "grant-unexpected",
            Some("isolation-broken"),
        ),
        (
            "GRANT SELECT ON users TO",
            "REVOKE SELECT ON users FROM",
            "grant-unexpected",
            Some("isolation-broken"),
        ),
        ("GRANT DELETE ON users TO", "REVOKE DELETE ON users FROM", "grant-unexpected", None),
        (
            "GRANT SELECT (email) ON users TO",
            "REVOKE SELECT (email) ON users FROM",
            "grant-unexpected",
            None,
        ),
        (
            "GRANT CREATE ON SCHEMA public TO",
            "REVOKE CREATE ON SCHEMA public FROM",
            "application-role-creates",
            Some("isolation-broken"),
        ),
    ] {
        let (damage, repair) = (format!("{damage} {role}"), format!("{repair} {role}"));
        weakened.push((damage, repair, code, isolation));
    }
    weakened.extend([
        (
            format!("ALTER ROLE {role} BYPASSRLS"),
            format!("ALTER ROLE {role} NOBYPASSRLS"),
            "application-role-bypasses",
            Some("isolation-broken"),
        ),
        (
            "GRANT SELECT ON leads TO PUBLIC".to_owned(),
            "REVOKE SELECT ON leads FROM PUBLIC".to_owned(),
            "grant-unexpected",
            None,
        ),
        (
            "CREATE FUNCTION all_leads() RETURNS SETOF leads LANGUAGE sql SECURITY DEFINER \
             AS 'SELECT * FROM leads'"
                .to_owned(),
            "DROP FUNCTION all_leads()".to_owned(),
            "function-exposed",
            None,
        ),
        (
            "CREATE FUNCTION copies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
             'BEGIN NEW.content := (SELECT string_agg(email, '','') FROM leads); RETURN NEW; END'; \
             REVOKE ALL ON FUNCTION copies() FROM PUBLIC; CREATE TRIGGER copies BEFORE INSERT ON templates \
             FOR EACH ROW EXECUTE FUNCTION copies()"
                .to_owned(),
            "DROP TRIGGER copies ON templates; DROP FUNCTION copies()".to_owned(),
            "trigger-unexpected",
            Some("isolation-broken"),
        ),
        (
            "CREATE RULE more AS ON DELETE TO templates DO ALSO DELETE FROM payments".to_owned(),
            "DROP RULE more ON templates".to_owned(),
            "rule-unexpected",
            Some("isolation-broken"),
        ),
        (
            format!("CREATE TABLE notes (tenant_id uuid); GRANT SELECT ON notes TO {role}"),
            "DROP TABLE notes".to_owned(),
            "table-exposed",
            None,
        ),
    ]);
    assert!(weakened.len() > 110, "{}", weakened.len());
    let db = open(&own.db.url, role).await;
    for (damage, repair, code, isolation) in weakened {
        own.db.server().execute_as_superuser(&damage);
        let found = validate(&db, &ValidateOptions::default()).await.unwrap();
        let codes: BTreeSet<&str> = found.findings.iter().map(|finding| finding.code).collect();
        assert!(codes.contains(code), "{damage}: {codes:?}");
        if let Some(isolation) = isolation {
            assert!(codes.contains(isolation), "{damage}: {found:#?}");
        }
        own.db.server().execute_as_superuser(&repair);
    }
    let found = validate(&db, &ValidateOptions::default()).await.unwrap();
    assert_eq!(found.findings, []);
    assert_safe(&found.isolation.unwrap());
    db.close().await;
}

/// One table that cannot be attacked is a finding of its own, and the others are attacked. What a trigger makes of an attack is
/// looked at, and not taken for a hole.
#[tokio::test]
async fn each_table_is_attacked_alone() {
    let own = Own::new(true);
    own.run("migration", &["up"]).ok();
    let db = open(&own.db.url, &own.role).await;
    let trigger = |body: &str, event: &str, table: &str| {
        format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {body} END'; \
             CREATE TRIGGER meddle BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION meddle()"
        )
    };
    let quota = "IF true THEN RAISE EXCEPTION ''quota''; END IF; RETURN NEW;";
    let fills_in = "NEW.tenant_id := nullif(current_setting(''nile.tenant_id'', true), '''')::uuid; RETURN NEW;";
    let fills_in = format!(
        "IF current_user <> ''{}'' THEN {fills_in} END IF; RETURN NEW;",
        own.db.server().name
    );
    let forbids =
        "IF NEW.tenant_id <> OLD.tenant_id THEN RAISE EXCEPTION ''rows stay''; END IF; RETURN NEW;";
    // What has no row without one of companies, whichever tables there are.
    let schema = migration::PROJECT.schema().unwrap();
    let needs_companies = |table: &&migration::schema::Table| {
        let is_set = |name: &String| table.column(name).is_some_and(|column| !column.nullable);
        let mut keys = table.foreign_keys.iter().filter(|key| key.ref_table == "companies");
        table.name == "companies" || keys.any(|key| key.columns.iter().all(is_set))
    };
    let held = schema.tables.values().filter(needs_companies).map(|table| table.name.as_str());
    let held: Vec<&str> = held.collect();
    assert!(held.len() >= 3, "{held:?}");
    // The table that the trigger or check is on, what makes it, and the tables that cannot be attacked.
    let cases: [(&str, String, &[&str]); 5] = [
        ("email_services", trigger(quota, "INSERT", "email_services"), &["email_services"]),
        ("companies", trigger("RETURN NULL;", "INSERT", "companies"), &held),
        ("leads", trigger(&fills_in, "INSERT OR UPDATE", "leads"), &[]),
        ("leads", trigger(forbids, "UPDATE", "leads"), &[]),
        (
            "leads",
            "ALTER TABLE leads ADD CHECK (email LIKE '%@example.com' AND length(email) > 200)"
                .to_owned(),
            &["leads"],
        ),
    ];
    for (table, damage, wanted) in cases {
        own.db.server().execute_as_superuser(&damage);
        let found = validate(&db, &ValidateOptions::default()).await.unwrap();
        let of_isolation = found.findings.iter().filter(|it| it.code.starts_with("isolation-"));
        let of_isolation: Vec<_> = of_isolation.map(|it| (it.table.as_str(), it.code)).collect();
        let untested: Vec<_> = wanted.iter().map(|table| (*table, "isolation-untested")).collect();
        assert_eq!(of_isolation, untested, "{damage}: {:#?}", found.findings);
        let isolation = found.isolation.unwrap();
        let line = isolation.attacks.iter().find(|line| line.attack == "read").unwrap();
        let attacked = scoped_tables() + 1 - wanted.len();
        assert_eq!(line.tables.len(), attacked, "{damage}: {line:?}");
        if !wanted.is_empty() {
            let why = &isolation.untested[table];
            let said = ["quota", "a trigger let no row pass", "leads_email_check"];
            assert!(said.iter().any(|said| why.contains(said)), "{why}");
        }
        own.db.server().execute_as_superuser(&format!(
            "DROP TRIGGER IF EXISTS meddle ON {table}; DROP FUNCTION IF EXISTS meddle(); \
             ALTER TABLE leads DROP CONSTRAINT IF EXISTS leads_email_check"
        ));
    }
    db.close().await;
}

/// Who cannot try says so, and everything else is still checked.
#[tokio::test]
async fn what_cannot_be_attacked_is_said() {
    let test = TestDb::new(Engine::Postgres);
    test.migration(&["up"]).ok();
    let reader = test.server().role("IN ROLE pg_read_all_data");
    let url = test.server().url_as(&reader, SECRET);
    let ran = test.bin("tenantry").env("DATABASE_URL", &url).args(&["validate"]).run();
    let said = "isolation-untested: (database): one tenant was not attacked as another: ";
    assert!(ran.code == 1 && ran.stdout.contains(said), "{ran:?}");
    assert!(ran.stdout.contains("permission denied"), "{ran:?}");
    let sqlite = TestDb::new(Engine::Sqlite);
    sqlite.migration(&["up"]).ok();
    let ran = sqlite.tenantry(&["validate", "--matrix"]).ok();
    assert_eq!(
        ran.stdout,
        format!(
            "no findings in {} tables
",
            crate::support::tables()
        )
    );
}

/// The table in the documentation is the catalogue's.
#[test]
fn the_documentation_lists_every_attack() {
    let docs = include_str!("../docs/tenancy.md");
    let (_, rest) = docs.split_once("<!-- attacks -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- end of attacks -->").unwrap();
    assert_eq!(table, attack::markdown());
}
