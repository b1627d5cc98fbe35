//! A unique of a tenant-scoped table holds `tenant_id`: another one would have to look at every tenant, and tell one what others have.

use super::super::{Case, Found, Known, Level, Rule, RuleSet, parts::Key};

pub(super) const RULE: Rule = Rule {
    code: "unique-without-tenant",
    targets: &[RuleSet::Nile, RuleSet::Citus],
    level: Level::Refused,
    known: Known::Inferred,
    source: "every example of Nile does, and its tables are spread over tenants; documented for Citus",
    help: "begin the unique with tenant_id",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let tenant = case.catalogue.tenancy().column;
    let without = case
        .statement
        .uniques()
        .into_iter()
        .filter(|unique| case.catalogue.is_scoped(&unique.table) && !unique.has(tenant));
    let found = without.map(|Key { table, columns }| {
        let columns = columns.join(", ");
        Found::on(&table, format!("the unique ({columns}) of {table} holds across all tenants"))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); CREATE UNIQUE INDEX u ON t (email)",
            "CREATE TABLE t (tenant_id uuid, email text UNIQUE)",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); ALTER TABLE t ADD CONSTRAINT u UNIQUE (id)",
        ];
        let kept = [
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); CREATE UNIQUE INDEX u ON t (tenant_id, email)",
            "CREATE TABLE s (id uuid PRIMARY KEY); CREATE UNIQUE INDEX u ON s (email)",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
