//! Killed at any moment, the database is as before or as after, and the next run succeeds.

use std::{
    collections::BTreeMap,
    process::Child,
    time::{Duration, Instant},
};

use crate::support::{Bin, Engine, Ran, TestDb, migrations, pause, postgres::Server, wait_until};

on_both_engines!(killed_at_random_moments);

/// How often a command is killed on each engine, unless `TENANTRY_KILL_ROUNDS` says so.
const ROUNDS: u32 = 35;

fn rounds() -> u32 {
    let wanted = std::env::var("TENANTRY_KILL_ROUNDS").ok();
    wanted.map_or(ROUNDS, |wanted| wanted.parse().expect("a number of rounds"))
}

/// The command, after which commands, and how many migrations are applied before it and after it.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static [&'static str]],
    fn(usize) -> usize,
    fn(usize) -> usize,
);

/// What is killed.
const COMMANDS: [Case; 7] = [
    ("migration", &["up"], &[], |_| 0, |all| all),
    ("migration", &["down", "-n", "7"], &[&["up"]], |all| all, |all| all - 7),
    ("migration", &["fresh"], &[&["up"], &["seed"]], |all| all, |all| all),
    ("seeder", &[], &[&["up"]], |all| all, |all| all),
    ("tenantry", &["rollback"], &[&["up"], &["seed"]], |all| all, |_| 0),
    ("migration", &["redo", "-n", "4"], &[&["up"]], |all| all, |all| all),
    ("migration", &["restore", BACKUP], &[&["up"]], |all| all, |all| all),
];

/// A backup of all sample rows.
const BACKUP: &str = "backup.jsonl";

/// What there may be with this many migrations applied.
async fn states(db: &TestDb) -> BTreeMap<usize, String> {
    let mut states = BTreeMap::new();
    for applied in 1..=migrations() {
        db.migration(&["up", "-n", "1"]).ok();
        states.insert(applied, db.catalogue().await);
    }
    db.tenantry(&["rollback"]).ok();
    states.insert(0, db.catalogue().await);
    states
}

fn prepare(db: &TestDb, steps: &[&[&str]]) {
    let rolled_back = db.tenantry(&["rollback"]);
    if rolled_back.code == 1 {
        // Rows that were restored are not known as the seeder's any more.
        db.tenantry(&["rollback", "--confirm", &rolled_back.hash()]).ok();
    }
    for step in steps {
        if *step == ["seed"] {
            db.seeder(&[]).ok()
        } else {
            db.migration(step).ok()
        };
    }
}

async fn applied(db: &TestDb) -> usize {
    if !db.tables().await.contains(&"seaql_migrations".to_owned()) {
        return 0;
    }
    usize::try_from(db.number("SELECT count(*) FROM seaql_migrations").await).unwrap()
}

/// Waits until no server process is left of a command that has gone.
async fn gone(db: &TestDb) {
    let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name LIKE 'tenantry %' AND pid <> pg_backend_pid()";
    while db.engine == Engine::Postgres && db.number(left).await > 0 {
        pause();
    }
}

/// Asserts that the database is as before or as after, and sound.
async fn check(db: &TestDb, known: &BTreeMap<usize, String>, may_be: [usize; 2], context: &str) {
    let applied = applied(db).await;
    assert!(may_be.contains(&applied), "{applied} migrations applied after {context}");
    let catalogue = db.catalogue().await;
    // Rolled back, the journal stays until everything is.
    assert_eq!(catalogue, known[&applied], "after {context}");
    if applied > 0 {
        let status = db.migration(&["status", "--json"]).ok().json();
        assert_eq!(status["findings"].as_array().unwrap().len(), 0, "{status:#}");
        for migration in status["migrations"].as_array().unwrap() {
            let is_applied = migration["state"] == "applied";
            assert_eq!(is_applied, !migration["order"].is_null(), "{migration:#} after {context}");
        }
    }
    if applied == migrations() {
        let rows = db.number("SELECT count(*) FROM leads").await;
        assert!([0, 43].contains(&rows), "{rows} leads after {context}");
    }
}

async fn killed_at_random_moments(db: TestDb) {
    let states = states(&db).await;
    prepare(&db, &[&["up"], &["seed"]]);
    db.tenantry(&["rollback", "--backup", BACKUP]).ok();
    let mut interrupted = BTreeMap::new();
    let rounds = rounds();
    for round in 0..rounds {
        let which = usize::try_from(round).unwrap() % COMMANDS.len();
        let (name, args, steps, before, after) = COMMANDS[which];
        prepare(&db, steps);
        // How long it takes is measured anew each time round.
        let duration = {
            static TAKES: std::sync::Mutex<BTreeMap<(bool, usize), Duration>> =
                std::sync::Mutex::new(BTreeMap::new());
            let key = (db.engine == Engine::Sqlite, which);
            let known = TAKES.lock().unwrap().get(&key).copied();
            match known {
                Some(known) => known,
                None => {
                    let began = Instant::now();
                    db.bin(name).args(args).run().ok();
                    let took = began.elapsed();
                    TAKES.lock().unwrap().insert(key, took);
                    prepare(&db, steps);
                    took
                }
            }
        };
        let began = Instant::now();
        let mut child = db.bin(name).args(args).spawn();
        // Spread evenly over the whole duration, and a little beyond.
        let kinds = u32::try_from(COMMANDS.len()).unwrap();
        let step = f64::from(round / kinds) / f64::from(rounds / kinds);
        wait_until(began + duration.mul_f64(step * 1.1));
        child.kill().unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        *interrupted.entry(which).or_insert(0) += u32::from(ran.code == -1);
        gone(&db).await;
        let context = format!("{name} {args:?} killed at {:.0} % of {duration:?}", step * 110.0);
        check(&db, &states, [before, after].map(|of| of(migrations())), &context).await;
        db.migration(&["up"]).ok();
        let seeded = db.seeder(&[]);
        if seeded.code != 0 {
            // It was too late: all are restored, and it is not noted what they are.
            assert_eq!(args[0], "restore", "{seeded:#?}");
            assert!(seeded.stderr.contains("of which the journal does not say"), "{seeded:#?}");
            assert_eq!(db.number("SELECT count(*) FROM leads").await, 43);
        }
        check(&db, &states, [migrations(), migrations()], &context).await;
    }
    assert!(interrupted.values().all(|count| *count > 1), "{interrupted:?}");
}

