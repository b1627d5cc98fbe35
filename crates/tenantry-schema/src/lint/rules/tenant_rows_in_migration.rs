//! A migration changes no rows of tenants: its transaction writes down that it was applied, which is shared.

use super::super::{Case, Found, Kind, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "tenant-rows-in-migration",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/postgres/postgres-compatibility",
    help: "do it tenant by tenant from the application, each in a transaction that begins with SET LOCAL nile.tenant_id",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(table) = case.written() else { return Vec::new() };
    let owned = matches!(case.catalogue.kind(&table), Some(Kind::Scoped | Kind::Root));
    let is_step = !case.script.is_migration
        && !case.same_transaction().any(|(_, statement)| statement.is_ddl());
    if !owned || is_step {
        return Vec::new();
    }
    vec![Found::on(&table, format!("rows of {table} are changed beside DDL or bookkeeping"))]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); UPDATE t SET id = id",
            "INSERT INTO tenants (name) VALUES ('x')",
        ];
        let kept = [
            "CREATE TABLE s (id uuid PRIMARY KEY); UPDATE s SET id = id",
            "BEGIN; SET LOCAL nile.tenant_id = 'a'; UPDATE t SET id = id; COMMIT",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
