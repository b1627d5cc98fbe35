//! One rule a file; see the recipe in [`super`].

mod duplicates;
mod isolation;
mod nodes;
mod orphans;
mod sample_rows;
mod structure;

use tenantry_migration::report::Finding;

use super::facts::Facts;

/// A rule: what it finds wrong with the facts.
type Rule = fn(&Facts) -> Vec<Finding>;

/// Every rule.
pub(super) const ALL: &[Rule] = &[
    structure::check,
    nodes::check,
    isolation::check,
    orphans::check,
    duplicates::check,
    sample_rows::check,
];
