//! Rows of shared tables are not changed in a transaction that changes the schema.

use super::super::{Case, Found, Kind, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "rows-beside-ddl",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Reported,
    source: "the examples of Nile say: avoid mixing DML and DDL",
    help: "change the rows in a migration of their own, and apply it alone, with `up -n 1`",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(table) = case.written() else { return Vec::new() };
    let is_shared = case.catalogue.kind(&table) == Some(Kind::Shared);
    let beside_ddl = case.same_transaction().any(|(_, statement)| statement.is_ddl());
    if !is_shared || !beside_ddl {
        return Vec::new();
    }
    vec![Found::on(&table, format!("rows of {table} are changed beside DDL"))]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE s (id uuid PRIMARY KEY); UPDATE s SET id = id"];
        let kept = ["BEGIN; UPDATE users SET name = NULL; COMMIT"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
