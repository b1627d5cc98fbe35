//! The primary key of a tenant-scoped table holds `tenant_id`.

use super::super::{Case, Found, Known, Level, Rule, RuleSet, parts::Key};

pub(super) const RULE: Rule = Rule {
    code: "primary-key-without-tenant",
    targets: &[RuleSet::Nile, RuleSet::Citus],
    level: Level::Refused,
    known: Known::Documented,
    source: "the blog of Nile on distributed DDL, 2024-11-19",
    help: "make the key (tenant_id, id)",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let tenant = case.catalogue.tenancy().column;
    let without = case
        .statement
        .primary_keys()
        .into_iter()
        .filter(|key| case.catalogue.is_scoped(&key.table) && !key.has(tenant));
    let found = without.map(|Key { table, columns }| {
        let columns = columns.join(", ");
        Found::on(&table, format!("the primary key of {table} is ({columns}), without {tenant}"))
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
            "CREATE TABLE t (tenant_id uuid, id uuid PRIMARY KEY)",
            "CREATE TABLE T (TENANT_ID uuid, id uuid); ALTER TABLE ONLY public.t ADD PRIMARY KEY (id)",
        ];
        let kept = [
            "CREATE TABLE t (id uuid PRIMARY KEY)",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); ",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
