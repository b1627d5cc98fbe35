//! The application role: made once for a whole cluster, whoever is first; done without where it
//! may not be made; granted later what was skipped; and never dropped.

use std::collections::BTreeSet;

use sea_orm::ConnectionTrait as _;

use crate::support::{Engine, Ran, TestDb, postgres::SECRET, scoped_tables};

/// A database with an application role of its own, which does not exist yet, so that no other test
/// sees what becomes of it.
pub(crate) struct Own {
    pub(crate) db: TestDb,
    pub(crate) role: String,
}

impl Own {
    /// The owner may create roles, if `may_create` says so.
    pub(crate) fn new(may_create: bool) -> Self {
        let db = TestDb::new(Engine::Postgres);
        let owner = &db.server().name;
        if may_create {
            db.server().execute_as_superuser(&format!("ALTER ROLE {owner} CREATEROLE"));
        }
        // Dropped with the database, like every role whose name begins like that of the owner.
        let role = format!("{owner}_app");
        Self { db, role }
    }

    pub(crate) fn run(&self, name: &str, args: &[&str]) -> Ran {
        self.db.bin(name).env("TENANTRY_APP_ROLE", &self.role).args(args).run()
    }

    fn findings(&self) -> Vec<String> {
        let report = self.run("tenantry", &["validate", "--json"]);
        let code = |line: String| line.rsplit(' ').next().unwrap().to_owned();
        report.finding_codes().into_iter().map(code).collect()
    }

    /// How many privileges on tables the role has.
    async fn privileges(&self) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r \
             ON r.oid = a.grantee WHERE r.rolname = '{}'",
            self.role
        );
        self.db.number(&sql).await
    }

    async fn exists(&self) -> bool {
        let sql = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", self.role);
        self.db.number(&sql).await == 1
    }
}

/// Four on each tenant-scoped table, and one on `tenants`.
fn privileges() -> i64 {
    i64::try_from(scoped_tables()).unwrap() * 4 + 1
}

#[tokio::test]
async fn an_owner_who_may_creates_it() {
    let own = Own::new(true);
    own.run("migration", &["up"]).ok();
    assert_eq!(own.privileges().await, privileges());
    assert_eq!(own.findings(), Vec::<String>::new());
    own.run("migration", &["up"]).ok();
    own.run("migration", &["grant"]).ok();
    // Nothing of ours is left in the database, and the role stays: others may use it.
    own.run("tenantry", &["rollback"]).ok();
    assert_eq!(own.privileges().await, 0);
    assert!(own.exists().await);
}

