//! A rehearsal does everything, shows it, and leaves no trace.

use migration::{
    Runner,
    db::Database,
    rehearsal::{Rehearsal, Report},
    runner::{Command, Up},
};

use crate::support::{Engine, TestDb, migrations, tables};

on_both_engines!(
    no_trace_is_left,
    what_would_be_refused_is_shown_with_its_hash,
    a_row_that_comes_in_between_makes_the_plan_void,
    the_script_does_the_same,
    a_plan_that_was_rehearsed_is_the_one_that_runs,
    the_report_is_json_too,
    what_fails_fails_in_the_rehearsal,
);

/// Everything that could have changed: the file byte for byte, or the catalogue with its internal
/// numbers, every row, and every sequence.
async fn everything(db: &TestDb) -> Vec<String> {
    if db.engine == Engine::Sqlite {
        let mut files: Vec<String> = std::fs::read_dir(db.folder())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                format!("{} {:?}", entry.file_name().display(), std::fs::read(entry.path()))
            })
            .collect();
        files.sort();
        return files;
    }
    let mut everything = vec![db.catalogue().await];
    if db.tables().await.len() == tables() + 2 {
        for (table, rows) in db.rows().await {
            everything.push(format!("{table} {rows:?}"));
        }
    }
    let open = db.open().await;
    for sql in [
        "SELECT format('%s %s %s %s', oid, relname, relfilenode, relacl) AS t \
         FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT format('%s %s %s', conname, conrelid, contype) AS t FROM pg_constraint ORDER BY 1",
        "SELECT format('%s %s', sequencename, last_value) AS t FROM pg_sequences ORDER BY 1",
        "SELECT t::text AS t FROM seaql_migrations t ORDER BY 1",
        "SELECT t::text AS t FROM seaql_migrations_journal t ORDER BY 1",
    ] {
        everything.extend(crate::support::texts(&open.connection, sql).await);
    }
    open.close().await;
    everything
}

const REHEARSED: [(&str, &[&str]); 9] = [
    ("migration", &["up"]),
    ("migration", &["down", "-n", "4"]),
    ("migration", &["redo", "-n", "2"]),
    ("migration", &["refresh"]),
    ("migration", &["fresh"]),
    ("migration", &["reset"]),
    ("tenantry", &["run"]),
    ("tenantry", &["rollback"]),
    ("migration", &["up", "--to", "create_leads"]),
];

async fn no_trace_is_left(db: TestDb) {
    // A database that is not there is not made either.
    if db.engine == Engine::Sqlite {
        let ran = db.migration(&["up", "--dry-run"]).ok();
        assert!(ran.stdout.contains("CREATE TABLE \"tenants\""), "{ran:#?}");
        assert!(std::fs::read_dir(db.folder()).unwrap().next().is_none());
    }
    // Empty but for bookkeeping, half migrated, and full.
    for prepare in [&["up", "-n", "1"][..], &["up", "-n", "8"], &["up"]] {
        db.migration(prepare).ok();
        if prepare == ["up"] {
            db.seeder(&[]).ok();
        }
        let before = everything(&db).await;
        for (name, args) in REHEARSED {
            let ran = db.bin(name).args(args).args(&["--dry-run"]).run();
            let expected = ran.code == 0 || (args[0] == "down" && prepare == ["up", "-n", "1"]);
            assert!(expected, "{name} {args:?}: {ran:#?}");
            assert!(ran.stdout.contains("everything was rolled back"), "{name} {args:?}: {ran:#?}");
            let ran = ran.clean_output();
            assert!(everything(&db).await == before, "{name} {args:?} left a trace: {ran:#?}");
        }
    }
    // The statements are those that are sent in earnest.
    let rehearsed = db.tenantry(&["rollback", "--dry-run"]).ok().stdout;
    for table in ["leads", "tenants", "seaql_migrations", "seaql_migrations_journal"] {
        let drops =
            |line: &str| line.contains("DROP TABLE ") && line.contains(&format!("\"{table}\""));
        assert!(rehearsed.lines().any(drops), "{rehearsed}");
    }
    if db.engine == Engine::Postgres {
        assert!(rehearsed.contains("leads: ACCESS EXCLUSIVE lock, not rewritten, "), "{rehearsed}");
    }
}

