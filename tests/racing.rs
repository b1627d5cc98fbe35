//! Many at once: nothing breaks, and each migration is applied once.

use std::process::Child;

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use crate::support::{
    Bin, Engine, Ran, TestDb, all_but, migrations, pause, sample_rows,
    workspace::{MORE, program_with_more},
};

/// Whoever reads an SQLite file is waited for before anything is done, not when all is.
#[tokio::test]
async fn a_reader_is_waited_for() {
    use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
    let db = TestDb::new(Engine::Sqlite);
    db.tenantry(&["run"]).ok();
    let open = db.open().await;
    let reader = open.connection.begin().await.unwrap();
    let read =
        sea_orm::Statement::from_string(reader.get_database_backend(), "SELECT 1 FROM leads");
    reader.query_one_raw(read).await.unwrap();
    let args = ["down", "--backup", "lost", "--lock-wait"];
    let busy = db.bin("migration").args(&args).args(&["0"]).run().expect_code(2).clean_output();
    assert!(busy.error().contains("is reading this database file"), "{busy:#?}");
    assert!(busy.error().contains("nothing was changed"), "{busy:#?}");
    assert!(!db.folder().join("lost").exists());
    let child = db.bin("migration").args(&args).args(&["60"]).spawn();
    reader.rollback().await.unwrap();
    open.close().await;
    Ran::from(child.wait_with_output().unwrap()).ok();
    assert!(db.folder().join("lost").exists());
}

on_both_engines!(
    eight_at_once_all_succeed,
    eight_of_every_kind_leave_a_sound_database,
    who_holds_the_lock_is_named,
    two_seeders_wait_for_each_other,
);

/// How often eight start at once. Plain sea-orm-migration fails in nearly half of all runs.
const ROUNDS: usize = 20;

/// Waits for all, and gives what each printed.
fn ended(children: Vec<Child>) -> Vec<Ran> {
    children.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect()
}

/// Among the pending ones is a migration that makes an index concurrently, which a runner that waits
/// inside the server would wait for, and be waited for by.
async fn eight_at_once_all_succeed(db: TestDb) {
    for round in 0..ROUNDS {
        let all = ended((0..8).map(|_| db.more(&["up"]).spawn()).collect());
        let mut applied = 0;
        for ran in all {
            let ran = ran.ok().clean_output();
            let did = ran.stdout.trim();
            assert!(
                did == format!("{} migrations applied", migrations() + 2)
                    || did == "nothing to apply",
                "{ran:#?}"
            );
            applied += usize::from(did != "nothing to apply");
        }
        assert_eq!(applied, 1, "round {round}: one applies, the others find it done");
        let twice = "SELECT count(*) FROM (SELECT name FROM seaql_migrations_journal \
                     WHERE event = 'applied' GROUP BY name HAVING count(*) <> 1) t";
        assert_eq!(db.number(twice).await, 0);
        assert_eq!(
            db.number("SELECT count(*) FROM seaql_migrations").await,
            i64::try_from(migrations() + 2).unwrap()
        );
        if db.engine == Engine::Postgres {
            let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
            assert_eq!(db.number(invalid).await, 0);
        }
        let status = db.more(&["status", "--exit-code"]).run().ok();
        assert_eq!(status.last_line(), format!("{} applied, 0 pending", migrations() + 2));
        db.more(&["reset"]).run().ok();
    }
}

/// `up`, `down`, `status`, `run` and the seeder, all at once, in another order each round.
async fn eight_of_every_kind_leave_a_sound_database(db: TestDb) {
    let kinds: [(&str, &[&str]); 8] = [
        ("migration", &["up"]),
        ("migration", &["down", "-n", "3"]),
        ("tenantry", &["run"]),
        ("migration", &["status"]),
        ("seeder", &[]),
        ("migration", &["up"]),
        ("migration", &["redo", "-n", "2"]),
        ("tenantry", &["run"]),
    ];
    for round in 0..ROUNDS / 2 {
        db.migration(&["up"]).ok();
        let start = |n: usize| {
            let (name, args) = kinds[(n + round) % kinds.len()];
            db.bin(name).args(args).spawn()
        };
        for (n, ran) in ended((0..8).map(start).collect()).into_iter().enumerate() {
            let (name, args) = kinds[(n + round) % kinds.len()];
            let ran = ran.clean_output();
            // A seeder that comes after a `down` says so; whoever validates then has findings.
            let may_find = name == "seeder" || name == "tenantry";
            assert!(ran.code == 0 || (may_find && ran.code <= 2), "{name} {args:?}: {ran:#?}");
            // A reader and a change of tables may be in each other's way: then the reader tries again.
            let kept = ran.stderr.lines().filter(|line| !line.contains("; trying again in "));
            let said = kept.collect::<Vec<_>>().join("\n");
            for broken in ["already exists", "deadlock", "UNIQUE", "duplicate key", "locked"] {
                assert!(!said.contains(broken), "{name} {args:?}: {ran:#?}");
            }
        }
        db.tenantry(&["run"]).ok();
        let status = db.migration(&["status", "--exit-code"]).ok();
        assert_eq!(status.last_line(), format!("{} applied, 0 pending", migrations()));
        db.tenantry(&["rollback"]).ok();
    }
}