#[tokio::test]
async fn an_owner_who_may_not_goes_on_without() {
    let own = Own::new(false);
    let ran = own.run("migration", &["up"]).ok();
    let advice = format!("CREATE ROLE \"{0}\" NOLOGIN; GRANT \"{0}\" TO", own.role);
    assert!(ran.stderr.contains(&advice), "{ran:?}");
    assert_eq!(own.findings(), ["application-role-missing"]);
    let report = own.run("tenantry", &["validate", "--json"]);
    assert_eq!(report.code, 1);
    assert!(report.stdout.contains("CREATE ROLE"), "{report:?}");
    let refused = own.run("migration", &["grant"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains(&advice), "{refused:?}");
    // What rolls back needs no role.
    own.run("migration", &["down", "-n", "1"]).ok();
    own.run("migration", &["up"]).ok();

    // An administrator does what was said; what was skipped is done by `up` as by `grant`.
    let owner = &own.db.server().name;
    let create = format!("CREATE ROLE {0} NOLOGIN; GRANT {0} TO {owner}", own.role);
    own.db.server().execute_as_superuser(&create);
    let lacks = own.findings();
    assert_eq!(lacks.len(), scoped_tables() + 1, "every table that lacks privileges: {lacks:?}");
    own.run("migration", &["up"]).ok();
    assert_eq!(own.privileges().await, privileges());
    assert_eq!(own.findings(), Vec::<String>::new());
    own.db.execute(&format!("REVOKE INSERT ON leads FROM {}", own.role)).await;
    assert_eq!(own.findings(), ["grant-missing"]);
    let granted = own.run("migration", &["grant"]).ok();
    assert!(granted.stdout.contains("leads"), "{granted:?}");
    assert_eq!(own.findings(), Vec::<String>::new());
}

/// Sixteen databases of one cluster make the same role at the same moment.
#[tokio::test]
async fn creating_it_is_no_race() {
    let first = Own::new(true);
    let others: Vec<Own> = (0..15).map(|_| Own::new(true)).collect();
    let all: Vec<&TestDb> =
        std::iter::once(&first.db).chain(others.iter().map(|o| &o.db)).collect();
    std::thread::scope(|scope| {
        let runs: Vec<_> = all
            .iter()
            .map(|db| {
                let role = &first.role;
                let bin = db.bin("migration").env("TENANTRY_APP_ROLE", role).args(&["up"]);
                scope.spawn(move || bin.run().ok())
            })
            .collect();
        for run in runs {
            run.join().unwrap();
        }
    });
    for db in all {
        let role = format!("'{}'", first.role);
        let sql = format!(
            "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = (SELECT oid FROM pg_roles WHERE rolname = {role})"
        );
        assert_eq!(db.number(&sql).await, privileges());
        db.migration(&["reset"]).ok();
    }
}

#[tokio::test]
async fn what_it_may_do_beyond_that_is_found() {
    let own = Own::new(true);
    own.run("migration", &["up"]).ok();
    let (role, owner) = (&own.role, &own.db.server().name);
    let weakened: [(String, String, &[&str]); 7] = [
        (
            format!("ALTER ROLE {role} BYPASSRLS"),
            format!("ALTER ROLE {role} NOBYPASSRLS"),
            &["application-role-bypasses"],
        ),
        (
            format!("ALTER ROLE {role} SUPERUSER"),
            format!("ALTER ROLE {role} NOSUPERUSER"),
            // A superuser may create things too.
            &["application-role-bypasses", "application-role-creates"],
        ),
        (
            format!("ALTER TABLE leads OWNER TO {role}"),
            format!(
                "ALTER TABLE leads OWNER TO {owner}; GRANT SELECT, INSERT, UPDATE, DELETE ON leads TO {role}"
            ),
            &["application-role-owns", "grant-missing"],
        ),
        (
            format!("GRANT pg_read_all_data TO {role}"),
            format!("REVOKE pg_read_all_data FROM {role}"),
            &["application-role-inherits"],
        ),
        (
            format!("GRANT CREATE ON SCHEMA public TO {role}"),
            format!("REVOKE CREATE ON SCHEMA public FROM {role}"),
            &["application-role-creates"],
        ),
        (
            "REVOKE USAGE ON SCHEMA public FROM PUBLIC".to_owned(),
            "GRANT USAGE ON SCHEMA public TO PUBLIC".to_owned(),
            &["application-role-usage"],
        ),
        (
            format!("REVOKE {role} FROM {owner}"),
            format!("GRANT {role} TO {owner}"),
            &["application-role-membership"],
        ),
    ];
    for (damage, repair, codes) in weakened {
        own.db.server().execute_as_superuser(&damage);
        // What can be done with it is attacked elsewhere.
        let found = own.findings().into_iter().filter(|code| !code.starts_with("isolation"));
        let found: BTreeSet<String> = found.collect();
        assert!(found.iter().eq(codes), "{damage}: {found:?}");
        own.db.server().execute_as_superuser(&repair);
        assert_eq!(own.findings(), Vec::<String>::new(), "{repair}");
    }
}

#[tokio::test]
async fn a_schema_of_its_own_is_opened_to_it_and_closed_again() {
    let own = Own::new(true);
    own.db.execute("CREATE SCHEMA app").await;
    let at = ["-s", "app"];
    let with = |args: &[&'static str]| [&at[..], args].concat();
    own.run("migration", &with(&["up"])).ok();
    let ran = own.run("tenantry", &with(&["validate", "--json"])).ok();
    assert_eq!(ran.finding_codes(), Vec::<String>::new());
    own.run("tenantry", &with(&["rollback"])).ok();
    let sql = "SELECT count(*) FROM pg_namespace n, aclexplode(n.nspacl) a \
               WHERE n.nspname = 'app' AND a.grantee <> n.nspowner";
    assert_eq!(own.db.number(sql).await, 0);
}

/// A role may have any name that PostgreSQL allows.
#[tokio::test]
async fn its_name_is_quoted() {
    let mut own = Own::new(true);
    own.role = format!("{}_a\"b'c; DROP", own.db.server().name);
    own.run("migration", &["up"]).ok();
    assert_eq!(own.findings(), Vec::<String>::new());
    own.run("tenantry", &["rollback"]).ok();
}

#[tokio::test]
async fn names_that_cannot_be_are_refused() {
    let db = TestDb::new(Engine::Postgres);
    let url = format!("postgres://me:{SECRET}@h/d");
    for name in ["", "public", "pg_monitor", "none", &"x".repeat(64), &url] {
        let ran = db.bin("migration").env("TENANTRY_APP_ROLE", name).args(&["up"]).run();
        assert_eq!(ran.code, 2, "{name}: {ran:?}");
        assert!(ran.stderr.contains("application role"), "{ran:?}");
        assert!(!ran.stderr.contains(SECRET), "{ran:?}");
    }
}

/// An application that migrates at its start, inside a transaction of its own.
#[tokio::test]
async fn it_is_made_inside_a_callers_transaction() {
    use migration::{Migrator, Runner};
    use sea_orm::TransactionTrait as _;
    let own = Own::new(true);
    let db = own.db.open().await;
    let tx = db.connection.begin().await.unwrap();
    let runner = Runner::new::<Migrator>(&tx).unwrap().application_role(&own.role);
    runner.up(None).await.unwrap();
    tx.execute_unprepared(&format!("SET LOCAL ROLE {}; SELECT * FROM leads", own.role))
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    db.close().await;
    assert!(!own.exists().await);
}
