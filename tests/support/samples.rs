//! More sample rows than the demo has, made as the seeder makes them.

use entity::prelude::*;
use migration::{
    db::Database,
    runner::{note_seeded, samples},
    schema::{Schema, Table as Known},
};
use seeder::{factory, plan};

/// Inserts ten thousand sample leads of the first tenant beside those that it has, and notes them as
/// the seeder does.
pub async fn ten_thousand_leads(db: &Database) -> usize {
    let schema = Schema::from_entities().unwrap();
    let tables: Vec<&Known> = schema.tables.values().collect();
    let tx = db.connection.begin().await.unwrap();
    let before = samples(&tx, db.engine, &tables).await.unwrap();
    let first = plan::demo()[0];
    let from = first.counts.leads;
    let rows: Vec<_> = (from..from + 10_000).map(|n| factory::lead::row(&first, n)).collect();
    for chunk in rows.chunks(1_000) {
        Lead::insert_many(chunk.iter().cloned()).exec_without_returning(&tx).await.unwrap();
    }
    let after = samples(&tx, db.engine, &tables).await.unwrap();
    note_seeded(&tx, db.engine, &before, &after).await.unwrap();
    tx.commit().await.unwrap();
    rows.len()
}
