//! `migration prove`: in a database of its own, which is gone afterwards.

use std::{fs, process::Command};

use serde_json::Value;

use crate::support::{Engine, TestDb, migrations};

on_both_engines!(everything_is_proved_and_nothing_is_left);

async fn everything_is_proved_and_nothing_is_left(db: TestDb) {
    if db.engine == Engine::Postgres {
        let owner = &db.server().name;
        db.server().execute_as_superuser(&format!("ALTER ROLE {owner} CREATEDB"));
    }
    db.execute("CREATE TABLE untouched (id int)").await;
    let before = db.catalogue().await;
    let ran = db.migration(&["prove", "--report", "proof.json"]).ok();
    assert!(ran.stdout.contains("ok      equivalence"), "{ran:?}");
    assert!(ran.last_line().starts_with("proved"), "{ran:?}");
    assert_eq!(db.catalogue().await, before);
    if db.engine == Engine::Postgres {
        let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'tenantry_proof%' \
                    AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)";
        assert_eq!(db.number(left).await, 0);
    }
    let text = fs::read_to_string(db.folder().join("proof.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let proof = &report["proof"];
    assert_eq!(proof["passed"], true);
    assert_eq!(report["findings"].as_array().unwrap().len(), 0);
    assert_eq!(proof["migrations"].as_array().unwrap().len(), migrations());
    let attacks = proof["isolation"]["attacks"].as_array().map(Vec::len);
    assert_eq!(attacks, (db.engine == Engine::Postgres).then_some(34));
    assert!(!text.contains("hunter2"), "no password in a report");
    // Whoever reads the report can tell that it was not edited.
    let command = "jq -cjS .proof proof.json | sha256sum";
    let shell = Command::new("sh").args(["-c", command]).current_dir(db.folder()).output().unwrap();
    let sum = String::from_utf8(shell.stdout).unwrap();
    assert_eq!(report["sha256"].as_str(), sum.split(' ').next(), "{:?}", shell.stderr);
}

#[tokio::test]
async fn a_role_that_may_create_no_database_is_told() {
    let db = TestDb::new(Engine::Postgres);
    let ran = db.migration(&["prove"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("CREATEDB"), "{ran:?}");
    assert!(!db.folder().join("tenantry-proof.json").exists());
}
