//! The real `migration` with two migrations more, for tests: one that makes an index outside of a
//! transaction, and one that adds a column.

use std::process::ExitCode;

use migration::{PROJECT, Project};
use sea_orm_migration::MigrationTrait;

mod m20270101_000001_index_leads_by_name;
mod m20270101_000002_give_leads_a_token;

static MORE: Project = Project { migrations: all, ..PROJECT };

fn all() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = (PROJECT.migrations)();
    all.push(Box::new(m20270101_000001_index_leads_by_name::Migration));
    all.push(Box::new(m20270101_000002_give_leads_a_token::Migration));
    all
}

fn main() -> ExitCode {
    migration::cli::main(&MORE)
}
