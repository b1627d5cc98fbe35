//! `tenants`, `users` and `tenant_users` are there already; one of our own would stand before them.

use sqlparser::ast::Statement as Ast;

use super::super::catalogue::name;
use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "built-in-created",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Inferred,
    source: "they are documented to be there, and an unqualified name finds public first",
    help: "create it with `ops::v1::create_table`, which adopts what Nile has, or give the table another name",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let root = case.catalogue.tenancy().root;
    let Some(Ast::CreateTable(create)) = &case.statement.ast else { return Vec::new() };
    let table = name(&create.name);
    if !case.catalogue.is_built_in(&table)
        || (create.if_not_exists && (table == root || table.contains('.')))
    {
        return Vec::new();
    }
    vec![Found::on(&table, format!("Nile has a {table} of its own"))]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken =
            ["CREATE TABLE tenants (id uuid)", "CREATE TABLE IF NOT EXISTS users (id uuid)"];
        let kept = [
            "CREATE TABLE IF NOT EXISTS tenants (id uuid)",
            "CREATE TABLE IF NOT EXISTS \"users\".\"users\" (id uuid)",
            "CREATE TABLE customers (id uuid)",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
