//! The primary key of a tenant-scoped table begins with `tenant_id`: the rows of a tenant lie together, and its index serves them.

use super::super::{Case, Found, Known, Level, Rule, RuleSet, parts::Key};

pub(super) const RULE: Rule = Rule {
    code: "primary-key-order",
    targets: &[RuleSet::Nile, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "keys are allowed in any order; an index serves what it begins with",
    help: "make the key (tenant_id, id)",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let tenant = case.catalogue.tenancy().column;
    let late =
        case.statement.primary_keys().into_iter().filter(|key| {
            key.has(tenant) && key.columns.first().is_some_and(|first| first != tenant)
        });
    let found = late.map(|Key { table, .. }| {
        Found::on(&table, format!("the primary key of {table} does not begin with {tenant}"))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE t (tenant_id uuid, id uuid, PRIMARY KEY (id, tenant_id))"];
        let kept =
            ["CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); "];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
