//! No column gets another type.

use sqlparser::ast::AlterColumnOperation;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "column-type",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "untried",
    help: "add a column, fill it tenant by tenant from the application, and drop the old one in a later migration",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let columns = case.statement.altered_columns().into_iter();
    let changed =
        columns.filter(|(_, _, what)| matches!(what, AlterColumnOperation::SetDataType { .. }));
    let found = changed.map(|(table, column, _)| {
        Found::on(&table, format!("{column} of {table} gets another type")).object(&column)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["ALTER TABLE t ALTER COLUMN a TYPE bigint"];
        let kept = ["ALTER TABLE t ALTER COLUMN a SET NOT NULL"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
