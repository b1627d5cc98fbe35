//! A policy asks no other table: Citus refuses subqueries in policies.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "policy-subquery",
    targets: &[RuleSet::Citus],
    level: Level::Refused,
    known: Known::Measured,
    source: "Citus 13.2: could not create policies on distributed tables that use subqueries",
    help: "write the condition over the row alone",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let found = (case.starts(&["CREATE", "POLICY"]) || case.starts(&["ALTER", "POLICY"]))
        && case.statement.has(&["SELECT"])
        && case.statement.words.iter().any(|word| word == "FROM");
    found.then(|| Found::at("a policy asks another table")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE POLICY p ON t USING (id IN (SELECT id FROM u))"];
        let kept = ["CREATE POLICY p ON t USING (id = 1)"];
        check(&RULE, RuleSet::Citus, &broken, &kept);
    }
}
