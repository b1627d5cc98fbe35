//! The tenant is named before anything else is done in a transaction.

use super::super::case::named_tenant;
use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "tenant-setting-late",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the testing container of Nile, PostgreSQL 15.12",
    help: "make SET LOCAL nile.tenant_id the first statement after BEGIN",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    // That a second tenant is named is another rule's.
    let late = named_tenant(case.statement).is_some()
        && case.before().any(|earlier| named_tenant(earlier).is_none());
    let found = late.then(|| Found::at("the tenant is named after another statement"));
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["BEGIN; SELECT 1; SET LOCAL nile.tenant_id = 'a'; COMMIT"];
        let kept = ["BEGIN; SET LOCAL nile.tenant_id = 'a'; SELECT 1; COMMIT"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
