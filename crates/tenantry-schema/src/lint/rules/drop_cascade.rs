//! What depends on something is dropped by name, before it.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "drop-cascade",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the cloud of Nile, PostgreSQL 15.19",
    help: "drop what depends on it first",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let is_drop = case.starts(&["DROP"]) || case.starts(&["ALTER", "TABLE"]);
    // ON DELETE CASCADE is something else.
    let cascades = case
        .statement
        .words
        .windows(2)
        .any(|it| it[1] == "CASCADE" && it[0] != "DELETE" && it[0] != "UPDATE");
    let found = is_drop && cascades;
    found.then(|| Found::at("DROP … CASCADE")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken =
            ["DROP TABLE x CASCADE", "ALTER TABLE x DROP COLUMN a CASCADE, ADD COLUMN b int"];
        let kept = [
            "DROP TABLE x",
            "ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES y (a) ON DELETE CASCADE",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
