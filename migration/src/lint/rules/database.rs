//! Databases and tablespaces are made outside of SQL.

use super::super::{Case, Found, Known, Level, Rule, Target};

pub(super) const RULE: Rule = Rule {
    code: "database",
    targets: &[Target::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/postgres/postgres-compatibility",
    help: "make it in the dashboard",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(
        &[
            &["CREATE", "DATABASE"],
            &["CREATE", "TABLESPACE"],
            &["ALTER", "DATABASE"],
            &["ALTER", "TABLESPACE"],
            &["DROP", "DATABASE"],
            &["DROP", "TABLESPACE"],
            &["ALTER", "SYSTEM"],
        ],
        "Nile makes no database or tablespace by SQL",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, Target};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE DATABASE x", "CREATE TABLESPACE x LOCATION '/x'"];
        let kept = ["CREATE TABLE database (id uuid)"];
        check(&RULE, Target::Nile, &broken, &kept);
    }
}
