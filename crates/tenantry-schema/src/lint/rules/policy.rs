//! No policies are made and no row-level security is switched on: Nile keeps tenants apart itself.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "policy",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "documented for policies; row-level security is refused, as users report",
    help: "declare it with `ops::v1::alter_access`, which does nothing on Nile",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let policies: &[&[&str]] = &[&["CREATE", "POLICY"], &["ALTER", "POLICY"], &["DROP", "POLICY"]];
    if case.starts(&["ALTER", "TABLE"]) && case.statement.has(&["ROW", "LEVEL", "SECURITY"]) {
        return vec![Found::at("Nile has no row-level security")];
    }
    case.begins_with_any(policies, "Nile has no policies")
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken =
            ["CREATE POLICY p ON t USING (true)", "ALTER TABLE t ENABLE ROW LEVEL SECURITY"];
        let kept = ["ALTER TABLE t ADD COLUMN policy text"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