async fn who_holds_the_lock_is_named(db: TestDb) {
    db.migration(&["up", "-n", &all_but(1)]).ok();
    // Another session holds the lock of the ninth table's name, or the whole file, and so up waits inside.
    let open = db.open().await;
    let holder = open.connection.begin().await.unwrap();
    let (hold, who) = match db.engine {
        Engine::Sqlite => ("DELETE FROM tenants", format!("process {}", std::process::id())),
        _ => (
            "SELECT pg_advisory_xact_lock(hashtext(current_database()), \
             hashtext('tenantry ' || current_schema()))",
            format!("tenantry {}@", std::process::id()),
        ),
    };
    holder.execute_unprepared(hold).await.unwrap();
    let before = db.migration(&["status"]).ok().stdout;
    for args in [&["up", "--lock-wait", "1"][..], &["down", "--lock-wait", "0"]] {
        let busy = db.migration(args).expect_code(2).clean_output();
        assert!(busy.error().contains(&who), "{busy:#?}");
        let doing = match db.engine {
            Engine::Sqlite => "is using this database file",
            _ => "is migrating or seeding this database",
        };
        assert!(busy.error().contains(doing), "{busy:#?}");
        assert!(busy.error().contains("nothing was changed"), "{busy:#?}");
        assert!(busy.error().contains(" since 2"), "{busy:#?}");
        if db.engine == Engine::Postgres {
            let role = format!("as {}", db.server().name);
            assert!(busy.error().contains("from 127.0.0.1"), "{busy:#?}");
            assert!(busy.error().contains(&role), "{busy:#?}");
        }
    }
    holder.rollback().await.unwrap();
    open.close().await;
    assert_eq!(db.migration(&["status"]).ok().stdout, before);
    db.migration(&["up", "--lock-wait", "0"]).ok();
}

async fn two_seeders_wait_for_each_other(db: TestDb) {
    db.migration(&["up"]).ok();
    let all = ended((0..4).map(|_| db.bin("seeder").spawn()).collect());
    let did: Vec<String> = all.into_iter().map(|ran| ran.ok().last_line().to_owned()).collect();
    let inserted = did
        .iter()
        .filter(|line| **line == format!("{} sample rows inserted", sample_rows()))
        .count();
    assert_eq!(inserted, 1, "{did:?}");
}

/// Everybody waits in the client, so that nothing waits for a waiter in the server.
#[tokio::test]
async fn whoever_waits_for_the_lock_holds_nothing_meanwhile() {
    let db = TestDb::new(Engine::Postgres);
    db.migration(&["up"]).ok();
    let open = db.open().await;
    let holder = open.connection.begin().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(hashtext(current_database()), \
                hashtext('tenantry ' || current_schema()))";
    holder.execute_unprepared(lock).await.unwrap();
    let mut child = db.bin("migration").args(&["down"]).spawn();
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND application_name LIKE 'tenantry %' AND pid <> pg_backend_pid() \
                     AND query LIKE 'ROLLBACK%' AND state = 'idle'";
    while db.number(connected).await == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it does not wait");
        pause();
    }
    // It is waiting, and this does not wait for it.
    db.execute("CREATE INDEX CONCURRENTLY by_hand ON leads (name)").await;
    db.execute("DROP INDEX CONCURRENTLY by_hand").await;
    holder.rollback().await.unwrap();
    open.close().await;
    Ran::from(child.wait_with_output().unwrap()).ok();
}

/// The names that the tests of a divided call speak of.
#[test]
fn the_program_with_more_has_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let up = Bin::at(&program_with_more(), folder.path()).args(&["up"]).run().ok();
    for name in MORE {
        assert!(up.stderr.contains(&format!("applying {name}")), "{up:#?}");
    }
}
