//! An index is on columns, not on what is computed of them.

use crate::ops::v1;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "index-expression",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the cloud of Nile, PostgreSQL 15.19",
    help: "index a column: of the type citext, or one that the application keeps in small letters",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some((table, index)) = case.statement.index() else { return Vec::new() };
    let parts = index.columns.iter().map(|part| &part.column.expr);
    let computed = parts.filter(|expr| !v1::is_column(expr));
    computed.map(|expr| Found::on(&table, format!("an index of {table} is on {expr}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE INDEX i ON t (tenant_id, lower(email))"];
        let kept = [
            "CREATE INDEX i ON t (tenant_id, email DESC)",
            "CREATE INDEX i ON t (tenant_id, email COLLATE \"C\")",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
