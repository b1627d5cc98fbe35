//! What Nile brings along is not dropped, emptied or renamed.

use sqlparser::ast::{AlterTableOperation, ObjectType, Statement as Ast};

use super::super::catalogue::name;
use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "built-in-dropped",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "documented for dropping tenants; inferred for the rest",
    help: "leave `tenants`, `users.*` and `auth.*` as they are; `ops::v1::drop_table` does",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let dropped = match &case.statement.ast {
        Some(Ast::Drop { object_type: ObjectType::Table, names, .. }) => {
            names.iter().map(name).collect()
        }
        Some(Ast::Truncate(truncate)) => {
            truncate.table_names.iter().map(|target| name(&target.name)).collect()
        }
        _ => {
            let alterations = case.statement.alterations().into_iter();
            let renamed = alterations.filter_map(|(table, operation)| {
                matches!(operation, AlterTableOperation::RenameTable { .. }).then_some(table)
            });
            renamed.collect::<Vec<String>>()
        }
    };
    let ours = dropped.into_iter().filter(|table| case.catalogue.is_built_in(table));
    ours.map(|table| Found::on(&table, format!("{table} belongs to Nile, and would go"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "DROP TABLE tenants",
            "TRUNCATE users.users",
            "ALTER TABLE tenants RENAME TO customers",
            "DROP TABLE auth.invites",
        ];
        let kept = ["DROP TABLE leads"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
