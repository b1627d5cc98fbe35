//! Types are named without their schema.

use sqlparser::ast::DataType;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "qualified-type",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the cloud of Nile, PostgreSQL 15.19",
    help: "name the type alone",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let columns = case.statement.columns();
    let qualified = columns.iter().filter(
        |column| matches!(&column.def.data_type, DataType::Custom(name, _) if name.0.len() > 1),
    );
    let found = qualified.map(|column| {
        let (table, name, ty) = (&column.table, &column.name(), column.ty());
        Found::on(table, format!("the type of {name} of {table} is {ty}, with a schema"))
            .object(name)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE x (a public.mood)"];
        let kept = ["CREATE TABLE x (a mood)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
