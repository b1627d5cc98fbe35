//! Where there are sample rows, all of them are there.

use migration::report::Finding;

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let short = facts.samples.iter().filter(|(_, (present, planned))| present != planned);
    let found = short.map(|(table, (present, planned))| Finding {
        code: "sample-rows",
        table: (*table).to_owned(),
        object: None,
        message: format!("there are {present} of the {planned} sample rows"),
        help: "run `cargo run -p seeder` to insert what is missing, or `cargo run -p seeder -- \
               clean` to remove the rest"
            .to_owned(),
    });
    found.collect()
}
