//! A view runs as its caller: with the rights of its owner, no policy binds it.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "view-as-owner",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/sql-createview.html",
    help: "write WITH (security_invoker = true), from PostgreSQL 15 on, or grant it to no application",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let words = &case.statement.words;
    let is_view = case.starts(&["CREATE"])
        && words.iter().take(4).any(|word| word == "VIEW")
        && !words
            .iter()
            .take(4)
            .any(|word| word == "MATERIALIZED" || word == "TEMPORARY" || word == "TEMP");
    let as_owner = !case.statement.has(&["SECURITY_INVOKER"])
        || case.statement.has(&["SECURITY_INVOKER", "FALSE"]);
    let switched = case.starts(&["ALTER", "VIEW"])
        && (case.statement.has(&["SECURITY_INVOKER", "FALSE"])
            || case.statement.has(&["RESET", "SECURITY_INVOKER"]));
    Found::when((is_view && as_owner) || switched, "a view reads with the rights of its owner")
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE VIEW v AS SELECT 1",
            "CREATE OR REPLACE VIEW v WITH (security_invoker = false) AS SELECT 1",
            "ALTER VIEW v RESET (security_invoker)",
        ];
        let kept = [
            "CREATE VIEW v WITH (security_invoker = true) AS SELECT 1",
            "CREATE VIEW v WITH (security_invoker) AS SELECT 1",
            "DROP VIEW v",
        ];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
