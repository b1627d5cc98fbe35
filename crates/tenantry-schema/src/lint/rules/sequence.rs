//! No column of a tenant-scoped table counts by itself: no serial, no identity, no `nextval`.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};
use super::counting;

pub(super) const RULE: Rule = Rule {
    code: "sequence",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the testing container of Nile, PostgreSQL 15.12",
    help: "give the row a uuid, with the default gen_random_uuid()",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let counting = counting(case.statement).into_iter();
    let found =
        counting.filter(|(table, _)| case.catalogue.is_scoped(table)).map(|(table, name)| {
            Found::on(
                &table,
                format!("{name} of {table} counts by itself, which tenant-scoped tables cannot"),
            )
            .object(&name)
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
            "CREATE TABLE t (tenant_id uuid, n serial)",
            "CREATE TABLE t (tenant_id uuid, n bigint GENERATED ALWAYS AS IDENTITY)",
            "CREATE TABLE t (tenant_id uuid, n bigint DEFAULT nextval('x'))",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); ALTER TABLE t ALTER COLUMN n SET DEFAULT nextval('x'::regclass)",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); ALTER TABLE t ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY",
        ];
        let kept = ["CREATE TABLE s (n serial)", "CREATE TABLE t (tenant_id uuid, n bigint)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
