//! The column that rows are spread by stays as it is.

use sqlparser::ast::{AlterColumnOperation, AlterTableOperation};

use super::super::catalogue::folded;
use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "tenant-column-altered",
    targets: &[RuleSet::Citus, RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "documented for Citus (reference_ddl); untried on Nile",
    help: "make a new table, and move the rows",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let tenant = case.catalogue.tenancy().column;
    let altered =
        case.statement.altered_columns().into_iter().filter_map(|(table, column, what)| {
            let ty = matches!(what, AlterColumnOperation::SetDataType { .. });
            (ty && column == tenant).then_some(table)
        });
    let dropped = case.statement.alterations().into_iter().filter_map(|(table, what)| match what {
        AlterTableOperation::DropColumn { column_names, .. } => {
            column_names.iter().any(|it| folded(it) == tenant).then_some(table)
        }
        _ => None,
    });
    let found = altered.chain(dropped);
    found.map(|it| Found::on(&it, format!("{tenant} of {it} would be changed or lost"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "ALTER TABLE t DROP COLUMN tenant_id",
            "ALTER TABLE t ALTER COLUMN tenant_id TYPE text",
        ];
        let kept = ["ALTER TABLE t DROP COLUMN a"];
        check(&RULE, RuleSet::Citus, &broken, &kept);
    }
}
