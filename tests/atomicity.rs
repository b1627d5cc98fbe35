//! All or nothing: whatever happens in the middle, the database is as before or as after.

use std::io::Write as _;

use migration::Runner;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use crate::support::{Engine, Ran, TestDb, pause};

on_both_engines!(
    a_migration_that_fails_midway_changes_nothing,
    a_rollback_that_fails_midway_changes_nothing,
    a_table_dropped_by_hand_is_named,
    an_interrupted_up_leaves_before_or_after,
);

async fn a_migration_that_fails_midway_changes_nothing(db: TestDb) {
    // The name of an index that the ninth migration wants.
    db.execute("CREATE TABLE notes (a int); CREATE INDEX leads_tenant_id_email_idx ON notes (a)")
        .await;
    let before = db.catalogue().await;
    for (name, args) in
        [("migration", &["up"][..]), ("tenantry", &["run"]), ("migration", &["fresh"])]
    {
        let failed = db.bin(name).args(args).run().expect_code(2).clean_output();
        let error = failed.error();
        assert!(error.contains("up of m20261122_000009_create_leads failed"), "{failed:#?}");
        assert!(error.contains("CREATE INDEX \"leads_tenant_id_email_idx\""), "{failed:#?}");
        assert!(error.contains("already exists"), "{failed:#?}");
        assert!(error.contains("nothing was changed"), "{failed:#?}");
        assert_eq!(error.trim().lines().count(), 1, "{failed:#?}");
        assert_eq!(db.catalogue().await, before);
    }
    // What comes before it can be applied, and what was in the way can go.
    db.migration(&["up", "-n", "8"]).ok();
    db.execute("DROP TABLE notes").await;
    db.migration(&["up"]).ok();
}

/// Two tables; the second goes, the first one's `down` fails.
mod stubborn {
    use migration::MigratorTrait;
    use sea_orm_migration::prelude::*;

    pub struct Stubborn;

    struct First;
    struct Second;

    impl MigrationName for First {
        fn name(&self) -> &'static str {
            "m1_first"
        }
    }

    impl MigrationName for Second {
        fn name(&self) -> &'static str {
            "m2_second"
        }
    }

    #[async_trait::async_trait]
    impl MigrationTrait for First {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            // Asking is ordinary, so it must not break the recording.
            if manager.has_table("first").await? {
                return Ok(());
            }
            let id = ColumnDef::new("id").integer().not_null().take();
            manager.create_table(Table::create().table("first").col(id).take()).await
        }

        async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            manager
                .drop_index(Index::drop().name("no_such_index").table("first").to_owned())
                .await?;
            manager.drop_table(Table::drop().table("first").take()).await
        }
    }

    #[async_trait::async_trait]
    impl MigrationTrait for Second {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            let id = ColumnDef::new("id").integer().not_null().take();
            manager.create_table(Table::create().table("second").col(id).take()).await
        }

        async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            manager.drop_table(Table::drop().table("second").take()).await
        }
    }

    impl MigratorTrait for Stubborn {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![Box::new(First), Box::new(Second)]
        }
    }
}

async fn a_rollback_that_fails_midway_changes_nothing(db: TestDb) {
    let open = db.open().await;
    let runner = Runner::new::<stubborn::Stubborn>(&open.connection).unwrap();
    assert_eq!(runner.up(None).await.unwrap().applied, ["m1_first", "m2_second"]);
    let before = db.catalogue_of(&open).await;
    let error = runner.down(None).await.unwrap_err().to_string();
    assert!(error.contains("down of m1_first failed at `DROP INDEX"), "{error}");
    assert!(error.contains("no_such_index") && error.contains("nothing was changed"), "{error}");
    assert_eq!(db.catalogue_of(&open).await, before);
    runner.down(Some(1)).await.unwrap();
    open.close().await;
}

async fn a_table_dropped_by_hand_is_named(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let drop = match db.engine {
        Engine::Sqlite => "PRAGMA foreign_keys = OFF; DROP TABLE companies",
        _ => "DROP TABLE companies CASCADE",
    };
    db.execute(drop).await;
    let before = db.catalogue().await;
    let failed = db.tenantry(&["rollback"]).expect_code(2).clean_output();
    assert!(failed.error().contains("companies should be there and is not"), "{failed:#?}");
    assert_eq!(db.catalogue().await, before);
    // The whole job still says what it found.
    let run = db.tenantry(&["run"]).expect_code(1).clean_output();
    assert!(run.stdout.contains("table-missing: companies"), "{run:#?}");
    db.migration(&["fresh"]).ok();
    db.tenantry(&["run"]).ok();
}

