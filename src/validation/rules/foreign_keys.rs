//! Every foreign key is there and does what it should, and no other.

use migration::{diff::Change, report::Finding};

use super::{Facts, structural};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.changes.iter().filter_map(finding).collect()
}

fn finding(change: &Change) -> Option<Finding> {
    let (code, table, message) = match change {
        Change::AddForeignKey { table, key } => (
            "foreign-key-missing",
            table,
            format!("the foreign key {key} does not exist, or was never validated"),
        ),
        Change::DropForeignKey { table, key } => {
            ("foreign-key-unexpected", table, format!("no entity has the foreign key {key}"))
        }
        Change::AlterForeignKey { table, from, to } => {
            ("foreign-key-actions", table, format!("the foreign key is {from}, and should be {to}"))
        }
        _ => return None,
    };
    Some(structural(code, table, message))
}
