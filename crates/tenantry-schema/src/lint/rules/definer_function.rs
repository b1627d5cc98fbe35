//! A function runs as its caller: with the rights of its owner, no policy binds it.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "definer-function",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/sql-createfunction.html",
    help: "write SECURITY INVOKER; where it has to be, revoke EXECUTE from PUBLIC and SET search_path",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let words = &case.statement.words;
    let makes = ["CREATE", "ALTER"].iter().any(|word| case.starts(&[word]))
        && words
            .iter()
            .take(5)
            .any(|word| ["FUNCTION", "PROCEDURE", "ROUTINE"].contains(&word.as_str()));
    if !makes || !case.statement.has(&["SECURITY", "DEFINER"]) {
        return Vec::new();
    }
    let pinned = case.statement.has(&["SET", "SEARCH_PATH"]);
    let more = if pinned { "" } else { ", and finds names by the search_path of its caller" };
    vec![Found::at(format!("a function runs with the rights of its owner{more}"))]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1'",
            "ALTER FUNCTION f() SECURITY DEFINER",
        ];
        let kept = [
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ALTER FUNCTION f() SECURITY INVOKER",
        ];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
