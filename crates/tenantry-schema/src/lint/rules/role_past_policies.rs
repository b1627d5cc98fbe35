//! No role passes by the policies, or can make one that does.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "role-past-policies",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/role-attributes.html",
    help: "leave such attributes to administrators, outside of migrations",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    if !["ROLE", "USER"]
        .iter()
        .any(|kind| case.starts(&["CREATE", kind]) || case.starts(&["ALTER", kind]))
    {
        return Vec::new();
    }
    let attributes = ["SUPERUSER", "BYPASSRLS", "CREATEROLE", "REPLICATION"];
    let found = attributes.iter().filter(|name| case.statement.has(&[name]));
    found.map(|name| Found::at(format!("a role gets {name}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "ALTER ROLE app BYPASSRLS",
            "CREATE USER web SUPERUSER",
            "CREATE ROLE app WITH LOGIN CREATEROLE",
        ];
        let kept = ["CREATE ROLE app NOLOGIN", "ALTER ROLE app NOBYPASSRLS NOSUPERUSER"];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
