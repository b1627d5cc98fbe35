//! No anonymous blocks are run.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "do-block",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "reported by users of Nile",
    help: "write plain statements",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(&[&["DO"]], "Nile runs no DO block")
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["DO $$ BEGIN END $$"];
        let kept = ["SELECT 1"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