/// SeaORM does not tell of statements that are sent as they are, but the server does.
#[tokio::test]
async fn the_statement_that_failed_is_named_even_if_sent_unprepared() {
    use sea_orm::DbErr;
    use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

    struct Two {
        outside: bool,
    }

    impl MigrationName for Two {
        fn name(&self) -> &'static str {
            "m1_two"
        }
    }

    #[async_trait::async_trait]
    impl MigrationTrait for Two {
        fn use_transaction(&self) -> Option<bool> {
            Some(!self.outside)
        }

        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            let db = manager.get_connection();
            db.execute_unprepared("CREATE TABLE a (b int)").await?;
            db.execute_unprepared("CREATE INDEX a_c_idx ON a (c)").await?;
            db.execute_unprepared("CREATE TABLE d (e int)").await.map(|_| ())
        }

        async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
            Ok(())
        }
    }

    for outside in [false, true] {
        let db = TestDb::new(Engine::Postgres);
        let open = db.open().await;
        let all: Vec<Box<dyn MigrationTrait>> = vec![Box::new(Two { outside })];
        let runner = Runner::of(&open.connection, all, "seaql_migrations").unwrap();
        let error = runner.up(None).await.unwrap_err().to_string();
        let named = "up of m1_two failed at `CREATE INDEX a_c_idx ON a (c)`";
        assert!(error.contains(named), "{error}");
        open.close().await;
    }
}

/// Interrupts `run` while it is provably in the middle of its transaction.
async fn an_interrupted_up_leaves_before_or_after(db: TestDb) {
    let before = {
        db.open().await.close().await;
        db.catalogue().await
    };
    match db.engine {
        Engine::Sqlite => {
            // The journal exists while a transaction has written and not committed. What the command
            // logs goes into a pipe that is not read, so that it waits when that is full.
            let journal = db.folder().join("test.db-journal");
            for room in (8..=22).step_by(2) {
                let (reader, mut writer) = std::io::pipe().unwrap();
                writer.write_all(&vec![b'-'; (64 - room) * 1024]).unwrap();
                let mut command =
                    db.bin("tenantry").env("RUST_LOG", "trace").args(&["run"]).command();
                let mut child = command.stderr(writer).spawn().unwrap();
                // It holds the other end, too.
                drop(command);
                while !journal.exists() {
                    assert!(child.try_wait().unwrap().is_none(), "it has ended before");
                }
                interrupt(child.id());
                let status = child.wait().unwrap();
                drop(reader);
                assert!(!status.success(), "{status}");
                assert_eq!(db.tables().await.len(), 0, "with room for {room} KiB");
            }
            db.tenantry(&["run"]).ok();
            assert_eq!(db.tables().await.len(), entity::all().len() + 2);
            db.tenantry(&["rollback"]).ok();
        }
        _ => {
            // Another session holds the name that the ninth migration wants, so the command waits there.
            let open = db.open().await;
            let holder = open.connection.begin().await.unwrap();
            holder.execute_unprepared("CREATE TABLE leads (id int)").await.unwrap();
            let child = db.bin("migration").args(&["up"]).spawn();
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                           AND wait_event_type = 'Lock'";
            while db.number(waiting).await == 0 {
                pause();
            }
            interrupt(child.id());
            let ran = Ran::from(child.wait_with_output().unwrap());
            assert_ne!(ran.code, 0, "{ran:#?}");
            assert!(ran.stderr.contains("applying m20261122_000009"), "in the middle: {ran:#?}");
            holder.rollback().await.unwrap();
            open.close().await;
            // The server notices a client that has gone when it next writes to it.
            while db.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tenantry%' AND pid <> pg_backend_pid()").await > 0 {
                pause();
            }
            assert_eq!(db.catalogue().await, before);
        }
    }
    db.tenantry(&["run"]).ok();
}

fn interrupt(pid: u32) {
    // The process may have ended by itself.
    let _ = std::process::Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).output();
}
