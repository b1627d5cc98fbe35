//! No view keeps its rows.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "materialized-view",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "nothing is known of it",
    help: "keep a table of your own up to date",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(
        &[
            &["CREATE", "MATERIALIZED", "VIEW"],
            &["ALTER", "MATERIALIZED", "VIEW"],
            &["DROP", "MATERIALIZED", "VIEW"],
            &["REFRESH", "MATERIALIZED", "VIEW"],
        ],
        "it is not known whether Nile has materialized views",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE MATERIALIZED VIEW v AS SELECT 1", "REFRESH MATERIALIZED VIEW v"];
        let kept = ["CREATE VIEW v AS SELECT 1"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