#[tokio::test]
async fn locks_and_rewrites_are_shown() {
    let db = TestDb::new(Engine::Postgres);
    db.tenantry(&["run"]).ok();
    db.execute("ANALYZE").await;
    let shown = db.more(&["up", "--dry-run"]).run().ok().stdout;
    let line = shown.lines().find(|line| line.contains("leads: ")).unwrap();
    assert!(line.contains("leads: ACCESS EXCLUSIVE lock, rewritten, about 43 rows, "), "{shown}");
    assert!(line.ends_with("KiB"), "{shown}");
    // A new default that is the same for all rows rewrites nothing.
    db.execute("ALTER TABLE leads ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()").await;
    let failed = db.more(&["up", "--dry-run"]).run().expect_code(2);
    assert!(failed.error().contains("already exists"), "{failed:#?}");
}

/// Rehearses migrations of which one recreates a table.
async fn rehearse_rebuilding(open: &Database) -> Report {
    let command = Command::Up(Up::default());
    let runner =
        |connection| Runner::of(connection, crate::rebuild::migrations(), "seaql_migrations");
    let real = runner(&open.connection).unwrap();
    let rehearsal = Rehearsal::of(open, &real, &command).await.unwrap();
    let rehearsed = runner(&rehearsal.database().connection).unwrap();
    rehearsed.observed_by(rehearsal.observer()).run(&command).await.unwrap();
    rehearsal.end().unwrap()
}

/// A table that SQLite recreates has been written row by row.
#[tokio::test]
async fn tables_recreated_are_shown() {
    let db = TestDb::new(Engine::Sqlite);
    db.tenantry(&["run"]).ok();
    let open = db.open().await;
    let report = rehearse_rebuilding(&open).await;
    let rewritten: Vec<&str> = report
        .steps
        .iter()
        .flat_map(|step| &step.tables)
        .filter(|table| table.rewritten && table.rows == Some(12) && table.exact)
        .map(|table| table.table.as_str())
        .collect();
    assert_eq!(rewritten, ["companies"], "{}", report.text());
    open.close().await;
}

/// Nothing is imagined differently where there is no file yet.
#[tokio::test]
async fn tables_recreated_can_be_imagined() {
    use migration::{config::DatabaseArgs, db::Absent};
    use sea_orm::ConnectionTrait as _;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("a.db").display());
    let args = DatabaseArgs { database_url: Some(url), ..Default::default() };
    let open = Database::open(
        &migration::PROJECT,
        &args.target(&migration::PROJECT).unwrap(),
        Absent::InMemory,
    )
    .await
    .unwrap();
    open.connection.execute_unprepared("CREATE TABLE mine (a int)").await.unwrap();
    let report = rehearse_rebuilding(&open).await.text();
    // What is in memory is still there, as it was.
    let objects = "SELECT name FROM sqlite_schema";
    assert_eq!(crate::support::texts(&open.connection, objects).await, ["mine"]);
    assert_eq!(crate::support::number(&open.connection, "PRAGMA foreign_keys").await, 1);
    assert!(report.contains("m3_domain_is_text up"), "{report}");
    assert!(report.contains("DROP TABLE \"companies\""), "{report}");
    open.close().await;
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

async fn what_would_be_refused_is_shown_with_its_hash(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    let shown = db.tenantry(&["rollback", "--dry-run"]).expect_code(1);
    assert!(shown.stderr.contains("this would be refused"), "{shown:#?}");
    assert!(shown.stderr.contains("\n  tenants: 1 row, "), "{shown:#?}");
    let plan = shown.last_line().strip_prefix("plan ").unwrap();
    assert_eq!(plan, shown.hash());
    db.tenantry(&["rollback", "--confirm", plan]).ok();
}

async fn a_row_that_comes_in_between_makes_the_plan_void(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    let plan = db.tenantry(&["rollback", "--dry-run"]).expect_code(1).hash();
    db.insert_real_tenant("another").await;
    let refused = db.tenantry(&["rollback", "--confirm", &plan]).expect_code(1);
    assert!(refused.error().contains("does not fit"), "{refused:#?}");
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 4);
}

