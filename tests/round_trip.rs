//! Each migration undoes itself: up, down, up, and the catalogue is the same at every step.

use migration::{Migrator, Runner};

use crate::support::{TestDb, migrations};

on_both_engines!(every_migration_undoes_itself, reset_leaves_an_empty_database);

async fn every_migration_undoes_itself(db: TestDb) {
    // The bookkeeping comes with the first migration and goes with `reset` only.
    db.migration(&["up", "-n", "1"]).ok();
    db.migration(&["down"]).ok();
    let conn = db.open().await;
    let runner = Runner::new::<Migrator>(&conn.connection).unwrap();
    let mut count = 0;
    loop {
        let before = db.catalogue().await;
        let outcome = runner.up(Some(1)).await.unwrap();
        let Some(name) = outcome.applied.first() else { break };
        let after = db.catalogue().await;
        assert_ne!(before, after, "{name} does something");
        assert_eq!(runner.down(Some(1)).await.unwrap().rolled_back, std::slice::from_ref(name));
        assert_eq!(db.catalogue().await, before, "down of {name}");
        assert_eq!(runner.up(Some(1)).await.unwrap().applied, std::slice::from_ref(name));
        assert_eq!(db.catalogue().await, after, "up of {name} again");
        count += 1;
    }
    assert_eq!(count, migrations());
}

async fn reset_leaves_an_empty_database(db: TestDb) {
    let empty = db.catalogue().await;
    db.migration(&["up"]).ok();
    let full = db.catalogue().await;
    db.migration(&["refresh"]).ok();
    assert_eq!(db.catalogue().await, full);
    db.migration(&["fresh"]).ok();
    assert_eq!(db.catalogue().await, full);
    db.migration(&["reset"]).ok();
    assert_eq!(db.catalogue().await, empty);
}
