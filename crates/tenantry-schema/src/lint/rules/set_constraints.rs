//! Constraints are not deferred by hand.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "set-constraints",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "reported by users of Nile: command tag SET CONSTRAINTS unhandled",
    help: "order the statements so that each is right by itself",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(&[&["SET", "CONSTRAINTS"]], "Nile takes no SET CONSTRAINTS")
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["SET CONSTRAINTS ALL DEFERRED"];
        let kept = ["SET LOCAL lock_timeout = '1s'"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
