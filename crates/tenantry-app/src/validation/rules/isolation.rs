//! No tenant sees or changes another's rows: what came of attacking one as another.

use tenantry_migration::{
    isolation,
    report::{DATABASE, Finding},
};

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let found = facts.isolation.iter().flat_map(|matrix| matrix.findings.clone());
    let untried = facts.untried.iter().map(|why| isolation::untested(DATABASE, why));
    facts.accepted.without_untested(found.chain(untried).collect())
}
