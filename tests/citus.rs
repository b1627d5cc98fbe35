//! The same schema, seeder, scopes and validation on a real Citus cluster, where the environment names
//! one; and what is sent to it, which is pinned everywhere.

use entity::prelude::*;
use migration::{
    config::DatabaseArgs,
    db::{Absent, Database},
    isolation::{AttackResult, attack::Expect, probe_from},
};
use sea_orm::{ConnectOptions, QueryTrait as _, Statement};

use crate::support::{Engine, TestDb, all_but, citus::StandIn, migrations, number, tables, texts};

const A: &str = "019a0000-0000-7000-8000-00000000000a";
const B: &str = "019a0000-0000-7000-8000-00000000000b";

async fn open(url: &str) -> Database {
    let args = DatabaseArgs { database_url: Some(url.to_owned()), ..DatabaseArgs::default() };
    Database::open(&migration::PROJECT, &args.target(&migration::PROJECT).unwrap(), Absent::Fail)
        .await
        .unwrap()
}

/// Where the rows of each table are, as Citus has it.
fn placed(db: &TestDb) -> Vec<Vec<String>> {
    db.cluster().run(
        "SELECT logicalrelid::text, partmethod, repmodel, \
         coalesce(column_to_column_name(logicalrelid, partkey), '-') \
         FROM pg_dist_partition ORDER BY 1",
    )
}

/// The nodes and shards of tenants by id.
fn list(db: &TestDb) -> serde_json::Value {
    db.tenantry(&["tenant", "list", "--json"]).ok().json()["tenants"].clone()
}

#[tokio::test]
async fn there_and_back_and_a_second_time() {
    let Some(db) = TestDb::on_citus("there_and_back_and_a_second_time") else { return };
    let before = db.catalogue().await;
    let run = || {
        let run = db.bin("tenantry").env("SEED_PRESET", "demo");
        run.args(&["run", "--shards", "8"]).run().ok()
    };
    let ran = run();
    assert!(ran.stdout.contains(&format!("{} migrations applied", migrations())), "{ran:?}");
    for worker in db.cluster().workers() {
        assert!(ran.stdout.contains(&format!("on {worker}: ")), "rows per node in {ran:?}");
    }
    let rows = db.rows().await;
    let again = run();
    assert!(again.stdout.contains("nothing to apply"), "{again:?}");
    assert!(again.stdout.contains("nothing to insert"), "{again:?}");
    assert_eq!(db.rows().await, rows);

    for row in placed(&db) {
        let expected = match row[0].as_str() {
            "users" => ["n", "t", "-"],
            "tenants" => ["h", "s", "id"],
            _ => ["h", "s", "tenant_id"],
        };
        assert_eq!(row[1..], expected, "{row:?}");
    }
    assert_eq!(placed(&db).len(), tables());
    let shards = "SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = 'leads'::regclass";
    assert_eq!(db.cluster().run(shards), [["8"]]);
    let report = db.tenantry(&["validate", "--json", "--deep"]).ok();
    assert_eq!(report.json()["findings"], serde_json::json!([]));
    db.migration(&["diff"]).ok();
    db.seeder(&["verify"]).ok();

    db.migration(&["down", "-n", "2"]).expect_code(0);
    db.migration(&["up"]).ok();
    db.migration(&["refresh", "--dry-run"]).ok();
    db.tenantry(&["rollback"]).ok();
    assert_eq!(db.catalogue().await, before);
    assert!(placed(&db).is_empty());
}

