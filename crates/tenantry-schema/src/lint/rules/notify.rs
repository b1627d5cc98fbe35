//! LISTEN and NOTIFY are not used.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "notify",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "nothing is known of it",
    help: "use a queue outside of the database",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(
        &[&["LISTEN"], &["NOTIFY"], &["UNLISTEN"]],
        "it is not known whether Nile delivers notifications",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["NOTIFY x", "LISTEN x"];
        let kept = ["SELECT 1"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
