//! Tries a plan in memory before `generate` writes its file.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationTrait as _, SchemaManager};
use tenantry_entity::Engine;

use crate::{
    diff::{Change, diff},
    error::{Error, Result},
    ops::context::Context,
    plan::{Operation, PlannedMigration},
    runner::{Direction, parses, record_in},
    schema::{Schema, ddl, objects, read},
    sql::in_memory,
};

/// Applies the operations to `from` in a database in memory, and takes them back; where migrations are not for
/// SQLite, it only reads what would be sent.
///
/// # Errors
///
/// [`Error::Unusable`] if a statement fails, if the result is not `to`, or if the way back does not lead to
/// `from`; and if a statement for PostgreSQL cannot be read.
pub async fn prove(
    from: &Schema,
    to: &Schema,
    up: &[Operation],
    down: &[Operation],
    on_sqlite: bool,
) -> Result<()> {
    let planned = PlannedMigration {
        name: "proposed".to_owned(),
        unless: Vec::new(),
        up: up.to_vec(),
        down: down.to_vec(),
    };
    for direction in [Direction::Up, Direction::Down] {
        for sql in record_in(Context::usual(Engine::Postgres), &planned, direction).await? {
            if !parses(&sql) && objects::kind_of(&sql).is_none() {
                return Err(unproved(&format!("`{sql}` cannot be read as SQL")));
            }
        }
    }
    if !on_sqlite {
        return Ok(());
    }
    let memory = in_memory().await?;
    let outcome = Context::usual(Engine::Sqlite).during(tried(&memory, from, to, &planned)).await;
    memory.close().await?;
    outcome
}

async fn tried(
    memory: &DatabaseConnection,
    from: &Schema,
    to: &Schema,
    planned: &PlannedMigration,
) -> Result<()> {
    for sql in ddl::create(from, Engine::Sqlite) {
        memory.execute_unprepared(&sql).await?;
    }
    let manager = SchemaManager::new(memory);
    let failed = |way: &str, error: DbErr| unproved(&format!("{way} fails: {error}"));
    planned.up(&manager).await.map_err(|error| failed("applying it", error))?;
    is_there(memory, to, "it would not make what the entities say").await?;
    planned.down(&manager).await.map_err(|error| failed("rolling it back", error))?;
    is_there(memory, from, "rolling it back would not make what was there before").await
}

async fn is_there(memory: &DatabaseConnection, wanted: &Schema, otherwise: &str) -> Result<()> {
    let (made, wanted) =
        (read(memory, Engine::Sqlite, "").await?, wanted.clone().on(Engine::Sqlite));
    let differences: Vec<String> = diff(&made, &wanted).iter().map(Change::to_string).collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(unproved(&format!("{otherwise}: {}", differences.join("; "))))
}

fn unproved(why: &str) -> Error {
    Error::unusable(
        "plan-unproved",
        format!("nothing was written, since the migration does not hold what it promises: {why}"),
    )
}
