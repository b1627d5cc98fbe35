//! A transaction is about one tenant.

use super::super::case::named_tenant;
use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "two-tenants",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the testing container of Nile, PostgreSQL 15.12",
    help: "commit after each tenant",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(tenant) = named_tenant(case.statement) else { return Vec::new() };
    let other = case.before().filter_map(named_tenant).any(|other| other != tenant);
    let found = other.then(|| Found::at("a second tenant is named in one transaction"));
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken =
            ["BEGIN; SET LOCAL nile.tenant_id = 'a'; SET LOCAL nile.tenant_id = 'b'; COMMIT"];
        let kept = [
            "BEGIN; SET LOCAL nile.tenant_id = 'a'; COMMIT; BEGIN; SET LOCAL nile.tenant_id = 'b'; COMMIT",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
