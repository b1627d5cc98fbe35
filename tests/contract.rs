//! What scripts and people rely on: names, flags, exit codes and JSON keys of every command, and
//! the daily workflow, on both engines.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Bin, Engine, Ran, TestDb, all_but, migrations, tables};

on_both_engines!(
    the_whole_job,
    the_migration_workflow,
    no_command_means_up,
    json_reports_have_one_envelope,
    errors_are_json_where_a_report_was_asked_for,
    status_writes_nothing,
    settings_come_from_options_then_environment_then_dotenv,
);

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("tenantry-test-").tempdir().unwrap()
}

/// The help of every command: names, flags, defaults and what they say.
#[test]
fn help_is_pinned() {
    let folder = folder();
    let commands: [(&str, &[&str]); 3] = [
        (
            "migration",
            &[
                "",
                "up",
                "down",
                "redo",
                "generate",
                "diff",
                "lint",
                "grant",
                "prove",
                "status",
                "repair",
                "baseline",
                "restore",
                "fresh",
                "refresh",
                "reset",
                "distribute",
            ],
        ),
        ("seeder", &["", "plan", "export", "clean", "verify"]),
        ("tenantry", &["", "run", "rollback", "validate", "tenant list", "tenant isolate"]),
    ];
    for (name, subcommands) in commands {
        for sub in subcommands {
            let bin = Bin::new(name, folder.path())
                .env("DATABASE_URL", "postgres://me:hunter2-must-not-be-seen@localhost/app");
            let words: Vec<&str> = sub.split_whitespace().chain(["--help"]).collect();
            let ran = bin.args(&words).run().ok().clean_output();
            assert_eq!(ran.stderr, "");
            let sub = sub.replace(' ', "_");
            insta::assert_snapshot!(format!("help__{name}__{sub}"), ran.stdout);
        }
        let version = Bin::new(name, folder.path()).args(&["--version"]).run().ok();
        assert_eq!(version.stdout, format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
        let unknown = Bin::new(name, folder.path()).args(&["nonsense"]).run().expect_code(2);
        assert!(unknown.stderr.contains("nonsense"), "{unknown:#?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Nothing configured: an SQLite file in the current folder, named once.
#[test]
fn without_settings_everything_happens_in_one_file() {
    let folder = folder();
    let bin = |name: &str, args: &[&str]| Bin::new(name, folder.path()).args(args).run();
    let ran = bin("tenantry", &["run"]).ok().clean_output();
    assert_eq!(ran.stderr.matches("tenantry.db").count(), 1, "{ran:#?}");
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["tenantry.db"]);
    bin("migration", &["status"]).ok();
    bin("seeder", &[]).ok();
    bin("tenantry", &["validate"]).ok();
    bin("tenantry", &["rollback"]).ok();
}

async fn the_whole_job(db: TestDb) {
    let first = db.tenantry(&["run"]).ok().clean_output();
    let lines: Vec<&str> = first.stdout.lines().collect();
    let attacked = match db.engine {
        Engine::Sqlite => "",
        _ => "; 33 attacks held off",
    };
    assert_eq!(lines[0], format!("migrate   {} migrations applied", migrations()));
    assert!(lines[1].starts_with("seed      ") && lines[1].ends_with(" sample rows inserted"));
    assert_eq!(lines[2], format!("validate  no findings in {} tables{attacked}", tables()));
    assert_eq!(lines[3], "rows");
    assert_eq!(lines.len(), 4 + tables());
    for line in &lines[4..] {
        let rows: u64 = line.split_whitespace().last().unwrap().parse().unwrap();
        assert!(rows > 0, "{line}");
    }
    let (catalogue, rows) = (db.catalogue().await, db.rows().await);
    let second = db.tenantry(&["run"]).ok();
    let said: Vec<&str> = second.stdout.lines().take(3).collect();
    assert_eq!(said[0], "migrate   nothing to apply");
    assert!(said[1].starts_with("seed      nothing to insert: all "), "{said:?}");
    assert_eq!(said[2], lines[2]);
    assert_eq!(db.catalogue().await, catalogue);
    assert_eq!(db.rows().await, rows);
    let report = db.tenantry(&["validate", "--json"]).ok();
    assert_eq!(report.json()["findings"], Value::Array(Vec::new()));
    let rollback = db.tenantry(&["rollback"]).ok().clean_output();
    assert_eq!(
        rollback.stdout.trim(),
        format!("{} migrations rolled back; nothing of ours is left", migrations())
    );
    assert_eq!(db.tables().await, Vec::<String>::new());
    let again = db.tenantry(&["rollback"]).ok();
    assert_eq!(again.stdout.trim(), "nothing to roll back; nothing of ours is left");
}

async fn the_migration_workflow(db: TestDb) {
    let says = |args: &[&str]| db.migration(args).ok().clean_output().last_line().to_owned();
    assert_eq!(says(&["up"]), format!("{} migrations applied", migrations()));
    assert_eq!(says(&["up"]), "nothing to apply");
    assert_eq!(says(&["status"]), format!("{} applied, 0 pending", migrations()));
    assert_eq!(says(&["down"]), "1 migration rolled back");
    assert_eq!(says(&["down", "-n", "3"]), "3 migrations rolled back");
    assert_eq!(says(&["status"]), format!("{} applied, 4 pending", migrations() - 4));
    assert_eq!(says(&["up", "--num", "1"]), "1 migration applied");
    assert_eq!(says(&["down", "-n", "0"]), "nothing to roll back");
    assert_eq!(says(&["up", "-n", "0"]), "nothing to apply");
    assert_eq!(says(&["up"]), "3 migrations applied");
    let seeded = db.seeder(&[]).ok();
    let rows = seeded.last_line().strip_suffix(" sample rows inserted").unwrap();
    assert_eq!(db.seeder(&["clean"]).ok().last_line(), format!("{rows} sample rows removed"));
    assert_eq!(
        says(&["refresh"]),
        format!("{0} migrations rolled back, {0} migrations applied", migrations())
    );
    assert_eq!(says(&["fresh"]), format!("{} migrations applied", migrations()));
    assert_eq!(says(&["reset"]), format!("{} migrations rolled back", migrations()));
    assert_eq!(db.tables().await, Vec::<String>::new());
    assert_eq!(says(&["status"]), format!("0 applied, {} pending", migrations()));
    assert_eq!(says(&["down"]), "nothing to roll back");
    assert_eq!(db.tables().await, Vec::<String>::new());
    // Each step is logged, on standard error.
    let up = db.migration(&["up"]).ok();
    assert_eq!(up.stderr.matches("applying m").count(), migrations(), "{up:#?}");
    let quiet = db.bin("migration").env("RUST_LOG", "off").args(&["refresh"]).run().ok();
    assert_eq!(quiet.stderr, "");
    let verbose = db.migration(&["-v", "refresh"]).ok().clean_output();
    assert!(verbose.stderr.contains("CREATE TABLE"), "{verbose:#?}");
}

async fn no_command_means_up(db: TestDb) {
    assert_eq!(db.migration(&[]).ok().last_line(), format!("{} migrations applied", migrations()));
    assert_eq!(db.tables().await.len(), tables() + 2);
}

async fn json_reports_have_one_envelope(db: TestDb) {
    db.migration(&["up", "-n", &all_but(1)]).ok();
    let status = db.migration(&["status", "--json"]).ok().json();
    let validate = db.tenantry(&["validate", "--json"]).expect_code(1).json();
    for (report, command) in [(&status, "status"), (&validate, "validate")] {
        assert_eq!(report["version"], 1);
        assert_eq!(report["command"], command);
        assert_eq!(report["engine"], db.engine.name());
        let name = report["database"].as_str().unwrap();
        match db.engine {
            Engine::Sqlite => assert_eq!(name, db.file().display().to_string()),
            _ => assert!(name.starts_with("127.0.0.1:") && !name.contains('@'), "{name}"),
        }
        assert!(report["findings"].is_array());
    }
    assert_eq!(
        (&status["applied"], &status["pending"], &status["missing"]),
        (&(migrations() - 1).into(), &1.into(), &0.into())
    );
    let list = status["migrations"].as_array().unwrap();
    assert_eq!(list.len(), migrations());
    assert_eq!(list[0]["name"], "m20261122_000001_create_tenants");
    assert_eq!(list[0]["state"], "applied");
    assert!(list[0]["applied_at"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!(list[migrations() - 1]["state"], "pending");
    assert_eq!(list[migrations() - 1]["applied_at"], Value::Null);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut finding = keys(&validate["findings"][0]);
    finding.sort();
    assert_eq!(finding, ["code", "help", "message", "table"]);
    assert_eq!(validate["tables"], tables());
    assert!(validate["unknown_tables"].is_array() && validate["notes"].is_array());
}

/// Where a report was asked for, there is one, whatever happens: an error has its code in it.
async fn errors_are_json_where_a_report_was_asked_for(db: TestDb) {
    let error = |ran: Ran| {
        let report = ran.json();
        let said = report["error"]["message"].as_str().unwrap();
        assert_eq!(ran.error().trim_end(), format!("error: {said}"));
        report["error"]["code"].clone()
    };
    let nowhere = db.bin("migration").env("DATABASE_URL", "mysql://root:secret@127.0.0.1/app");
    let nowhere = nowhere.args(&["status", "--json"]).run().expect_code(2).clean_output();
    assert_eq!(error(nowhere), "url-kind-unsupported");
    db.open().await.close().await;
    assert_eq!(error(db.seeder(&["verify", "--json"]).expect_code(2)), "migrations-pending");
    // Without it, standard output stays empty.
    assert_eq!(db.seeder(&["verify"]).expect_code(2).stdout, "");
}

async fn status_writes_nothing(db: TestDb) {
    db.open().await.close().await;
    let before = db.catalogue().await;
    if db.engine == Engine::Sqlite {
        let bytes = fs::read(db.file()).unwrap();
        db.migration(&["status"]).ok();
        assert_eq!(fs::read(db.file()).unwrap(), bytes);
    } else {
        let reader = db.server().role("");
        let url = db.server().url_as(&reader, crate::support::postgres::SECRET);
        let ran = db.bin("migration").env("DATABASE_URL", &url).args(&["status"]).run().ok();
        assert_eq!(ran.last_line(), format!("0 applied, {} pending", migrations()));
    }
    assert_eq!(
        db.migration(&["status"]).ok().last_line(),
        format!("0 applied, {} pending", migrations())
    );
    assert_eq!(db.catalogue().await, before);
}

async fn settings_come_from_options_then_environment_then_dotenv(db: TestDb) {
    let folder = folder();
    let nowhere = "postgres://nobody@127.0.0.1:1/nowhere";
    fs::create_dir(folder.path().join("inner")).unwrap();
    fs::write(folder.path().join(".env"), format!("# settings\nDATABASE_URL={}\n", db.url))
        .unwrap();
    // .env, found in the folder above
    let bin = || Bin::new("migration", &folder.path().join("inner"));
    assert_eq!(
        bin().args(&["up"]).run().ok().last_line(),
        format!("{} migrations applied", migrations())
    );
    // the environment before .env
    bin().env("DATABASE_URL", nowhere).args(&["up"]).run().expect_code(2);
    // an option before the environment, in front of the command or behind it
    for args in [["-u", &db.url, "up"], ["up", "--database-url", &db.url]] {
        let ran = bin().env("DATABASE_URL", nowhere).args(&args).run().ok();
        assert_eq!(ran.last_line(), "nothing to apply");
    }
    let root = Bin::new("tenantry", &folder.path().join("inner"));
    assert_eq!(
        root.args(&["rollback"]).run().ok().last_line(),
        format!("{} migrations rolled back; nothing of ours is left", migrations())
    );
}
