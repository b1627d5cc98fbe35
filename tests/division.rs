//! A migration that cannot run in a transaction divides a call, leaves a mark while it runs, and can
//! be gone on with.

use crate::support::{Engine, TestDb, all_but, migrations, pause, workspace::MORE};

on_both_engines!(
    what_comes_before_and_after_is_done_in_order,
    what_is_in_the_way_is_named_before_anything_begins,
    a_half_done_one_is_named_and_gone_on_with,
    what_became_of_it_can_be_said,
    what_ran_outside_is_recorded_for_good,
    consent_covers_all_parts,
    it_is_not_rehearsed,
);

async fn events(db: &TestDb) -> i64 {
    db.number("SELECT count(*) FROM seaql_migrations_journal").await
}

/// Leaves the index's migration half done: as if the process had died before, in the middle, or
/// after.
async fn die(db: &TestDb, index: &str) {
    db.more(&["up", "-n", &all_but(0)]).run().ok();
    let number = events(db).await + 1;
    let (at, name) = ("2026-01-02 03:04:05+00:00", MORE[0]);
    db.execute(&format!(
        "INSERT INTO seaql_migrations_journal (number, event, name, at, pid, host) \
         VALUES ({number}, 'applying', '{name}', '{at}', 4711, 'elsewhere'); {index}"
    ))
    .await;
    if !index.is_empty() && db.engine == Engine::Postgres {
        let invalid = "UPDATE pg_index SET indisvalid = false \
                       WHERE indexrelid = 'leads_name_idx'::regclass";
        db.server().execute_as_superuser(invalid);
    }
}

async fn what_comes_before_and_after_is_done_in_order(db: TestDb) {
    db.more(&["up", "-n", &all_but(0)]).run().ok();
    let before = db.catalogue().await;
    let up = db.more(&["up"]).run().ok();
    assert_eq!(up.last_line(), "2 migrations applied");
    assert!(up.stderr.contains("outside of a transaction"), "{up:#?}");
    let status = db.more(&["status", "--json"]).run().ok().json();
    let orders: Vec<i64> = status["migrations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["order"].as_i64().unwrap())
        .collect();
    assert!(orders.is_sorted(), "{orders:?}");
    db.more(&["down", "-n", "2"]).run().ok();
    assert_eq!(db.catalogue().await, before);
    assert_eq!(
        db.more(&["redo"]).run().ok().last_line(),
        "1 migration rolled back, 1 migration applied"
    );
}

async fn what_is_in_the_way_is_named_before_anything_begins(db: TestDb) {
    db.migration(&["up"]).ok();
    db.execute("CREATE INDEX leads_name_idx ON leads (company)").await;
    let before = (db.catalogue().await, events(&db).await);
    let failed = db.more(&["up"]).run().expect_code(2).clean_output();
    assert!(failed.error().contains("leads_name_idx, which is there already"), "{failed:#?}");
    assert_eq!((db.catalogue().await, events(&db).await), before);
}

async fn a_half_done_one_is_named_and_gone_on_with(db: TestDb) {
    // It died before it made the index, or in the middle of that.
    for index in ["", "CREATE INDEX leads_name_idx ON leads (name)"] {
        die(&db, index).await;
        let status = db.more(&["status"]).run().expect_code(1);
        let line = format!("half done     {}", MORE[0]);
        assert!(status.stdout.contains(&line), "{status:#?}");
        assert!(
            status
                .stdout
                .contains("applying since 2026-01-02 03:04:05 UTC by process 4711 on elsewhere"),
            "{status:#?}"
        );
        assert_eq!(status.last_line(), format!("{} applied, 1 pending, 1 half done", migrations()));
        // Nothing is built on it or taken away under it.
        let refused = db.more(&["down"]).run().expect_code(1).clean_output();
        assert!(refused.error().contains("is half done: finish it with `up`"), "{refused:#?}");
        assert_eq!(db.more(&["up"]).run().ok().last_line(), "2 migrations applied");
        assert_eq!(
            db.more(&["status"]).run().ok().last_line(),
            format!("{} applied, 0 pending", migrations() + 2)
        );
        if db.engine == Engine::Postgres {
            let valid = "SELECT count(*) FROM pg_index WHERE indisvalid \
                         AND indexrelid = 'leads_name_idx'::regclass";
            assert_eq!(db.number(valid).await, 1);
        }
        db.more(&["reset"]).run().ok();
    }
}

async fn what_became_of_it_can_be_said(db: TestDb) {
    die(&db, "CREATE INDEX leads_name_idx ON leads (name)").await;
    let repair = |state: &'static str| {
        db.more(&["repair", MORE[0], "--as", state, "--reason", "looked at it"]).run().ok()
    };
    repair("applied");
    let status = db.more(&["status"]).run().ok();
    assert_eq!(status.last_line(), format!("{} applied, 1 pending", migrations() + 1));
    assert!(status.stdout.contains("(looked at it)"), "{status:#?}");
    db.more(&["down"]).run().ok();
    db.more(&["reset"]).run().ok();
    die(&db, "").await;
    repair("pending");
    assert_eq!(
        db.more(&["status"]).run().ok().last_line(),
        format!("{} applied, 2 pending", migrations())
    );
    db.more(&["up"]).run().ok();
}

