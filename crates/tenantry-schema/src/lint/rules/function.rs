//! No functions, procedures or aggregates are made.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "function",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "documented for functions; inferred for procedures and aggregates",
    help: "compute it in the application",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(
        &[
            &["CREATE", "FUNCTION"],
            &["CREATE", "PROCEDURE"],
            &["CREATE", "AGGREGATE"],
            &["ALTER", "FUNCTION"],
            &["ALTER", "PROCEDURE"],
            &["ALTER", "AGGREGATE"],
            &["DROP", "FUNCTION"],
            &["DROP", "PROCEDURE"],
            &["DROP", "AGGREGATE"],
        ],
        "Nile takes no function or procedure",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION f",
        ];
        let kept = ["CREATE TABLE f (id uuid)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
