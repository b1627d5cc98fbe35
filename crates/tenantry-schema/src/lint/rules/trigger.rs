//! No triggers are made: Citus has none on distributed tables either.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "trigger",
    targets: &[RuleSet::Nile, RuleSet::Citus],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/postgres/postgres-compatibility",
    help: "do it in the application; `before_save` of an entity is a place",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(
        &[&["CREATE", "TRIGGER"], &["ALTER", "TRIGGER"], &["DROP", "TRIGGER"]],
        "there are no triggers",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
            "DROP TRIGGER x ON t",
        ];
        let kept = ["CREATE TABLE trigger_log (id uuid)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
