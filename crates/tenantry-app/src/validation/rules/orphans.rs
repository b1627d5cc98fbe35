//! No row refers to a parent that does not exist.

use tenantry_migration::report::Finding;

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let found = facts.orphans.iter().map(|orphans| {
        let rows = if orphans.rows == 1 { "row refers" } else { "rows refer" };
        Finding {
            code: "orphan-rows",
            table: orphans.table.clone(),
            object: None,
            message: format!(
                "{} {rows} by ({}) to a row of {} that does not exist",
                orphans.rows, orphans.columns, orphans.parent
            ),
            help: format!(
                "restore the missing rows of {}, or delete the rows that refer to them",
                orphans.parent
            ),
        }
    });
    found.collect()
}