async fn what_ran_outside_is_recorded_for_good(db: TestDb) {
    db.more(&["up", "-n", &all_but(0)]).run().ok();
    db.more(&["up", "--sql", "up.sql"]).run().ok();
    db.execute("ALTER TABLE leads ADD COLUMN token text").await;
    // By a script, too.
    assert_ne!(db.run_script("up.sql").code, 0);
    assert_eq!(
        db.more(&["status"]).run().ok().last_line(),
        format!("{} applied, 1 pending", migrations() + 1)
    );
    db.more(&["down"]).run().ok();
    let failed = db.more(&["up"]).run().expect_code(2).clean_output();
    assert!(
        failed.error().contains("what came before it is done, and nothing of it"),
        "{failed:#?}"
    );
    assert_eq!(
        db.more(&["status"]).run().ok().last_line(),
        format!("{} applied, 1 pending", migrations() + 1)
    );
    db.execute("ALTER TABLE leads DROP COLUMN token").await;
    let up = db.more(&["up"]).run().ok();
    assert_eq!(up.last_line(), "1 migration applied");
    assert_eq!(db.more(&["down", "-n", "2"]).run().ok().last_line(), "2 migrations rolled back");
    assert_eq!(
        db.more(&["status"]).run().ok().last_line(),
        format!("{} applied, 2 pending", migrations())
    );
}

async fn consent_covers_all_parts(db: TestDb) {
    // What the call itself does to sample rows is no user's work.
    db.tenantry(&["run"]).ok();
    db.more(&["up"]).run().ok();
    let set = match db.engine {
        Engine::Sqlite => "UPDATE leads SET token = NULL",
        _ => {
            "ALTER TABLE leads ALTER token SET DEFAULT '00000000-0000-0000-0000-000000000000'; \
             UPDATE leads SET token = DEFAULT"
        }
    };
    db.execute(set).await;
    db.more(&["down", "-n", "9"]).run().ok();
    db.more(&["up"]).run().ok();
    db.insert_real_tenant("real").await;
    for command in ["refresh", "reset"] {
        let refused = db.more(&[command]).run().expect_code(1);
        db.more(&[command, "--confirm", &refused.hash()]).run().ok();
        if command == "refresh" {
            db.insert_real_tenant("real").await;
        }
    }
    assert!(db.tables().await.is_empty());
}