async fn the_script_does_the_same(db: TestDb) {
    for (prepare, rehearsed) in [
        (&["status"][..], &["up"][..]),
        (&["up", "-n", "8"], &["up"]),
        (&["up"], &["down", "-n", "5"]),
        (&["up"], &["reset"]),
    ] {
        db.open().await.close().await;
        db.migration(prepare);
        db.migration(rehearsed).ok();
        let wanted = db.catalogue().await;
        let status = db.migration(&["status"]).ok().last_line().to_owned();
        db.migration(&["reset"]).ok();
        db.migration(prepare);
        db.bin("migration").args(rehearsed).args(&["--sql", "up.sql"]).run().ok();
        db.run_script("up.sql").ok();
        assert_eq!(db.catalogue().await, wanted, "{rehearsed:?}");
        assert_eq!(db.migration(&["status"]).ok().last_line(), status);
        // A second time, it finds that it has run.
        let again = db.run_script("up.sql");
        assert_ne!(again.code, 0, "{again:#?}");
        assert_eq!(db.catalogue().await, wanted, "{rehearsed:?}");
        db.migration(&["reset"]).ok();
    }
}

async fn a_plan_that_was_rehearsed_is_the_one_that_runs(db: TestDb) {
    db.migration(&["up", "-n", "10"]).ok();
    let shown = db.migration(&["up", "--dry-run"]).ok();
    let plan = shown.last_line().strip_prefix("plan ").unwrap().to_owned();
    // Another session has been quicker with one of them.
    db.migration(&["up", "-n", "1"]).ok();
    let refused = db.migration(&["up", "--confirm", &plan]).expect_code(1).clean_output();
    assert!(refused.error().contains("does not fit"), "{refused:#?}");
    let shown = db.migration(&["up", "--dry-run"]).ok();
    let plan = shown.last_line().strip_prefix("plan ").unwrap();
    let applied = db.migration(&["up", "--confirm", plan]).ok();
    assert_eq!(applied.last_line(), format!("{} migrations applied", migrations() - 11));
}

async fn the_report_is_json_too(db: TestDb) {
    db.migration(&["up", "-n", "12"]).ok();
    let report = db.migration(&["up", "--dry-run", "--json"]).ok().json();
    assert_eq!(report["command"], "dry-run");
    assert_eq!(report["rehearsed"], "up");
    let steps = report["steps"].as_array().unwrap();
    let name = "m20261122_000013_create_email_services";
    let table = steps.iter().find(|it| it["sql"].as_str().unwrap().starts_with("CREATE TABLE"));
    assert_eq!(table.unwrap()["what"]["name"], name);
    assert!(steps.iter().any(|it| it["what"]["kind"] == "bookkeeping"));
    assert_eq!(report["plan"].as_str().unwrap().len(), 12);
}

async fn what_fails_fails_in_the_rehearsal(db: TestDb) {
    db.execute("CREATE TABLE notes (a int); CREATE INDEX leads_tenant_id_email_idx ON notes (a)")
        .await;
    let before = db.catalogue().await;
    let failed = db.migration(&["up", "--dry-run"]).expect_code(2).clean_output();
    assert!(failed.stdout.contains("CREATE TABLE \"companies\""), "{failed:#?}");
    assert!(failed.error().contains("up of m20261122_000009_create_leads failed"), "{failed:#?}");
    assert_eq!(db.catalogue().await, before);
}

/// The script says where its names belong, since the URL that runs it does not.
#[tokio::test]
async fn a_script_stays_in_its_schema() {
    let db = TestDb::new(Engine::Postgres);
    db.execute("CREATE SCHEMA \"other one\"").await;
    db.migration(&["up"]).ok();
    let there =
        |args: &[&str]| db.bin("migration").env("DATABASE_SCHEMA", "other one").args(args).run();
    there(&["up"]).ok();
    there(&["reset", "--sql", "reset.sql"]).ok();
    db.run_script("reset.sql").ok();
    assert_eq!(
        db.migration(&["status"]).ok().last_line(),
        format!("{} applied, 0 pending", migrations())
    );
    assert_eq!(there(&["status"]).ok().last_line(), format!("0 applied, {} pending", migrations()));
}

/// What would be refused is not written down to be run unasked.
#[tokio::test]
async fn no_script_of_what_would_be_refused() {
    let db = TestDb::new(Engine::Sqlite);
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    let refused = db.migration(&["reset", "--sql", "reset.sql"]).expect_code(1);
    assert!(!db.folder().join("reset.sql").exists());
    db.migration(&["reset", "--sql", "reset.sql", "--confirm", &refused.hash()]).ok();
    assert!(db.folder().join("reset.sql").exists());
}
