//! The tenant is named by SET and a literal.

use super::super::case::named_tenant;
use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "tenant-setting-literal",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the testing container of Nile, PostgreSQL 15.12",
    help: "write SET LOCAL nile.tenant_id = '…', with the uuid itself",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let setting = case.catalogue.tenancy().setting;
    let by_function = case.statement.has(&["SET_CONFIG"]) && case.statement.sql.contains(setting);
    let by_parameter = named_tenant(case.statement).is_some_and(|value| value.starts_with('$'));
    let found = (by_function || by_parameter)
        .then(|| Found::at("the tenant is named by a function or a parameter"));
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken =
            ["SELECT set_config('nile.tenant_id', 'a', true)", "SET LOCAL nile.tenant_id = $1"];
        let kept =
            ["SET LOCAL nile.tenant_id = 'a'", "SELECT set_config('lock_timeout', '1s', true)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