/// The same rows as everywhere else, and a second database that is seeded by COPY.
#[tokio::test]
async fn sample_rows_are_the_same_as_on_sqlite() {
    let Some(db) = TestDb::on_citus("sample_rows_are_the_same_as_on_sqlite") else { return };
    let sqlite = TestDb::new(Engine::Sqlite);
    let digest = |db: &TestDb| {
        db.migration(&["up"]).ok();
        let preset = ["--preset", "demo"];
        db.bin("seeder").env("SEED_PRESET", "demo").args(&preset).run().ok();
        db.seeder(&["verify"]).ok().last_line().to_owned()
    };
    assert_eq!(digest(&db), digest(&sqlite));
    db.seeder(&["clean"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 0);
}

#[tokio::test]
async fn a_scoped_query_asks_one_shard() {
    let Some(db) = TestDb::on_citus("a_scoped_query_asks_one_shard") else { return };
    db.tenantry(&["run"]).ok();
    let pool = sea_orm::Database::connect(&db.url).await.unwrap();
    let tenant = Tenant::find().one(&pool).await.unwrap().unwrap();
    let scope = TenantScope::begin(&pool, tenant.id).await.unwrap();
    let leads = scope.find::<Lead>().all(&scope).await.unwrap();
    assert!(!leads.is_empty());
    assert!(leads.iter().all(|lead| lead.tenant_id == tenant.id));
    let query = scope.find::<Lead>().build(scope.get_database_backend()).to_string();
    let explain = Statement::from_string(scope.get_database_backend(), format!("EXPLAIN {query}"));
    let plan: Vec<String> = scope
        .query_all_raw(explain)
        .await
        .unwrap()
        .iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect();
    let plan = plan.join("\n");
    assert!(plan.contains("Task Count: 1\n"), "{plan}");
    // What no filter narrows is still the tenant's alone.
    let all = Lead::find().all(&scope).await.unwrap();
    assert_eq!(all.len(), leads.len());
    // Savepoints and writes reach the node, and what is undone there is undone.
    let inner = scope.begin().await.unwrap();
    inner.delete_many::<Lead>().exec(&inner).await.unwrap();
    inner.rollback().await.unwrap();
    assert_eq!(scope.find::<Lead>().all(&scope).await.unwrap().len(), leads.len());
    scope.commit().await.unwrap();
    pool.close().await.unwrap();
}

/// The example application, unchanged.
#[tokio::test]
async fn two_tenants_at_once() {
    let Some(db) = TestDb::on_citus("two_tenants_at_once") else { return };
    crate::tenant_api::both_at_once(&db).await;
}

/// Without the setting on the nodes, a role sees nothing there.
#[tokio::test]
async fn what_is_not_set_on_a_node_shows_nothing() {
    let Some(db) = TestDb::on_citus("what_is_not_set_on_a_node_shows_nothing") else { return };
    db.tenantry(&["run"]).ok();
    let pool = sea_orm::Database::connect(&db.url).await.unwrap();
    let tenant = Tenant::find().one(&pool).await.unwrap().unwrap().id;
    for (setting, sees) in [("none", false), ("local", true)] {
        let tx = pool.begin().await.unwrap();
        tx.execute_unprepared(&format!(
            "SET LOCAL citus.propagate_set_commands = '{setting}'; \
             SET LOCAL nile.tenant_id = '{tenant}'; SET LOCAL ROLE tenantry_app"
        ))
        .await
        .unwrap();
        let seen = number(&tx, "SELECT count(*) FROM leads").await;
        assert_eq!(seen > 0, sees, "{setting}: {seen}");
        tx.rollback().await.unwrap();
    }
    pool.close().await.unwrap();
}

/// Every attack, through the coordinator and on each worker, as a login that is nothing but a member of
/// the role.
#[tokio::test]
async fn every_attack_through_every_node() {
    let Some(db) = TestDb::on_citus("every_attack_through_every_node") else { return };
    db.tenantry(&["run"]).ok();
    let login = db.cluster().role("IN ROLE tenantry_app");
    let owner = db.open().await;
    let schema = migration::PROJECT.schema().unwrap();
    let coordinator = db.cluster().coordinator();
    let nodes = std::iter::once(coordinator).chain(db.cluster().workers());
    for node in nodes {
        let attacker = open(&db.cluster().url_at(node, Some(&login))).await;
        let matrix = probe_from(&attacker, &owner, &schema).await.unwrap();
        attacker.close().await;
        for line in &matrix.attacks {
            assert!(!line.tables.is_empty(), "{} was tried on nothing", line.attack);
            for (table, outcome) in &line.tables {
                let good = match line.expected {
                    Expect::NoRow => matches!(outcome, AttackResult::NoRow | AttackResult::Refused),
                    Expect::Refused => *outcome == AttackResult::Refused,
                    Expect::OwnRow => *outcome == AttackResult::OwnRow,
                };
                let has_no_ddl = node != coordinator
                    && matches!(outcome, AttackResult::Unknown(why) if why.contains("not allowed on this node"));
                assert!(good || has_no_ddl, "{} on {table}, on {node}: {outcome:?}", line.attack);
            }
        }
    }
    owner.close().await;
}

/// The shards themselves, under their own names on a worker.
#[tokio::test]
async fn a_shard_shows_what_its_table_shows() {
    let Some(db) = TestDb::on_citus("a_shard_shows_what_its_table_shows") else { return };
    db.tenantry(&["run"]).ok();
    let login = db.cluster().role("IN ROLE tenantry_app");
    let mut seen = 0;
    for worker in db.cluster().workers() {
        let shards = db.cluster().run(&format!(
            "SELECT shard_name(logicalrelid, shardid), s.shardid FROM pg_dist_shard s \
             JOIN pg_dist_placement p USING (shardid) JOIN pg_dist_node n USING (groupid) \
             WHERE logicalrelid = 'leads'::regclass AND nodename = '{}' AND nodeport = {}",
            worker.host, worker.port
        ));
        assert!(!shards.is_empty());
        let there = open(&db.cluster().url_at(worker, Some(&login))).await;
        for shard in &shards {
            let shard = &shard[0];
            let all: i64 = {
                let counted =
                    db.cluster().run_on(worker, &[&format!("SELECT count(*) FROM {shard}")]);
                counted[0][0].parse().unwrap()
            };
            let tx = there.connection.begin().await.unwrap();
            assert_eq!(number(&tx, &format!("SELECT count(*) FROM {shard}")).await, 0, "{shard}");
            let tenants = db
                .cluster()
                .run_on(worker, &[&format!("SELECT tenant_id, count(*) FROM {shard} GROUP BY 1")]);
            for tenant in &tenants {
                let sql = format!("SET LOCAL nile.tenant_id = '{}'", tenant[0]);
                tx.execute_unprepared(&sql).await.unwrap();
                let own = number(&tx, &format!("SELECT count(*) FROM {shard}")).await;
                assert_eq!(own.to_string(), tenant[1], "{shard} of {all} rows");
                seen += own;
            }
            tx.rollback().await.unwrap();
        }
        there.close().await;
    }
    assert_eq!(seen, db.number("SELECT count(*) FROM leads").await);
}

#[tokio::test]
async fn a_database_of_one_server_is_distributed() {
    let Some(db) = TestDb::on_citus("a_database_of_one_server_is_distributed") else { return };
    let plain =
        |args: &[&str]| db.bin("tenantry").env("TENANTRY_ENGINE", "postgres").args(args).run();
    plain(&["run"]).ok();
    assert!(placed(&db).is_empty());
    db.insert_real_tenant("Somebody real").await;
    let rows = db.rows().await;
    let before = db.tenantry(&["validate", "--json"]).expect_code(1);
    let codes = before.finding_codes();
    assert_eq!(
        codes.iter().filter(|code| code.ends_with(" distribution")).count(),
        tables(),
        "{codes:?}"
    );
    let status = db.migration(&["status", "--exit-code"]).ok();
    assert!(status.stdout.contains(&format!("{} applied, 0 pending", migrations())), "{status:?}");

    let done = db.migration(&["distribute"]).ok();
    assert_eq!(done.last_line(), format!("{} tables distributed", tables()));
    assert_eq!(db.rows().await, rows);
    let after = db.tenantry(&["validate", "--json"]).ok();
    assert_eq!(after.json()["findings"], serde_json::json!([]));
    let again = db.migration(&["distribute"]).ok();
    assert_eq!(again.last_line(), "nothing to distribute: every table is where it should be");
    // What was made before goes as what is made here does.
    let refused = db.tenantry(&["rollback"]).expect_code(1);
    assert!(refused.stderr.contains("tenants: 1 row"), "{refused:?}");
    db.tenantry(&["rollback", "--confirm", &refused.hash()]).ok();
    assert!(placed(&db).is_empty());
}

/// Half applied, with keys dropped, half validated or made by hand, and in a schema with a name to be quoted.
#[tokio::test]
async fn whatever_it_was_like_before_it_is_distributed() {
    let Some(db) = TestDb::on_citus("whatever_it_was_like_before_it_is_distributed") else {
        return;
    };
    db.cluster().run("CREATE SCHEMA \"My-App\"");
    let bin = |name: &str| db.bin(name).env("DATABASE_SCHEMA", "My-App");
    let plain =
        |args: &[&str]| bin("migration").env("TENANTRY_ENGINE", "postgres").args(args).run();
    plain(&["up", "-n", "9"]).ok();
    let early = bin("migration").args(&["up"]).run().expect_code(1);
    assert!(early.error().contains("run `migration distribute` first"), "{early:?}");
    db.cluster().run(
        "INSERT INTO \"My-App\".tenants (id, name) SELECT gen_random_uuid(), 'x' FROM generate_series(1, 9)",
    );
    db.cluster().run(
        "INSERT INTO \"My-App\".leads (tenant_id, email, status) \
         SELECT id, 'a@example.com', 'new' FROM \"My-App\".tenants",
    );
    // As an interrupted call leaves it: some keys are away, one is not looked at yet.
    for sql in [
        "ALTER TABLE \"My-App\".payments DROP CONSTRAINT payments_tenant_id_user_id_fkey",
        "ALTER TABLE \"My-App\".leads DROP CONSTRAINT leads_tenant_id_fkey",
        "ALTER TABLE \"My-App\".leads ADD CONSTRAINT leads_tenant_id_fkey FOREIGN KEY (tenant_id) \
         REFERENCES \"My-App\".tenants (id) ON DELETE CASCADE NOT VALID",
        "ALTER TABLE \"My-App\".leads ADD CONSTRAINT by_hand FOREIGN KEY (tenant_id, id) \
         REFERENCES \"My-App\".leads (tenant_id, id)",
    ] {
        db.cluster().run(sql);
    }
    let online = bin("migration").args(&["distribute", "--online"]).run().expect_code(1);
    assert!(online.error().contains("leads has the foreign key by_hand"), "{online:?}");
    let done = bin("migration").args(&["distribute"]).run().ok();
    assert_eq!(done.last_line(), "9 tables distributed");
    let keys = "leads_tenant_id_fkey, payments_tenant_id_user_id_fkey";
    assert!(done.stdout.contains(&format!("foreign keys added: {keys}")), "{done:?}");
    db.cluster().run("ALTER TABLE \"My-App\".leads DROP CONSTRAINT by_hand");
    bin("migration").args(&["up"]).run().ok();
    let validation = bin("tenantry").args(&["validate", "--json"]).run().ok();
    assert_eq!(validation.json()["findings"], serde_json::json!([]));
    let listed = bin("tenantry").args(&["tenant", "list", "--json"]).run().ok().json();
    assert_eq!(listed["all"], 9);
    let id = listed["tenants"][0]["id"].as_str().unwrap();
    bin("tenantry").args(&["tenant", "isolate", id]).run().ok();
    let again = bin("tenantry").args(&["tenant", "isolate", id]).run().ok();
    assert!(again.stdout.contains("nothing to do"), "{again:?}");
}

/// Nothing that is written meanwhile is lost.
#[tokio::test]
async fn a_database_is_distributed_while_it_is_written_to() {
    let Some(db) = TestDb::on_citus("a_database_is_distributed_while_it_is_written_to") else {
        return;
    };
    db.bin("tenantry").env("TENANTRY_ENGINE", "postgres").args(&["run"]).run().ok();
    let rows = db.number("SELECT count(*) FROM leads").await;
    let pool = sea_orm::Database::connect(&db.url).await.unwrap();
    let tenant = Tenant::find().one(&pool).await.unwrap().unwrap().id;
    let mut work = db.bin("migration").args(&["distribute", "--online"]).spawn();
    let mut written = 0;
    while work.try_wait().unwrap().is_none() {
        let lead = lead::ActiveModel {
            tenant_id: Set(tenant),
            email: Set(format!("{written}@example.com")),
            ..ActiveModelBehavior::new()
        };
        lead.insert(&pool).await.unwrap();
        written += 1;
    }
    pool.close().await.unwrap();
    assert!(work.wait().unwrap().success());
    assert!(written > 0);
    assert_eq!(db.number("SELECT count(*) FROM leads").await, rows + written);
    let report = db.tenantry(&["validate", "--json"]).ok();
    assert_eq!(report.json()["findings"], serde_json::json!([]));
}

/// What a command that drops everything has written to a file comes back as it was.
#[tokio::test]
async fn rows_that_are_dropped_come_back() {
    let Some(db) = TestDb::on_citus("rows_that_are_dropped_come_back") else { return };
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("Somebody \"real\", \\ and 'quoted'").await;
    let rows = db.rows().await;
    let refused = db.tenantry(&["rollback"]).expect_code(1);
    db.tenantry(&["rollback", "--confirm", &refused.hash(), "--backup", "rows.backup"]).ok();
    db.migration(&["up"]).ok();
    db.migration(&["restore", "rows.backup"]).ok();
    assert_eq!(db.rows().await, rows);
}

#[tokio::test]
async fn it_is_proved_in_a_database_of_its_own() {
    let Some(db) = TestDb::on_citus("it_is_proved_in_a_database_of_its_own") else { return };
    let proof = db.migration(&["prove"]).ok();
    assert!(proof.last_line().starts_with("proved, 33 attacks held off"), "{proof:?}");
}

#[tokio::test]
async fn a_tenant_gets_shards_of_its_own() {
    let Some(db) = TestDb::on_citus("a_tenant_gets_shards_of_its_own") else { return };
    db.bin("tenantry").env("SEED_PRESET", "demo").args(&["run"]).run().ok();
    let rows = db.rows().await;
    let before = list(&db);
    let tenant = before[0].clone();
    assert_eq!(tenant["place"]["alone"], false);
    let id = tenant["id"].as_str().unwrap();
    let elsewhere =
        db.cluster().workers().iter().find(|node| {
            tenant["place"]["host"] != *node.host || tenant["place"]["port"] != node.port
        });
    let elsewhere = elsewhere.unwrap().to_string();
    db.tenantry(&["tenant", "isolate", id, "--to", &elsewhere]).ok();

    let after = list(&db);
    assert_eq!(after[0]["id"], tenant["id"]);
    assert_eq!(after[0]["rows"], tenant["rows"]);
    assert_eq!(after[0]["place"]["alone"], true);
    let node =
        format!("{}:{}", after[0]["place"]["host"].as_str().unwrap(), after[0]["place"]["port"]);
    assert_eq!(node, elsewhere);
    for (was, is) in before.as_array().unwrap().iter().zip(after.as_array().unwrap()).skip(1) {
        assert_eq!((&was["id"], &was["rows"]), (&is["id"], &is["rows"]));
        assert_eq!(was["place"]["port"], is["place"]["port"], "others stay where they are");
    }
    assert_eq!(db.rows().await, rows);
    let again = db.tenantry(&["tenant", "isolate", id, "--stay"]).ok();
    assert!(again.stdout.contains("nothing to do"), "{again:?}");
    // Without logical replication, its writers wait.
    let second = after[1]["id"].as_str().unwrap();
    db.tenantry(&["tenant", "isolate", second, "--stay", "--block-writes"]).ok();
    assert_eq!(list(&db)[1]["place"]["alone"], true);
    db.tenantry(&["validate"]).ok();

    let unknown = db.tenantry(&["tenant", "isolate", A]).expect_code(1);
    assert!(unknown.error().contains("there is no tenant"), "{unknown:?}");
    let nowhere = db.tenantry(&["tenant", "isolate", id, "--to", "192.0.2.1:5432"]).expect_code(1);
    assert!(nowhere.error().contains("is no node that takes shards"), "{nowhere:?}");
}

#[tokio::test]
async fn what_is_not_where_it_should_be_is_found() {
    let Some(db) = TestDb::on_citus("what_is_not_where_it_should_be_is_found") else { return };
    db.tenantry(&["run"]).ok();
    let codes = || db.tenantry(&["validate", "--json"]).expect_code(1).finding_codes();
    let cluster = db.cluster();

    // A shard is dropped on its node.
    let worker = &cluster.workers()[0];
    let shard = cluster.run(&format!(
        "SELECT shard_name(logicalrelid, shardid) FROM pg_dist_shard \
         JOIN pg_dist_placement USING (shardid) JOIN pg_dist_node USING (groupid) \
         WHERE logicalrelid = 'email_services'::regclass AND nodename = '{}' AND nodeport = {} LIMIT 1",
        worker.host, worker.port
    ));
    let shard = &shard[0][0];
    cluster.run_on(
        worker,
        &[
            "SET citus.enable_manual_changes_to_shards = on",
            "SET client_min_messages = warning",
            &format!("ALTER TABLE {shard} RENAME TO hidden"),
        ],
    );
    let ran = db.tenantry(&["validate", "--json"]).expect_code(1);
    assert_eq!(ran.finding_codes(), ["email_services placement-missing"]);
    assert!(ran.stdout.contains(shard), "{ran:?}");
    cluster.run_on(
        worker,
        &[
            "SET citus.enable_manual_changes_to_shards = on",
            &format!("ALTER TABLE hidden RENAME TO {shard}"),
        ],
    );
    db.tenantry(&["validate"]).ok();

    // A table is taken back to the coordinator, and another is apart from the tenants.
    cluster.run("ALTER TABLE templates DROP CONSTRAINT templates_tenant_id_fkey");
    cluster.run("SELECT undistribute_table('templates')");
    assert_eq!(codes(), ["templates distribution", "templates foreign-key-missing"]);
    let apart =
        "SELECT create_distributed_table('templates', 'tenant_id', colocate_with => 'none')";
    cluster.run(apart);
    let found = codes();
    let expected = ["foreign-key-missing", "not-colocated", "rows-left-behind"];
    assert_eq!(found, expected.map(|code| format!("templates {code}")));
    cluster.run("SELECT undistribute_table('templates')");
    let mended = db.migration(&["diff", "--sql"]);
    assert!(mended.stdout.contains("create_distributed_table"), "{mended:?}");
    std::fs::write(db.folder().join("mend.sql"), &mended.stdout).unwrap();
    db.run_script("mend.sql").ok();
    db.migration(&["distribute"]).ok();
    db.tenantry(&["validate"]).ok();

    // Nothing is made, nor seeded, through a worker.
    let there = cluster.url_at(worker, None);
    for (program, args) in [("migration", "refresh"), ("seeder", "--repair")] {
        let refused =
            db.bin(program).env("DATABASE_URL", &there).args(&[args]).run().expect_code(2);
        assert!(refused.error().contains("this is a worker of a Citus cluster"), "{refused:?}");
    }
}

/// Who owns the tables need not be a superuser.
#[tokio::test]
async fn as_an_owner_who_is_no_superuser() {
    let Some(db) = TestDb::on_citus("as_an_owner_who_is_no_superuser") else { return };
    let owner = db.cluster().role("CREATEROLE");
    db.cluster().run(&format!("GRANT CREATE ON SCHEMA public TO {owner}"));
    for worker in db.cluster().workers() {
        db.cluster().run_on(worker, &[&format!("GRANT CREATE ON SCHEMA public TO {owner}")]);
    }
    let url = db.cluster().url_at(db.cluster().coordinator(), Some(&owner));
    let ran = db.bin("tenantry").env("DATABASE_URL", &url).args(&["run"]).run();
    assert!(ran.stdout.contains(&format!("{} migrations applied", migrations())), "{ran:?}");
    let validation =
        db.bin("tenantry").env("DATABASE_URL", &url).args(&["validate", "--json"]).run();
    // Another database of the cluster may have made the role, whose member this owner is not then.
    for code in validation.finding_codes() {
        assert!(code.ends_with("application-role-membership"), "{validation:?}");
    }
    db.bin("tenantry").env("DATABASE_URL", &url).args(&["rollback"]).run().ok();
}

/// Everything but the rows, which are the same as on PostgreSQL.
#[tokio::test]
async fn what_is_sent_is_pinned() {
    let on = StandIn::new();
    insta::assert_snapshot!("citus_up", on.sent_by("migration", &["up"]));
    insta::assert_snapshot!("citus_down", on.sent_by("migration", &["down", "-n", &all_but(0)]));
    // As if it was one server until now.
    on.db.bin("migration").env("TENANTRY_ENGINE", "postgres").args(&["up"]).run().ok();
    on.db.execute("DELETE FROM pg_dist_partition; DELETE FROM pg_dist_shard").await;
    insta::assert_snapshot!("citus_distribute", on.sent_by("migration", &["distribute"]));
    on.db
        .execute(&format!("INSERT INTO tenants (id, name) VALUES ('{A}', 'A'), ('{B}', 'B')"))
        .await;
    insta::assert_snapshot!("citus_isolate", on.sent_by("tenantry", &["tenant", "isolate", A]));

    let mut options = ConnectOptions::new(&on.db.url);
    options.max_connections(1);
    let pool = sea_orm::Database::connect(options).await.unwrap();
    let scope = TenantScope::options().engine(Engine::Citus);
    let scope = scope.begin(&pool, A.parse::<Uuid>().unwrap()).await.unwrap();
    let seen = Tenant::find().all(&scope).await.unwrap();
    assert_eq!(seen.iter().map(|tenant| tenant.id.to_string()).collect::<Vec<_>>(), [A]);
    let set = "SELECT current_setting('citus.propagate_set_commands')";
    let stmt = Statement::from_string(scope.get_database_backend(), set);
    let set: String =
        scope.query_one_raw(stmt).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(set, "local");
    scope.commit().await.unwrap();
    assert_eq!(texts(&pool, "SELECT current_setting('nile.tenant_id')").await, [""]);
    pool.close().await.unwrap();
}
