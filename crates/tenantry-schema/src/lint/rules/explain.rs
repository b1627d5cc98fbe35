//! No plan is asked for.

use super::super::{Case, Found, Known, Level, Rule, Target};

pub(super) const RULE: Rule = Rule {
    code: "explain",
    targets: &[Target::Nile],
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
    use super::{RULE, Target};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["EXPLAIN SELECT 1"];
        let kept = ["SELECT 1"];
        check(&RULE, Target::Nile, &broken, &kept);
    }
}
