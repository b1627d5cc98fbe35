//! More sample rows than the smallest set has.

use migration::db::Database;
use seeder::{Options, Preset, Spec};

/// Seeds a set that has more than ten thousand leads; returns how many.
pub async fn more_than_ten_thousand_leads(db: &Database) -> u64 {
    let mut spec = Spec::preset(Preset::Tiny);
    spec.factors.insert("leads".to_owned(), 300_000);
    let options = Options { spec: Some(spec), ..Options::default() };
    let report = seeder::seed(&db.connection, &options).await.unwrap();
    report.tables.iter().find(|table| table.table == "leads").unwrap().changed
}
