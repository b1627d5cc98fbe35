//! Indexes are made in the transaction of their migration: CONCURRENTLY cannot be.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "concurrently",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "DDL on Nile is one transaction over all its databases, in which CONCURRENTLY cannot be",
    help: "create the index without CONCURRENTLY",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let found = case.statement.is_ddl() && case.statement.has(&["INDEX", "CONCURRENTLY"]);
    found.then(|| Found::at("an index is made or dropped CONCURRENTLY")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE INDEX CONCURRENTLY i ON t (a)", "DROP INDEX CONCURRENTLY i"];
        let kept = ["CREATE INDEX i ON t (a)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
