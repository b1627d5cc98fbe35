//! Every entity has its table.

use migration::{diff::Change, report::Finding};

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let missing = facts.changes.iter().filter_map(|change| match change {
        Change::AddTable { table } => Some(Finding {
            code: "table-missing",
            table: table.name.clone(),
            message: format!("the table {} does not exist", table.name),
            help: "run `cargo run -p migration -- up`".to_owned(),
        }),
        _ => None,
    });
    missing.collect()
}
