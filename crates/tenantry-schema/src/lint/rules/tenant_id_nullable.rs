//! `tenant_id` refuses NULL: a row without a tenant belongs to no tenant.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "tenant-id-nullable",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "the documentation of Nile often leaves it out, and its keys make it so",
    help: "declare `tenant_id uuid NOT NULL`",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let tenant = case.catalogue.tenancy().column;
    let in_key = |table: &str| case.keys_of(table).iter().any(|key| key.has(tenant));
    let columns = case.statement.columns();
    let wrong = columns
        .iter()
        .filter(|column| column.name() == tenant && column.is_nullable() && !in_key(&column.table));
    let found = wrong.map(|column| {
        let table = &column.table;
        Found::on(table, format!("{tenant} of {table} takes NULL")).object(tenant)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE t (tenant_id uuid, id uuid)"];
        let kept = [
            "CREATE TABLE t (tenant_id uuid NOT NULL)",
            "CREATE TABLE t (tenant_id uuid, id uuid, PRIMARY KEY (tenant_id, id))",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
