//! The predicate of an index names bare columns, and a check at most the table before them: Nile keeps tables under longer names.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};
use super::longest_name;

pub(super) const RULE: Rule = Rule {
    code: "qualified-predicate",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the cloud of Nile, PostgreSQL 15.19",
    help: "name the column alone",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    if let Some((table, index)) = case.statement.index() {
        let qualified = index.predicate.as_ref().is_some_and(|it| longest_name(it) > 1);
        let found = qualified.then(|| {
            Found::on(&table, format!("the predicate of an index of {table} names a table"))
        });
        return found.into_iter().collect();
    }
    let checks = case.statement.checks().into_iter();
    let qualified = checks.filter(|(_, expr)| longest_name(expr) > 2);
    qualified
        .map(|(table, _)| Found::on(&table, format!("a check of {table} names a schema")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE INDEX i ON t (a) WHERE t.b = 'x'",
            "CREATE TABLE t (a int, CHECK (public.t.a > 0))",
        ];
        let kept =
            ["CREATE INDEX i ON t (a) WHERE b = 'x'", "CREATE TABLE t (a int, CHECK (t.a > 0))"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
