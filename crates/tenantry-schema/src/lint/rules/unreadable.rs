//! Every statement is understood, else nothing can be said of it.
//!
//! Asked last, and only of a statement that no other rule has found anything in.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "unreadable",
    targets: &[RuleSet::Nile, RuleSet::Citus, RuleSet::Postgres],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "the parser does not know it",
    help: "look at it yourself, or write it in other words",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    if case.statement.ast.is_some() {
        return Vec::new();
    }
    let shown: String = case.statement.sql.chars().take(60).collect();
    vec![Found::at(format!("`{shown}` cannot be read"))]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["FROBNICATE THE TABLES"];
        let kept = ["SELECT 1", "DO $$ BEGIN END $$"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
