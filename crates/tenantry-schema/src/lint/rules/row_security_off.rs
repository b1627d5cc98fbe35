//! Row-level security stays on, and forced where it was.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "row-security-off",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/sql-altertable.html",
    help: "leave it on; who owns the tables sees every row anyway",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let found = case.starts(&["ALTER", "TABLE"])
        && [
            &["DISABLE", "ROW", "LEVEL", "SECURITY"][..],
            &["NO", "FORCE", "ROW", "LEVEL", "SECURITY"],
        ]
        .iter()
        .any(|words| case.statement.has(words));
    found.then(|| Found::at("row-level security is switched off")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE t NO FORCE ROW LEVEL SECURITY",
        ];
        let kept =
            ["ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t FORCE ROW LEVEL SECURITY"];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
