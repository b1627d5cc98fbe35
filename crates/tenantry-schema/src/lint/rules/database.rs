//! Databases and tablespaces are made outside of SQL.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "database",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/postgres/postgres-compatibility",
    help: "make it in the dashboard",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let objects: [&[&str]; 7] = [
        &["CREATE", "DATABASE"],
        &["ALTER", "DATABASE"],
        &["DROP", "DATABASE"],
        &["CREATE", "TABLESPACE"],
        &["ALTER", "TABLESPACE"],
        &["DROP", "TABLESPACE"],
        &["ALTER", "SYSTEM"],
    ];
    let named = (case.starts(&["CREATE", "TABLE"]) || case.starts(&["CREATE", "INDEX"]))
        && case.statement.has(&["TABLESPACE"]);
    let found = named || objects.iter().any(|words| case.starts(words));
    let message = "Nile makes no database or tablespace by SQL";
    found.then(|| Found::at(message)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE DATABASE x",
            "CREATE TABLESPACE x LOCATION '/x'",
            "CREATE TABLE x (id int) TABLESPACE fast",
        ];
        let kept = ["CREATE TABLE database (id uuid)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
