//! Collations: by which rules texts are compared and put in order. No two engines have one in common.

use sea_orm_migration::prelude::{ColumnDef, SchemaManager};
use tenantry_entity::Engine;

use super::engine;
use crate::sql::quoted;

/// The collations that SQLite has without help: <https://www.sqlite.org/datatype3.html#collating_sequences>
pub const SQLITE_COLLATIONS: [&str; 3] = ["BINARY", "NOCASE", "RTRIM"];

/// `column` with a collation, where the engine has it: on the others, texts are compared as they usually are there.
#[must_use]
pub fn collated(manager: &SchemaManager<'_>, column: ColumnDef, collation: &str) -> ColumnDef {
    with_collation(engine(manager), column, collation)
}

/// As [`collated`], on a known engine.
#[must_use]
pub fn with_collation(engine: Engine, mut column: ColumnDef, collation: &str) -> ColumnDef {
    if has_collation(engine, collation) {
        column.extra(format!("COLLATE {}", quoted(collation)));
    }
    column
}

/// Whether an engine has a collation, by its name. Servers have hundreds, and get more by CREATE COLLATION.
#[must_use]
pub fn has_collation(engine: Engine, collation: &str) -> bool {
    SQLITE_COLLATIONS.contains(&collation) == (engine == Engine::Sqlite)
}
