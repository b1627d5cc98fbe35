//! Nothing else gets another name either.

use sqlparser::ast::AlterTableOperation;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "rename",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Inferred,
    source: "renaming a column is refused; the rest is untried",
    help: "recreate it under the other name",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let is_column = case
        .statement
        .alterations()
        .iter()
        .any(|(_, operation)| matches!(operation, AlterTableOperation::RenameColumn { .. }));
    let found = case.starts(&["ALTER"]) && case.statement.has(&["RENAME"]) && !is_column;
    found.then(|| Found::at("something gets another name")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "ALTER TABLE t RENAME TO u",
            "ALTER INDEX i RENAME TO j",
            "ALTER TABLE t RENAME CONSTRAINT a TO b",
        ];
        let kept = ["ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE t ADD COLUMN rename_me int"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
