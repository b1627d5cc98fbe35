//! A key between tenant-scoped tables carries `tenant_id` on both sides: no row can point at another tenant's.

use super::super::{Case, Found, Known, Level, Rule, RuleSet, parts::ForeignKey};

pub(super) const RULE: Rule = Rule {
    code: "foreign-key-without-tenant",
    targets: &[RuleSet::Nile, RuleSet::Citus],
    level: Level::Refused,
    known: Known::Inferred,
    source: "no unique that it could refer to can exist; documented for Citus",
    help: "refer by (tenant_id, …) to (tenant_id, …)",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let found =
        without_tenant(case).into_iter().map(|ForeignKey { table, columns, target, .. }| {
            let columns = columns.join(", ");
            Found::on(
                &table,
                format!("({columns}) of {table} refers to {target} without the tenant"),
            )
        });
    found.collect()
}

/// Foreign keys between tenant-scoped tables that do not carry the tenant.
pub(super) fn without_tenant(case: &Case<'_>) -> Vec<ForeignKey> {
    let tenant = case.catalogue.tenancy().column;
    let without = case.statement.foreign_keys().into_iter().filter(|key| {
        let mut pairs = key.columns.iter().zip(&key.ref_columns);
        // Without columns, it is the primary key that is referred to.
        let by_key = key.ref_columns.is_empty() && key.columns.iter().any(|it| it == tenant);
        let carries = by_key || pairs.any(|(from, to)| from == tenant && to == tenant);
        case.catalogue.is_of_tenants(&key.table)
            && case.catalogue.is_of_tenants(&key.target)
            && !carries
            && !case.catalogue.names_the_owner(&key.table, &key.columns)
    });
    without.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); CREATE TABLE c (tenant_id uuid, t_id uuid REFERENCES t (id))",
        ];
        let kept = [
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); CREATE TABLE c (tenant_id uuid, t_id uuid, FOREIGN KEY (tenant_id, t_id) REFERENCES t (tenant_id, id))",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); CREATE TABLE c (tenant_id uuid, t_id uuid, FOREIGN KEY (tenant_id, t_id) REFERENCES t)",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
