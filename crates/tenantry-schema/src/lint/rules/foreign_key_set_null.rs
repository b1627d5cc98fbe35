//! A key over `tenant_id` sets nothing: `SET NULL` would take the tenant from the row, and fails when something is deleted.

use sqlparser::ast::ReferentialAction;

use super::super::{Case, Found, Known, Level, Rule, RuleSet, parts::ForeignKey};

pub(super) const RULE: Rule = Rule {
    code: "foreign-key-set-null",
    targets: &[RuleSet::Nile, RuleSet::Citus, RuleSet::Postgres],
    level: Level::Unsafe,
    known: Known::Measured,
    source: "PostgreSQL 15 fails at the delete, since tenant_id refuses NULL; Citus refuses the key; not tried on Nile",
    help: "write ON DELETE CASCADE or NO ACTION",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let tenant = case.catalogue.tenancy().column;
    let sets = |action: &Option<ReferentialAction>| {
        matches!(action, Some(ReferentialAction::SetNull | ReferentialAction::SetDefault))
    };
    let wrong =
        case.statement.foreign_keys().into_iter().filter(|key| {
            key.columns.iter().any(|it| it == tenant) && key.actions.iter().any(sets)
        });
    let found = wrong.map(|ForeignKey { table, columns, .. }| {
        let columns = columns.join(", ");
        Found::on(&table, format!("the foreign key ({columns}) of {table} would set {tenant}"))
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
            "CREATE TABLE c (tenant_id uuid, t uuid, FOREIGN KEY (tenant_id, t) REFERENCES t (tenant_id, id) ON DELETE SET NULL)",
        ];
        let kept = ["CREATE TABLE c (s uuid REFERENCES s (id) ON DELETE SET NULL)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
