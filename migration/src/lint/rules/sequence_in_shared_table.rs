//! Shared tables may count, but an id that is unique everywhere moves with its rows.

use super::super::{Case, Found, Known, Level, Rule, Target};
use super::counts;

pub(super) const RULE: Rule = Rule {
    code: "sequence-in-shared-table",
    targets: &[Target::Nile],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/postgres/postgres-compatibility",
    help: "prefer a uuid, with the default gen_random_uuid()",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let columns = case.statement.columns();
    let counting = columns.iter().filter(|column| counts(column));
    let found = counting.filter(|column| !case.catalogue.is_scoped(&column.table)).map(|column| {
        let (table, name) = (&column.table, column.name());
        Found::on(table, format!("{name} of {table} counts by itself")).object(name)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, Target};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE s (n bigserial)"];
        let kept = ["CREATE TABLE t (tenant_id uuid, n serial)", "CREATE TABLE s (id uuid)"];
        check(&RULE, Target::Nile, &broken, &kept);
    }
}
