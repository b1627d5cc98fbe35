//! Where there are sample rows, all of them are there, and as they were made.

use tenantry_migration::{called, report::Finding};

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let short = facts.samples.iter().filter(|(_, (present, planned))| present != planned);
    let found = short.map(|(table, (present, planned))| Finding {
        code: "sample-rows",
        table: (*table).to_owned(),
        object: None,
        message: format!("there are {present} of the {planned} sample rows"),
        help: format!(
            "run `{}` to put back what is missing, or `{}` to remove the rest",
            called("seeder", "--repair"),
            called("seeder", "clean")
        ),
    });
    let altered = facts.altered.iter().filter(|it| it.changed + it.unknown > 0);
    let altered = altered.map(|difference| Finding {
        code: "sample-rows-altered",
        table: difference.table.to_owned(),
        object: None,
        message: format!("not all sample rows are as they were made: {difference}"),
        help: format!(
            "`{}` restores the rows as the seeder made them, and overwrites these changes",
            called("seeder", "--repair")
        ),
    });
    found.chain(altered).collect()
}
