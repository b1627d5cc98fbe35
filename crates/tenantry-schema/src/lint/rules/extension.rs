//! Extensions are there already.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "extension",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "https://www.thenile.dev/docs/extensions/introduction",
    help: "leave it out: what Nile has is switched on",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(
        &[&["CREATE", "EXTENSION"], &["ALTER", "EXTENSION"], &["DROP", "EXTENSION"]],
        "Nile switches extensions on itself",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE EXTENSION IF NOT EXISTS citext"];
        let kept = ["CREATE TABLE extension (id uuid)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