fn commands(url: &str, folder: &std::path::Path, round: usize) -> (Child, &'static str) {
    let (name, args, ..) = COMMANDS[round % 5];
    (Bin::new(name, folder).env("DATABASE_URL", url).args(args).spawn(), name)
}

/// The server goes away underneath, and comes back.
#[tokio::test]
async fn a_server_that_dies_leaves_before_or_after() {
    let server = Server::start();
    let db = TestDb::on(&server);
    let states = states(&db).await;
    let began = Instant::now();
    db.migration(&["up"]).ok();
    let duration = began.elapsed();
    for round in 0..10_u32 {
        let which = usize::try_from(round).unwrap() % 5;
        let (name, args, steps, before, after) = COMMANDS[which];
        prepare(&db, steps);
        let began = Instant::now();
        let (child, _) = commands(&db.url, db.folder(), which);
        wait_until(began + duration.mul_f64(f64::from(round % 7) / 7.0));
        server.die();
        let ran = Ran::from(child.wait_with_output().unwrap()).clean_output();
        assert!(ran.code == 0 || ran.code == 2, "{ran:#?}");
        server.come_back();
        let context = format!("{name} {args:?} without its server: {ran:#?}");
        check(&db, &states, [before, after].map(|of| of(migrations())), &context).await;
        db.migration(&["up"]).ok();
        check(&db, &states, [migrations(), migrations()], &context).await;
    }
}

/// The connection is cut, by an administrator or a network.
#[tokio::test]
async fn a_connection_that_is_cut_leaves_before_or_after() {
    let db = TestDb::new(Engine::Postgres);
    let states = states(&db).await;
    let began = Instant::now();
    db.migration(&["up"]).ok();
    let duration = began.elapsed();
    for round in 0..20_u32 {
        let which = usize::try_from(round).unwrap() % 5;
        let (name, args, steps, before, after) = COMMANDS[which];
        prepare(&db, steps);
        let began = Instant::now();
        let (mut child, _) = commands(&db.url, db.folder(), which);
        wait_until(began + duration.mul_f64(f64::from(round % 10) / 10.0));
        let database = &db.server().name;
        let cut = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' \
             AND application_name LIKE 'tenantry %' AND pid <> pg_backend_pid()"
        );
        while child.try_wait().unwrap().is_none() {
            db.server().execute_as_superuser(&cut);
        }
        let ran = Ran::from(child.wait_with_output().unwrap()).clean_output();
        assert!(ran.code == 0 || ran.code == 2, "{ran:#?}");
        gone(&db).await;
        let context = format!("{name} {args:?} cut off: {ran:#?}");
        check(&db, &states, [before, after].map(|of| of(migrations())), &context).await;
        db.migration(&["up"]).ok();
    }
}

/// A disk that is full in the middle of a command: a file system of so many kilobytes.
#[test]
fn a_full_disk_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // In a mount namespace of its own, which needs no rights where the machine allows it.
    let inside = |script: &str| -> Ran {
        let up = Bin::new("migration", folder.path()).command();
        let seed = Bin::new("seeder", folder.path()).command();
        let script = format!(
            "mount -t tmpfs -o size=\"$1\" none \"$DISK\" || exit 77\nup() {{ \"$UP\" \"$@\"; }}\n{script}"
        );
        let mut outer = std::process::Command::new("unshare");
        outer.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh", "1024k"]);
        outer.env("DISK", &disk).env("UP", up.get_program()).env("SEED", seed.get_program());
        outer.env("DATABASE_URL", format!("sqlite://{}", disk.join("a.db").display()));
        outer.output().unwrap().into()
    };
    let ran = inside(
        "up up -n 4 || exit 1\n\
         up status | tail -n 1\n\
         head -c 930k /dev/zero > \"$DISK/filler\"\n\
         up up; echo \"up ended with $?\"\n\
         up status | tail -n 1\n\
         rm \"$DISK/filler\"\n\
         up up; \"$SEED\"; echo \"seeding ended with $?\"\n\
         up status | tail -n 1\n",
    );
    if ran.code == 77 {
        // This machine allows no file system of our own.
        return;
    }
    let ran = ran.clean_output();
    assert!(ran.stderr.contains("error: ") && ran.stderr.contains("disk"), "{ran:#?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines
            .iter()
            .filter(|it| **it == format!("4 applied, {} pending", migrations() - 4))
            .count(),
        2,
        "{ran:#?}"
    );
    assert!(lines.contains(&"up ended with 2"), "{ran:#?}");
    assert_eq!(
        lines.last().copied(),
        Some(format!("{} applied, 0 pending", migrations()).as_str()),
        "{ran:#?}"
    );
}
