//! No column gets another name.

use sqlparser::ast::AlterTableOperation;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "rename-column",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the cloud of Nile, PostgreSQL 15.19",
    help: "add a column, fill it tenant by tenant from the application, and drop the old one in a later migration",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let alterations = case.statement.alterations().into_iter();
    let renamed = alterations.filter_map(|(table, operation)| match operation {
        AlterTableOperation::RenameColumn { old_column_name, .. } => {
            Some((table, old_column_name.value.clone()))
        }
        _ => None,
    });
    let found = renamed.map(|(table, column)| {
        Found::on(&table, format!("{column} of {table} gets another name")).object(&column)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["ALTER TABLE t RENAME COLUMN a TO b"];
        let kept = ["ALTER TABLE t RENAME TO u"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
