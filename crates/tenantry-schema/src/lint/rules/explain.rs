//! No plan is asked for.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "explain",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the cloud of Nile, PostgreSQL 15.19",
    help: "explain it on a plain PostgreSQL",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(&[&["EXPLAIN"]], "Nile takes no EXPLAIN")
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["EXPLAIN SELECT 1"];
        let kept = ["SELECT 1"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
