//! Round trips are a budget: each statement costs one, and a change of their number is a decision.
//! What sqlx does not log is not counted: BEGIN, COMMIT, and the handshake of a connection.

use std::collections::BTreeMap;

use crate::support::TestDb;

on_both_engines!(statements_are_counted);

async fn statements_are_counted(db: TestDb) {
    let mut counts = BTreeMap::new();
    let steps: [(&str, &str, &[&str]); 9] = [
        ("1 status, empty", "migration", &["status"]),
        ("2 up, all", "migration", &["up"]),
        ("3 up, none", "migration", &["up"]),
        ("4 status", "migration", &["status"]),
        ("5 seed", "seeder", &[]),
        ("6 seed again", "seeder", &[]),
        ("7 validate", "tenantry", &["validate"]),
        ("8 clean", "seeder", &["clean"]),
        ("9 reset", "migration", &["reset"]),
    ];
    db.open().await.close().await;
    for (step, name, args) in steps {
        let ran = db.bin(name).env("RUST_LOG", "sqlx::query=debug").args(args).run().ok();
        // One line for each statement that was sent, by whichever way.
        counts.insert(step, ran.stderr.matches("db.statement=").count());
    }
    insta::assert_debug_snapshot!(format!("statements__{}", db.engine), counts);
}
