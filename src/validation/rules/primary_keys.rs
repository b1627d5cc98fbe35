//! Every table has its primary key.

use migration::{diff::Change, report::Finding, schema::PrimaryKey};

use super::{Facts, structural};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let columns = |key: &Option<PrimaryKey>| {
        key.as_ref().map_or_else(|| "nothing".to_owned(), |key| key.columns.join(", "))
    };
    let differing = facts.changes.iter().filter_map(|change| match change {
        Change::AlterPrimaryKey { table, from, to } => Some(structural(
            "primary-key",
            table,
            format!("the primary key is on {}, and should be on {}", columns(from), columns(to)),
        )),
        _ => None,
    });
    differing.collect()
}
