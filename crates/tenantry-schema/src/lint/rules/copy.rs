//! Rows do not come by COPY.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "copy",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "the own load test and command line of Nile insert instead",
    help: "insert rows, some thousands a statement",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(&[&["COPY"]], "Nile takes no COPY")
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["COPY t FROM STDIN"];
        let kept = ["SELECT 1"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
