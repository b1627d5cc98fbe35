//! No rule rewrites statements: what it adds runs with the rights of the owner of the table.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "rule-on-table",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/rules-privileges.html",
    help: "write a trigger whose function runs as its caller, or do it in the application",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(
        &[&["CREATE", "RULE"], &["CREATE", "OR", "REPLACE", "RULE"]],
        "a rule runs with the rights of the owner of the table",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE RULE r AS ON DELETE TO t DO ALSO DELETE FROM u"];
        let kept = ["DROP RULE r ON t"];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
