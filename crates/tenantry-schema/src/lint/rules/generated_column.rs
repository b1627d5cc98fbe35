//! No column is computed of others.

use sqlparser::ast::ColumnOption;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "generated-column",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "reported by users of Nile",
    help: "let the application write the column",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let columns = case.statement.columns();
    let generated = columns.iter().filter(|column| {
        column
            .options()
            .any(|it| matches!(it, ColumnOption::Generated { generation_expr: Some(_), .. }))
    });
    let found = generated.map(|column| {
        let (table, name) = (&column.table, &column.name());
        Found::on(table, format!("{name} of {table} is computed of other columns")).object(name)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE x (a int, b int GENERATED ALWAYS AS (a + 1) STORED)"];
        let kept =
            ["CREATE TABLE x (a int)", "CREATE TABLE x (a int GENERATED ALWAYS AS IDENTITY)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
