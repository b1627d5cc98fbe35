//! What each migration sends is pinned. A migration that was released must never send anything
//! else.

use migration::{
    Migrator, MigratorTrait as _,
    runner::{Direction, record},
};

use crate::support::Engine;

#[tokio::test]
async fn the_sql_of_every_migration_is_pinned() {
    for migration in Migrator::migrations() {
        let mut text = String::new();
        for engine in Engine::ALL {
            for (direction, name) in [(Direction::Up, "up"), (Direction::Down, "down")] {
                text.push_str(&format!("-- {engine}, {name}\n"));
                for sql in record(migration.as_ref(), engine, direction).await.unwrap() {
                    text.push_str(&format!("{sql};\n"));
                }
            }
        }
        insta::assert_snapshot!(format!("sql__{}", migration.name()), text);
    }
}
