//! Another session is in the way: no third one waits behind us for long, and it is said which it is.

use std::time::Instant;

use sea_orm::{DatabaseTransaction, TransactionTrait as _};

use crate::support::{Engine, Ran, TestDb, all_but, number, pause, workspace::MORE};

/// A database in which a session reads `leads` in a long transaction.
async fn read_at_length(db: &TestDb) -> (migration::db::Database, DatabaseTransaction) {
    db.tenantry(&["run"]).ok();
    let open = db.open().await;
    let reader = open.connection.begin().await.unwrap();
    number(&reader, "SELECT count(*) FROM leads WHERE name <> 'a secret name'").await;
    (open, reader)
}

#[tokio::test]
async fn a_long_reader_stops_up_and_no_other_reader() {
    let db = TestDb::new(Engine::Postgres);
    let (open, reader) = read_at_length(&db).await;
    // The index first, which does not mind the reader's lock on the table.
    reader.rollback().await.unwrap();
    db.more(&["up", "-n", "1"]).run().ok();
    let reader = open.connection.begin().await.unwrap();
    number(&reader, "SELECT count(*) FROM leads WHERE name <> 'a secret name'").await;
    let before = db.catalogue().await;
    let child = db.more(&["up", "--lock-timeout", "2"]).spawn();
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                   AND mode = 'AccessExclusiveLock' AND relation = 'leads'::regclass";
    let mut longest = std::time::Duration::ZERO;
    let mut waits = 0;
    let mut child = Some(child);
    let second = db.open().await;
    // A second reader comes again and again, each time when a session waits for the first one.
    while child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none()) {
        if db.number(waiting).await > 0 {
            waits += 1;
            let began = Instant::now();
            number(&second.connection, "SELECT count(*) FROM leads").await;
            longest = longest.max(began.elapsed());
        }
    }
    let ran: Ran = child.take().unwrap().wait_with_output().unwrap().into();
    let ran = ran.expect_code(2).clean_output();
    assert!(waits >= 2, "it has tried more than once");
    // Once for each try, and by no more than its limit, which is not to be exceeded by much.
    assert!(longest.as_secs() < 6, "the second reader waited for {longest:?}");
    assert!(ran.stderr.contains("waiting for process "), "{ran:#?}");
    assert!(ran.stderr.contains("trying again in "), "{ran:#?}");
    assert!(ran.error().contains("ALTER TABLE leads ADD COLUMN token"), "{ran:#?}");
    assert!(ran.error().contains("in the way was process "), "{ran:#?}");
    assert!(ran.error().contains("`SELECT count(*) FROM leads WHERE name <> '…'`"), "{ran:#?}");
    assert!(!ran.stderr.contains("a secret name"), "{ran:#?}");
    assert!(ran.error().contains("nothing was changed"), "{ran:#?}");
    assert_eq!(db.catalogue().await, before);
    reader.rollback().await.unwrap();
    db.more(&["up", "--lock-timeout", "1"]).run().ok();
    second.close().await;
    open.close().await;
}

/// It is tried again by itself, so whoever goes in time is no reason to fail.
#[tokio::test]
async fn a_reader_that_goes_in_time_is_outwaited() {
    let db = TestDb::new(Engine::Postgres);
    let (open, reader) = read_at_length(&db).await;
    let mut child =
        db.bin("migration").args(&["down", "-n", &all_but(8), "--lock-timeout", "1"]).spawn();
    // The first try has been given up.
    let given_up = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name LIKE 'tenantry %' AND pid <> pg_backend_pid() \
                    AND query LIKE 'ROLLBACK%'";
    while db.number(given_up).await == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it was never seen between two tries");
        pause();
    }
    reader.rollback().await.unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap()).ok();
    assert!(ran.stderr.contains("trying again in "), "{ran:#?}");
    assert_eq!(ran.last_line(), format!("{} migrations rolled back", all_but(8)));
    open.close().await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped() {
    let db = TestDb::new(Engine::Postgres);
    db.tenantry(&["run"]).ok();
    db.more(&["up", "-n", "1"]).run().ok();
    db.server().execute_as_superuser(
        "CREATE FUNCTION slow_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
         PERFORM pg_sleep(60); END $$; \
         CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('ALTER TABLE') \
         EXECUTE FUNCTION slow_ddl()",
    );
    let before = db.catalogue().await;
    let stopped = db.more(&["up", "--statement-timeout", "1"]).run().expect_code(2);
    assert!(stopped.error().contains("statement timeout"), "{stopped:#?}");
    assert!(stopped.error().contains(MORE[1]), "{stopped:#?}");
    assert!(stopped.error().contains("nothing was changed"), "{stopped:#?}");
    assert_eq!(db.catalogue().await, before);
}
