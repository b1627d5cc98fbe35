//! Tables are granted one by one: what default privileges grant is open before any policy is there.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "default-privileges",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html",
    help: "grant each table in the migration that creates it",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let grants = case.starts(&["ALTER", "DEFAULT", "PRIVILEGES"]) && case.statement.has(&["GRANT"]);
    let has_revoke = case.statement.has(&["REVOKE"]);
    Found::when(grants && !has_revoke, "what is created later is granted at once")
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app",
            "ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA b GRANT ALL ON TABLES TO PUBLIC",
        ];
        let kept = [
            "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
            "ALTER DEFAULT PRIVILEGES REVOKE GRANT OPTION FOR SELECT ON TABLES FROM app",
        ];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
