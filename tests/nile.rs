//! Nile, or what stands in for it: everything that the program sends goes through a recorder that
//! refuses what Nile refuses; see [`crate::support::nile`].

use entity::prelude::*;
use migration::{MigratorTrait as _, Runner};
use sea_orm::Database;
use sea_orm_migration::prelude as sea;

use crate::support::{
    Bin, Engine, Ran, TestDb, all_but, migrations, nile::StandIn, sample_rows, scoped_tables,
};

/// The whole life of a database: nothing of it is refused.
#[tokio::test]
async fn a_whole_life() {
    let nile = StandIn::new();
    let db = &nile.db;
    let up = db.migration(&["up"]).ok().clean_output();
    assert_eq!(up.last_line(), format!("{} migrations applied", migrations()));
    assert!(up.stderr.contains("users(id)"), "what is left out is told: {up:?}");
    assert_eq!(db.migration(&["up"]).ok().last_line(), "nothing to apply");
    db.migration(&["status"]).ok();
    let seeded = db.seeder(&[]).ok();
    assert_eq!(seeded.last_line(), format!("{} sample rows inserted", sample_rows()));
    assert_eq!(
        db.seeder(&[]).ok().last_line(),
        format!("nothing to insert: all {} sample rows are there", sample_rows())
    );
    let report = db.tenantry(&["validate", "--json", "--deep"]).ok().json();
    assert_eq!(report["engine"], "nile");
    assert_eq!(report["isolation"]["attacks"].as_array().unwrap().len(), 1);
    let notes = report["notes"].to_string();
    assert!(notes.contains("keeps tenants apart itself"), "{notes}");
    db.migration(&["diff"]).ok();
    db.migration(&["grant"]).ok();
    db.seeder(&["clean"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM users").await, 0);
    db.tenantry(&["run"]).ok();
    db.migration(&["down", "-n", &all_but(10)]).ok();
    db.migration(&["refresh"]).ok();
    db.seeder(&[]).ok();
    db.migration(&["fresh"]).ok();
    db.tenantry(&["rollback"]).ok();
    nile.assert_nothing_refused();
    let sent = nile.log().statements.join("\n");
    assert!(sent.contains(r#"ALTER TABLE "tenants" ADD COLUMN IF NOT EXISTS "slug""#), "{sent}");
    for never in ["ROLE", "POLICY", "GRANT", r#"TABLE "tenants" ("#, r#"TABLE "users""#] {
        assert!(!sent.contains(never), "{never}");
    }
}

/// Every transaction that seeds is one tenant's, named before anything else.
#[tokio::test]
async fn each_tenant_is_seeded_by_itself() {
    let nile = StandIn::new();
    nile.db.migration(&["up"]).ok();
    nile.forget();
    nile.db.seeder(&[]).ok();
    let log = nile.log();
    // The engine was found out with the tenant that does not exist.
    let nobody = Uuid::nil().to_string();
    let began = log.statements.windows(2).filter(|pair| {
        let names_one = pair[1].starts_with("SET LOCAL nile.tenant_id = '");
        pair[0] == "BEGIN" && names_one && !pair[1].contains(&nobody)
    });
    assert_eq!(began.count(), 2, "{:#?}", log.statements);
    let inserts = log.statements.iter().filter(|sql| sql.starts_with("INSERT INTO \"tenants\""));
    assert_eq!(inserts.count(), 2);
    nile.assert_nothing_refused();
}

/// What PostgreSQL is sent would not pass: the recorder bites.
#[tokio::test]
async fn the_recorder_refuses_what_postgresql_is_sent() {
    let nile = StandIn::new();
    let as_postgres = |args: &[&str]| {
        nile.db.bin("migration").env("TENANTRY_ENGINE", "postgres").args(args).run()
    };
    as_postgres(&["up"]).expect_code(2).clean_output();
    assert!(!nile.log().refused.is_empty());
    nile.forget();
    nile.db.migration(&["up"]).ok();
    let refused = [
        "CREATE ROLE x",
        "GRANT SELECT ON leads TO PUBLIC",
        "CREATE POLICY p ON leads USING (true)",
        "ALTER TABLE leads ENABLE ROW LEVEL SECURITY",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COMMENT ON TABLE leads IS 'x'",
        "ALTER TABLE leads RENAME COLUMN name TO title",
        "CREATE INDEX i ON leads (tenant_id, lower(email))",
        "CREATE TEMP TABLE t (id int)",
        "DROP TABLE leads CASCADE",
        "DROP TABLE tenants",
        "CREATE UNIQUE INDEX u ON tenants (slug)",
        "ALTER TABLE team_members ADD FOREIGN KEY (user_id) REFERENCES users (id)",
        "SET LOCAL ROLE x",
        "BEGIN; SELECT 1; SET LOCAL nile.tenant_id = '00000000-0000-0000-0000-000000000001'",
        "INSERT INTO tenants (name) VALUES ('a'), ('b')",
        "DELETE FROM leads",
        "BEGIN; CREATE TABLE x (id int); UPDATE users SET name = NULL",
    ];
    let mut options = sea_orm::ConnectOptions::new(&nile.db.url);
    options.max_connections(1);
    for sql in refused {
        nile.forget();
        let connection = Database::connect(options.clone()).await.unwrap();
        let sent = connection.execute_unprepared(sql).await;
        assert!(sent.is_err(), "{sql}");
        assert_eq!(nile.log().refused.len(), 1, "{sql}");
        connection.close().await.unwrap();
    }
}

/// What is built in stays, with its rows and what was added to it, whatever is rolled back.
#[tokio::test]
async fn built_in_tables_stay() {
    let nile = StandIn::new();
    let db = &nile.db;
    db.migration(&["up"]).ok();
    nile.behind_its_back(
        "INSERT INTO tenants (name, slug) VALUES ('Real', 'real'); \
         INSERT INTO users.users (name, email) VALUES ('Ada', 'ada@example.com')",
    );
    // Nothing of ours holds a row, and nothing else is asked about.
    for args in [["fresh"], ["refresh"], ["reset"]] {
        db.migration(&args).ok();
        let kept = "SELECT count(*) FROM tenants, users WHERE slug = 'real' AND users.name = 'Ada'";
        assert_eq!(db.number(kept).await, 1, "{args:?}");
    }
    assert_eq!(db.tables().await, ["tenants", "users"]);
    db.migration(&["up"]).ok();
    db.tenantry(&["validate"]).ok();
    nile.assert_nothing_refused();
}

/// A real row of ours is not lost unasked, there as elsewhere, nor what was added by hand.
#[tokio::test]
async fn nothing_is_destroyed_unasked() {
    let nile = StandIn::new();
    let db = &nile.db;
    db.migration(&["up"]).ok();
    nile.behind_its_back(
        "INSERT INTO tenants (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'Real'); \
         INSERT INTO leads (tenant_id, id, email, status) VALUES \
         ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'a@example.com', 'new')",
    );
    let refused = db.migration(&["reset"]).expect_code(1);
    assert!(refused.stderr.contains("leads"), "{refused:?}");
    let hash = refused.hash();
    nile.behind_its_back("ALTER TABLE leads ADD COLUMN by_hand int; CREATE VIEW v AS TABLE leads");
    nile.behind_its_back("CREATE VIEW w AS TABLE v");
    let stale = db.migration(&["reset", "--confirm", &hash]).expect_code(1);
    assert!(stale.stderr.contains("by_hand") && stale.stderr.contains("view w"), "{stale:?}");
    db.migration(&["reset", "--confirm", &stale.hash()]).ok();
    assert_eq!(db.tables().await, ["tenants", "users"]);
    nile.assert_nothing_refused();
}

/// What Nile does not keep, `validate` finds in the rows.
#[tokio::test]
async fn what_is_not_enforced_is_checked() {
    let nile = StandIn::new();
    let db = &nile.db;
    db.tenantry(&["run"]).ok();
    let codes = || db.tenantry(&["validate", "--json"]).finding_codes();
    assert_eq!(codes(), Vec::<String>::new());
    nile.behind_its_back(
        "UPDATE team_members SET user_id = gen_random_uuid() WHERE role = 'viewer'",
    );
    assert_eq!(codes(), ["team_members orphan-rows"]);
    nile.behind_its_back("UPDATE tenants SET slug = 'same'");
    assert_eq!(codes(), ["team_members orphan-rows", "tenants duplicate-rows"]);
    nile.behind_its_back(
        "ALTER TABLE tenants DROP COLUMN slug; ALTER TABLE leads DROP COLUMN name",
    );
    assert_eq!(
        codes(),
        ["leads column-missing", "team_members orphan-rows", "tenants column-missing"]
    );
}

/// The SQL that mends a difference is taken too.
#[tokio::test]
async fn differences_are_mended() {
    let nile = StandIn::new();
    let db = &nile.db;
    db.migration(&["up"]).ok();
    nile.behind_its_back(
        "DROP INDEX leads_tenant_id_email_idx; ALTER TABLE leads DROP COLUMN name; \
         ALTER TABLE tenants DROP COLUMN slug; ALTER TABLE domains ADD COLUMN by_hand int; \
         ALTER TABLE campaigns DROP CONSTRAINT campaigns_tenant_id_company_id_fkey; \
         ALTER TABLE team_members ADD CONSTRAINT team_members_user_id_fkey \
         FOREIGN KEY (user_id) REFERENCES users.users (id)",
    );
    assert!(db.migration(&["diff", "--json"]).expect_code(1).finding_codes().len() > 4);
    let sql = db.migration(&["diff", "--sql"]).expect_code(1).stdout;
    nile.forget();
    db.execute(&sql).await;
    db.migration(&["diff"]).ok();
    nile.assert_nothing_refused();
}

/// Isolation that does not hold is found by reading across, also where a plain PostgreSQL is taken
/// for Nile.
#[tokio::test]
async fn isolation_that_does_not_hold_is_found() {
    let nile = StandIn::new();
    nile.db.tenantry(&["run"]).ok();
    nile.behind_its_back("DROP POLICY nile ON leads; ALTER TABLE leads DISABLE ROW LEVEL SECURITY");
    let report = nile.db.tenantry(&["validate", "--json"]).expect_code(1);
    assert_eq!(report.finding_codes(), ["leads isolation-broken"]);

    let plain = TestDb::new(Engine::Postgres);
    plain.tenantry(&["run"]).ok();
    let taken = plain.bin("tenantry").args(&["validate", "--json", "--engine", "nile"]).run();
    let codes = taken.expect_code(1).finding_codes();
    let broken = codes.iter().filter(|code| code.ends_with("isolation-broken"));
    assert_eq!(broken.count(), scoped_tables(), "{codes:?}");
}

/// An application's scope works there as everywhere: the engine is found out, no role is taken on,
/// and the tenant comes first.
#[tokio::test]
async fn a_tenant_scope() {
    let nile = StandIn::new();
    nile.db.migration(&["up"]).ok();
    let db = Database::connect(&nile.db.url).await.unwrap();
    nile.forget();
    let mut tenants = Vec::new();
    for name in ["A", "B"] {
        let row = tenant::ActiveModel { name: Set(name.to_owned()), ..ActiveModelBehavior::new() };
        tenants.push(row.insert(&db).await.unwrap().id);
    }
    for (number, tenant) in tenants.iter().enumerate() {
        let scope = TenantScope::begin(&db, *tenant).await.unwrap();
        for lead in 0..=number {
            let email = format!("{lead}@example.com");
            let lead = lead::ActiveModel { email: Set(email), ..ActiveModelBehavior::new() };
            scope.insert(lead).await.unwrap();
        }
        // Not even without a filter.
        assert_eq!(Lead::find().all(&scope).await.unwrap().len(), number + 1);
        let inner = TransactionTrait::begin(&scope).await.unwrap();
        inner.delete_many::<Lead>().exec(&inner).await.unwrap();
        inner.rollback().await.unwrap();
        scope.commit().await.unwrap();
    }
    let scope = TenantScope::begin(&db, tenants[0]).await.unwrap();
    assert!(Lead::find().all(&scope).await.unwrap().iter().all(|it| it.tenant_id == tenants[0]));
    let foreign = lead::ActiveModel {
        tenant_id: Set(tenants[1]),
        id: Set(Uuid::now_v7()),
        email: Set("x@example.com".to_owned()),
        ..Default::default()
    };
    assert!(foreign.insert(&scope).await.is_err());
    scope.rollback().await.unwrap();
    nile.assert_nothing_refused();
    let sent = nile.log().statements;
    assert!(!sent.iter().any(|sql| sql.contains("ROLE")), "{sent:#?}");
    let asked = sent.iter().filter(|sql| sql.contains("_nile_shared"));
    assert_eq!(asked.count(), 1, "the engine is asked for once");
}

/// A migration that Nile would refuse is refused before anything is sent, with what to do.
#[tokio::test]
async fn a_migration_that_nile_refuses_is_not_begun() {
    struct Renames;
    impl sea::MigrationName for Renames {
        fn name(&self) -> &'static str {
            "m20990101_000000_renames"
        }
    }
    #[sea_orm_migration::async_trait::async_trait]
    impl sea::MigrationTrait for Renames {
        async fn up(&self, manager: &sea::SchemaManager) -> Result<(), DbErr> {
            migration::ops::v1::rename_column(manager, "leads", "name", "title").await
        }

        async fn down(&self, manager: &sea::SchemaManager) -> Result<(), DbErr> {
            migration::ops::v1::rename_column(manager, "leads", "title", "name").await
        }
    }

    let nile = StandIn::new();
    nile.db.migration(&["up", "-n", "12"]).ok();
    let db = nile.db.open().await;
    assert_eq!(db.engine, Engine::Nile);
    let mut migrations = migration::Migrator::migrations();
    migrations.push(Box::new(Renames));
    let bookkeeping = migration::PROJECT.bookkeeping;
    let runner = Runner::of(&db.connection, migrations, bookkeeping).unwrap().on(db.engine);
    let refused = runner.up(None).await.unwrap_err().to_string();
    assert!(refused.contains("rename-column") && refused.contains("tenant by tenant"), "{refused}");
    assert!(!nile.db.tables().await.contains(&"email_services".to_owned()));
    db.close().await;
    nile.assert_nothing_refused();
}

/// A later migration may add to a built-in table, and everything can still be recreated.
#[tokio::test]
async fn what_was_added_to_a_built_in_table_stays() {
    use migration::ops::v1;

    struct Tier;
    impl sea::MigrationName for Tier {
        fn name(&self) -> &'static str {
            "m20990101_000000_tier"
        }
    }
    #[sea_orm_migration::async_trait::async_trait]
    impl sea::MigrationTrait for Tier {
        async fn up(&self, manager: &sea::SchemaManager) -> Result<(), DbErr> {
            let column = sea_orm_migration::schema::text_null("tier");
            v1::add_column(manager, "tenants", column).await?;
            let index = sea::Index::create().name("tier_idx").table("tenants").col("tier").take();
            v1::create_index(manager, index).await
        }

        async fn down(&self, manager: &sea::SchemaManager) -> Result<(), DbErr> {
            v1::drop_column(manager, "tenants", "tier").await
        }
    }

    let nile = StandIn::new();
    let db = nile.db.open().await;
    let runner = || {
        let mut migrations = migration::Migrator::migrations();
        migrations.push(Box::new(Tier));
        let bookkeeping = migration::PROJECT.bookkeeping;
        Runner::of(&db.connection, migrations, bookkeeping).unwrap().on(db.engine)
    };
    runner().up(None).await.unwrap();
    nile.behind_its_back("INSERT INTO tenants (name, tier) VALUES ('Real', 'gold')");
    runner().fresh().await.unwrap();
    runner().refresh().await.unwrap();
    runner().down(Some(1)).await.unwrap();
    runner().up(None).await.unwrap();
    db.close().await;
    assert_eq!(nile.db.number("SELECT count(*) FROM tenants WHERE tier = 'gold'").await, 1);
    nile.assert_nothing_refused();
}

/// Nile's schemas and its path in a PostgreSQL, restored from a dump say, make no Nile of it: there the policies
/// are what keeps tenants apart.
#[tokio::test]
async fn a_copy_of_nile_is_postgresql() {
    let db = TestDb::new(Engine::Postgres);
    let name = &db.server().name;
    db.server().execute_as_superuser(&format!(
        "CREATE SCHEMA _nile_shared; CREATE SCHEMA users; \
         ALTER DATABASE {name} SET search_path = public, users, _nile_shared, extensions"
    ));
    let report = db.tenantry(&["run"]).ok();
    assert!(report.stdout.contains("33 attacks held off"), "{report:?}");
    let connection = Database::connect(&db.url).await.unwrap();
    assert_eq!(Engine::detect(&connection).await, Ok(Engine::Postgres));
    let told = TenantScope::options().engine(Engine::Sqlite).begin(&connection, Uuid::nil()).await;
    assert!(told.is_err(), "no other kind of database either");
}

/// `prove` needs a database of its own.
#[tokio::test]
async fn prove_says_why_not() {
    let nile = StandIn::new();
    let ran = nile.db.migration(&["prove"]).expect_code(2).clean_output();
    assert!(ran.error().contains("use a PostgreSQL"), "{ran:?}");
}

/// An application that calls `Migrator::up` needs to say nothing.
#[tokio::test]
async fn the_migrator_finds_out() {
    let nile = StandIn::new();
    let db = Database::connect(&nile.db.url).await.unwrap();
    migration::Migrator::up(&db, None).await.unwrap();
    migration::Migrator::reset(&db).await.unwrap();
    nile.assert_nothing_refused();
}

/// `--engine` is for PostgreSQL URLs, and takes what there is.
#[test]
fn an_engine_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| -> Ran { Bin::new("migration", folder.path()).args(args).run() };
    run(&["status", "--engine", "oracle"]).expect_code(2).clean_output();
    run(&["up", "-u", "sqlite://x.db", "--engine", "nile"]).expect_code(2).clean_output();
}
