//! A transaction writes for one tenant, or to what is shared.

use super::super::case::written;
use super::super::{Case, Found, Kind, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "mixed-writes",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/postgres/postgres-compatibility",
    help: "write to shared tables in a transaction of their own",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(table) = case.written() else { return Vec::new() };
    let kind = |table: &str| case.catalogue.kind(table).map(|kind| kind == Kind::Shared);
    let others: Vec<String> = case.before().filter_map(written).collect();
    let mixed = others
        .iter()
        .any(|other| matches!((kind(&table), kind(other)), (Some(a), Some(b)) if a != b));
    let found = mixed
        .then(|| Found::on(&table, format!("{table} is written to beside {}", others.join(", "))));
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "BEGIN; SET LOCAL nile.tenant_id = 'a'; UPDATE tenants SET name = 'x'; UPDATE users SET name = 'x'; COMMIT",
        ];
        let kept = ["BEGIN; UPDATE users SET name = 'x'; COMMIT"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
