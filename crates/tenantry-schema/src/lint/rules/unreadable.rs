//! Every statement is understood, else nothing can be said of it.
//!
//! Asked last, and only of a statement that no other rule has found anything in.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "unreadable",
    targets: &[RuleSet::Nile, RuleSet::Citus, RuleSet::Postgres],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "the parser does not know it",
    help: "look at it yourself, or write it in other words",
    check,
};

/// Statements of PostgreSQL that the parser does not know, by their first words. Nothing in them is about tenants that
/// no rule finds by its words.
const KNOWN: &[&[&str]] = &[
    &["ALTER", "COLLATION"],
    &["ALTER", "DOMAIN"],
    &["ALTER", "EXTENSION"],
    &["ALTER", "INDEX"],
    &["ALTER", "MATERIALIZED"],
    &["ALTER", "OPERATOR"],
    &["ALTER", "PROCEDURE"],
    &["ALTER", "ROUTINE"],
    &["ALTER", "SEQUENCE"],
    &["ALTER", "STATISTICS"],
    &["ALTER", "TEXT", "SEARCH"],
    &["ALTER", "TYPE"],
    &["ALTER", "VIEW"],
    &["CHECKPOINT"],
    &["CLUSTER"],
    &["COMMENT"],
    &["CREATE", "AGGREGATE"],
    &["CREATE", "CAST"],
    &["CREATE", "COLLATION"],
    &["CREATE", "CONVERSION"],
    &["CREATE", "OPERATOR"],
    &["CREATE", "PROCEDURE"],
    &["CREATE", "SEQUENCE"],
    &["CREATE", "STATISTICS"],
    &["CREATE", "TEXT", "SEARCH"],
    &["DROP"],
    &["REFRESH", "MATERIALIZED"],
    &["REINDEX"],
    &["SECURITY", "LABEL"],
];

/// The same of changes of a table, by words that are somewhere in them.
const CHANGES: &[&[&str]] = &[
    &["CLUSTER", "ON"],
    &["SET", "COMPRESSION"],
    &["SET", "LOGGED"],
    &["SET", "STATISTICS"],
    &["SET", "STORAGE"],
    &["SET", "TABLESPACE"],
    &["SET", "UNLOGGED"],
    &["SET", "WITHOUT"],
];

fn is_known(case: &Case<'_>) -> bool {
    let is_change =
        case.starts(&["ALTER", "TABLE"]) && CHANGES.iter().any(|words| case.statement.has(words));
    case.target != RuleSet::Nile && (is_change || KNOWN.iter().any(|words| case.starts(words)))
}

fn check(case: &Case<'_>) -> Vec<Found> {
    if case.statement.ast.is_some() || is_known(case) {
        return Vec::new();
    }
    let shown: String = case.statement.sql.chars().take(60).collect();
    vec![Found::at(format!("`{shown}` cannot be read"))]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["FROBNICATE THE TABLES"];
        let kept = ["SELECT 1", "DO $$ BEGIN END $$"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
        let kept = [
            "CREATE SEQUENCE s AS integer START WITH 1",
            "ALTER TABLE t CLUSTER ON t_pkey",
            "ALTER TABLE t ALTER COLUMN a SET STORAGE EXTERNAL",
            "CREATE AGGREGATE a (int) (sfunc = int4pl, stype = int)",
            "DROP STATISTICS s",
        ];
        let broken = ["ALTER TABLE t FROBNICATE", "CREATE EVENT TRIGGER e ON ddl_command_end"];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
