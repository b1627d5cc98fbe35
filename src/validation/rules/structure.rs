//! Every table, column, key, unique, index and check is there as it should be, and no other. What
//! a difference is called is said in [`migration::drift`], for `migration diff` as well.

use migration::report::Finding;

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.drift.findings()
}
