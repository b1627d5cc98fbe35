//! A tenant-scoped table refers to `tenants` and to tenant-scoped tables only.

use super::super::{Case, Found, Kind, Known, Level, Rule, RuleSet, parts::ForeignKey};

pub(super) const RULE: Rule = Rule {
    code: "foreign-key-to-shared",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/postgres/postgres-compatibility",
    help: "leave the key out on Nile, as `ops::v1::create_table` and `add_foreign_key_to_shared` do, and check the rows with `validate`",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let shared = case.statement.foreign_keys().into_iter().filter(|key| {
        case.catalogue.is_scoped(&key.table)
            && case.catalogue.kind(&key.target) == Some(Kind::Shared)
    });
    let found = shared.map(|ForeignKey { table, columns, target, .. }| {
        let columns = columns.join(", ");
        Found::on(&table, format!("({columns}) of {table} refers to {target}, which is shared"))
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
            "CREATE TABLE s (id uuid PRIMARY KEY); CREATE TABLE t (tenant_id uuid, s_id uuid REFERENCES s (id))",
            "CREATE TABLE t (tenant_id uuid, u uuid, FOREIGN KEY (u) REFERENCES users (id))",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); CREATE TABLE s (id uuid PRIMARY KEY); ALTER TABLE t ADD FOREIGN KEY (s) REFERENCES s (id)",
        ];
        let kept = [
            "CREATE TABLE t (tenant_id uuid REFERENCES tenants (id))",
            "CREATE TABLE s (id uuid PRIMARY KEY); CREATE TABLE o (s uuid REFERENCES s (id))",
            "CREATE TABLE t (tenant_id uuid, u uuid, FOREIGN KEY (tenant_id, u) REFERENCES users.tenant_users (tenant_id, user_id))",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
