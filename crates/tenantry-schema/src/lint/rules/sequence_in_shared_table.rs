//! Shared tables may count, but an id that is unique everywhere moves with its rows.

use super::super::{Case, Found, Kind, Known, Level, Rule, RuleSet};
use super::counting;

pub(super) const RULE: Rule = Rule {
    code: "sequence-in-shared-table",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "Nile lets shared tables count, and such a row does not move",
    help: "prefer a uuid, with the default gen_random_uuid()",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let counting = counting(case.statement).into_iter();
    let found = counting.filter(|(table, _)| case.catalogue.kind(table) == Some(Kind::Shared)).map(
        |(table, name)| {
            Found::on(&table, format!("{name} of {table} counts by itself")).object(&name)
        },
    );
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE s (n bigserial)"];
        let kept = ["CREATE TABLE t (tenant_id uuid, n serial)", "CREATE TABLE s (id uuid)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
