//! Tenants are inserted one by one, each first in its transaction.

use sqlparser::ast::{SetExpr, Statement as Ast};

use super::super::{Case, Found, Kind, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "tenants-one-by-one",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others for several rows; that each comes first is said in the load test of Nile",
    help: "insert one row, in a transaction of its own",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(Ast::Insert(insert)) = &case.statement.ast else { return Vec::new() };
    let table = case.written().unwrap_or_default();
    if case.catalogue.kind(&table) != Some(Kind::Root) {
        return Vec::new();
    }
    let rows = match insert.source.as_deref().map(|query| &*query.body) {
        Some(SetExpr::Values(values)) => values.rows.len(),
        _ => 1,
    };
    let late = !case.script.is_migration && case.before().next().is_some();
    let found = (rows > 1 || late)
        .then(|| Found::on(&table, "tenants are inserted together, or after something else"));
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "INSERT INTO tenants (name) VALUES ('a'), ('b')",
            "BEGIN; SELECT 1; INSERT INTO tenants (name) VALUES ('a'); COMMIT",
        ];
        let kept = ["BEGIN; INSERT INTO tenants (name) VALUES ('a'); COMMIT"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
