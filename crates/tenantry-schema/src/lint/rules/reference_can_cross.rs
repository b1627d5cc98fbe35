//! On PostgreSQL a foreign key is checked with the rights of the table's owner, past all policies: one that does not
//! carry the tenant takes the key of a row of another tenant.

use super::super::{Case, Found, Known, Level, Rule, RuleSet, parts::ForeignKey};
use super::foreign_key_without_tenant::without_tenant;

pub(super) const RULE: Rule = Rule {
    code: "reference-can-cross",
    targets: &[RuleSet::Postgres],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "PostgreSQL: referential integrity checks always bypass row security",
    help: "give the target a unique on its tenant column and key, and refer to both; `tenantry validate` says the \
           same of the entities, where it can be accepted",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let found =
        without_tenant(case).into_iter().map(|ForeignKey { table, columns, target, .. }| {
            let columns = columns.join(", ");
            let message = format!(
                "({columns}) of {table} can refer to a row of {target} that is another tenant's"
            );
            Found::on(&table, message)
        });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let target = "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid PRIMARY KEY, UNIQUE (tenant_id, id)); \
                      CREATE TABLE c (tenant_id uuid NOT NULL, t_id uuid); CREATE TABLE s (id int PRIMARY KEY)";
        let key = |key: &str| format!("{target}; ALTER TABLE c ADD FOREIGN KEY {key}");
        let broken = [key("(t_id) REFERENCES t (id)"), key("(t_id) REFERENCES t")];
        let kept = [
            key("(tenant_id, t_id) REFERENCES t (tenant_id, id)"),
            key("(t_id) REFERENCES s (id)"),
        ];
        check(
            &RULE,
            RuleSet::Postgres,
            &broken.each_ref().map(String::as_str),
            &kept.each_ref().map(String::as_str),
        );
    }
}
