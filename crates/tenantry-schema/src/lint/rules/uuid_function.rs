//! A default uuid comes from `gen_random_uuid()`, which every engine has.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "uuid-function",
    targets: &[RuleSet::Nile, RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/extensions/uuid-ossp",
    help: "write gen_random_uuid(), or make the id in the application",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let names = ["UUID_GENERATE_V7", "UUID_GENERATE_V4", "UUID_GENERATE_V1"];
    let found = case.statement.is_ddl() && names.iter().any(|name| case.statement.has(&[name]));
    found.then(|| Found::at("a uuid comes from a function of an extension")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE x (id uuid DEFAULT uuid_generate_v7())"];
        let kept = ["CREATE TABLE x (id uuid DEFAULT gen_random_uuid())"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
