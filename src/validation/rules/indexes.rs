//! Every unique and every index is there as it should be, and no other.

use migration::{diff::Change, report::Finding};

use super::{Facts, structural};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.changes.iter().filter_map(finding).collect()
}

fn finding(change: &Change) -> Option<Finding> {
    let code =
        |unique: bool, one: &'static str, other: &'static str| if unique { one } else { other };
    let (code, table, message) = match change {
        Change::AddIndex { table, index } => (
            code(index.unique, "unique-missing", "index-missing"),
            table,
            format!("{} on {index} does not exist, or is not valid", index.name),
        ),
        Change::DropIndex { table, index } => (
            code(index.unique, "unique-unexpected", "index-unexpected"),
            table,
            format!("no entity has {} on {index}", index.name),
        ),
        Change::AlterIndex { table, from, to } => (
            code(to.unique, "unique-differs", "index-differs"),
            table,
            format!("{} is on {from}, and should be on {to}", to.name),
        ),
        _ => return None,
    };
    Some(structural(code, table, message))
}
