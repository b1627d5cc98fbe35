//! A column that is added to a built-in table takes NULL or has a default: Nile inserts rows itself.

use sqlparser::ast::Statement as Ast;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "built-in-column",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "the dashboard and the SDKs of Nile insert tenants and users",
    help: "let the column take NULL, or give it a default",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let columns = case.statement.columns();
    let wrong = columns.iter().filter(|column| {
        let added = matches!(case.statement.ast, Some(Ast::AlterTable(_)));
        let needs_value = !column.is_nullable() && column.default().is_none();
        added && needs_value && case.catalogue.is_built_in(&column.table)
    });
    let found = wrong.map(|column| {
        let (table, name) = (&column.table, &column.name());
        Found::on(table, format!("{name} of {table} needs a value that Nile does not give"))
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
        let broken = ["ALTER TABLE tenants ADD COLUMN tier text NOT NULL"];
        let kept = [
            "ALTER TABLE tenants ADD COLUMN slug text",
            "ALTER TABLE users ADD COLUMN tier text NOT NULL DEFAULT 'free'",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
