//! Every check is there as it should be, and no other.

use migration::{diff::Change, report::Finding, schema::Check};

use super::{Facts, structural};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.changes.iter().filter_map(finding).collect()
}

fn finding(change: &Change) -> Option<Finding> {
    let (code, table, message) = match change {
        Change::AddCheck { table, check } => (
            "check-missing",
            table,
            format!("{} does not exist, or was never validated", named(check)),
        ),
        Change::DropCheck { table, check } => {
            ("check-unexpected", table, format!("no entity has {}", named(check)))
        }
        Change::AlterCheck { table, from, to } => (
            "check-differs",
            table,
            format!("there is {}, and should be {}", named(from), named(to)),
        ),
        _ => return None,
    };
    Some(structural(code, table, message))
}

fn named(check: &Check) -> String {
    match &check.name {
        Some(name) => format!("the check {name} ({})", check.expr),
        None => format!("the check ({})", check.expr),
    }
}
