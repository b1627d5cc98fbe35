//! No tenant sees or changes another's rows: what came of attacking one as another.

use tenantry_migration::report::Finding;

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.isolation.iter().flat_map(|matrix| matrix.findings.clone()).collect()
}
