//! A default is not dropped.

use sqlparser::ast::AlterColumnOperation;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "drop-default",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "reported by users of Nile",
    help: "write SET DEFAULT NULL, as `ops::v1::alter_table` does",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let columns = case.statement.altered_columns().into_iter();
    let dropped = columns.filter(|(_, _, what)| matches!(what, AlterColumnOperation::DropDefault));
    let found = dropped.map(|(table, column, _)| {
        Found::on(&table, format!("{column} of {table} loses its default")).object(&column)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["ALTER TABLE t ALTER COLUMN a DROP DEFAULT"];
        let kept = ["ALTER TABLE t ALTER COLUMN a SET DEFAULT NULL"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
