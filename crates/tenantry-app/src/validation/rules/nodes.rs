//! Where tables are spread over several nodes, every part is where it should be, and can be reached.

use tenantry_migration::report::Finding;

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.health.findings.clone()
}
