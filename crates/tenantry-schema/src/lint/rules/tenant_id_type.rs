//! `tenant_id` is a uuid, by which Nile knows a tenant-aware table.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "tenant-id-type",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/tenant-virtualization/tenant-management",
    help: "declare `tenant_id uuid NOT NULL`",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let tenant = case.catalogue.tenancy().column;
    let columns = case.statement.columns();
    let wrong = columns.iter().filter(|it| it.name() == tenant && it.ty() != "uuid");
    let found = wrong.map(|column| {
        let (table, ty) = (&column.table, column.ty());
        Found::on(table, format!("{tenant} of {table} is {ty}, and has to be uuid")).object(tenant)
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
            "CREATE TABLE t (tenant_id text, id uuid)",
            "ALTER TABLE t ADD COLUMN tenant_id bigint",
        ];
        let kept = ["CREATE TABLE t (tenant_id uuid, id text)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
