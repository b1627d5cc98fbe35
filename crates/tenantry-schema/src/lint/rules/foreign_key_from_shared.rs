//! A shared table refers to no table of tenants, nor to `tenants` itself.

use super::super::{Case, Found, Kind, Known, Level, Rule, RuleSet, parts::ForeignKey};

pub(super) const RULE: Rule = Rule {
    code: "foreign-key-from-shared",
    targets: &[RuleSet::Nile, RuleSet::Citus],
    level: Level::Refused,
    known: Known::Reported,
    source: "reported by users of Nile, of its container and its cloud; documented for Citus",
    help: "give the table a tenant_id, or leave the key out",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let wrong = case.statement.foreign_keys().into_iter().filter(|key| {
        case.catalogue.kind(&key.table) == Some(Kind::Shared)
            && matches!(case.catalogue.kind(&key.target), Some(Kind::Scoped | Kind::Root))
    });
    let found = wrong.map(|ForeignKey { table, columns, target, .. }| {
        let columns = columns.join(", ");
        Found::on(&table, format!("({columns}) of the shared table {table} refers to {target}"))
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
            "CREATE TABLE s (id uuid, tenant uuid REFERENCES tenants (id))",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); CREATE TABLE s (id uuid, t uuid REFERENCES t (id))",
        ];
        let kept = [
            "CREATE TABLE s (id uuid PRIMARY KEY); CREATE TABLE o (s uuid REFERENCES s (id))",
            "CREATE TABLE t (tenant_id uuid REFERENCES tenants (id))",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