async fn it_is_not_rehearsed(db: TestDb) {
    db.more(&["up", "-n", &all_but(0)]).run().ok();
    let before = (db.catalogue().await, events(&db).await);
    let rehearsed = db.more(&["up", "--dry-run"]).run().ok();
    let said = format!("{} up\n  not rehearsed: it runs outside of a transaction", MORE[0]);
    assert!(rehearsed.stdout.contains(&said), "{rehearsed:#?}");
    assert!(rehearsed.stdout.contains("ADD COLUMN token"), "{rehearsed:#?}");
    assert_eq!((db.catalogue().await, events(&db).await), before);
}

/// Another connection in the place of a lost one does not hold the lock.
#[tokio::test]
async fn a_lock_that_is_lost_meanwhile_is_noticed() {
    use migration::{Error, Runner};
    use sea_orm::{ConnectionTrait as _, DbErr};
    use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

    struct CutOff;

    impl MigrationName for CutOff {
        fn name(&self) -> &'static str {
            "m1_cut_off"
        }
    }

    #[async_trait::async_trait]
    impl MigrationTrait for CutOff {
        fn use_transaction(&self) -> Option<bool> {
            Some(false)
        }

        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            let db = manager.get_connection();
            let cut = "SELECT pg_terminate_backend(pg_backend_pid())";
            if db.execute_unprepared(cut).await.is_ok() {
                // Nothing is sent when it is only looked at what would be.
                return Ok(());
            }
            db.execute_unprepared("CREATE TABLE a (id int)").await.map(|_| ())
        }

        async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
            Ok(())
        }
    }

    let db = TestDb::new(Engine::Postgres);
    let open = db.open().await;
    let runner = || {
        let after = crate::journal::Sql("m2_b", "CREATE TABLE b (id int)", "DROP TABLE b");
        let all: Vec<Box<dyn MigrationTrait>> = vec![Box::new(CutOff), Box::new(after)];
        Runner::of(&open.connection, all, "seaql_migrations").unwrap()
    };
    let Err(Error::Unusable(said)) = runner().up(None).await else { panic!("it went unnoticed") };
    assert!(said.contains("the connection was lost outside of a transaction"), "{said}");
    assert_eq!(db.tables().await, ["a", "seaql_migrations", "seaql_migrations_journal"]);
    let status = runner().status().await.unwrap();
    assert!(format!("{status:?}").contains("HalfDone"), "{status:?}");
    open.close().await;
}

/// The server process goes on with the index when the command dies, and keeps the lock.
#[tokio::test]
async fn a_command_that_dies_meanwhile_is_gone_on_with() {
    use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
    let db = TestDb::new(Engine::Postgres);
    db.more(&["up", "-n", &all_but(0)]).run().ok();
    let open = db.open().await;
    for terminate in [false, true] {
        let holder = open.connection.begin().await.unwrap();
        holder
            .execute_unprepared(
                "INSERT INTO tenants (name) VALUES ('a'); LOCK TABLE leads IN ROW EXCLUSIVE MODE",
            )
            .await
            .unwrap();
        let mut child = db.more(&["up"]).spawn();
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'";
        while db.number(waiting).await == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it does not wait");
            pause();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let busy = db.more(&["up", "--lock-wait", "0"]).run().expect_code(2).clean_output();
        assert!(busy.error().contains("is migrating or seeding"), "{busy:#?}");
        let status = db.more(&["status"]).run().expect_code(1);
        assert!(status.stdout.contains("half done"), "{status:#?}");
        if terminate {
            let name = &db.server().name;
            db.server().execute_as_superuser(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' \
                 AND query LIKE 'CREATE INDEX CONCURRENTLY%'"
            ));
        }
        holder.rollback().await.unwrap();
        // It waits for the server process, which ends by itself.
        assert_eq!(db.more(&["up"]).run().ok().last_line(), "2 migrations applied");
        let index = "SELECT count(*) FROM pg_index WHERE indisvalid \
                     AND indexrelid = 'leads_name_idx'::regclass";
        assert_eq!(db.number(index).await, 1);
        db.more(&["down", "-n", "2"]).run().ok();
    }
    open.close().await;
}
