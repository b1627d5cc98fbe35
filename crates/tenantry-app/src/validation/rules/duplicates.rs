//! What should be unique is, where the engine itself does not keep it so.

use tenantry_migration::report::Finding;

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let found = facts.duplicates.iter().map(|duplicates| {
        let values = if duplicates.values == 1 { "value is" } else { "values are" };
        Finding {
            code: "duplicate-rows",
            table: duplicates.table.clone(),
            object: None,
            message: format!(
                "{} {values} there more than once in {}, which should be unique",
                duplicates.values, duplicates.unique
            ),
            help: "change all but one of the rows: this engine does not keep them unique"
                .to_owned(),
        }
    });
    found.collect()
}
