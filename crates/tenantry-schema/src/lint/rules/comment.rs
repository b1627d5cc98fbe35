//! Nothing is commented on in the database.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "comment",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the testing container of Nile, PostgreSQL 15.12",
    help: "say it in the entity",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(&[&["COMMENT"]], "Nile takes no COMMENT ON")
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["COMMENT ON TABLE t IS 'x'"];
        let kept = ["-- a comment
SELECT 1"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
