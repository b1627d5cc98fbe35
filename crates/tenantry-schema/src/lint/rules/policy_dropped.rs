//! A policy that is dropped is made again in the same migration.

use sqlparser::ast::{ObjectType, Statement as Ast};

use super::super::catalogue::name;
use super::super::{Case, Found, Known, Level, Rule, RuleSet, Statement};

pub(super) const RULE: Rule = Rule {
    code: "policy-dropped",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/ddl-rowsecurity.html",
    help: "create its successor in the same transaction, or revoke the privileges first",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(Ast::DropPolicy(dropped)) = &case.statement.ast else { return Vec::new() };
    let table = name(&dropped.table_name);
    let mut later = case.script.statements.iter().skip(case.at);
    if later.any(|statement| is_settled_by(statement, &table)) {
        return Vec::new();
    }
    vec![Found::on(&table, format!("{table} loses a policy"))]
}

/// Whether the table has a policy again after it, or is gone.
fn is_settled_by(statement: &Statement, table: &str) -> bool {
    match &statement.ast {
        Some(Ast::CreatePolicy(policy)) => name(&policy.table_name) == table,
        Some(Ast::Drop { object_type: ObjectType::Table, names, .. }) => {
            names.iter().any(|it| name(it) == table)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "DROP POLICY p ON t",
            "DROP POLICY p ON t; CREATE POLICY p ON u USING (id = current_setting('nile.tenant_id', true)::uuid)",
        ];
        let kept = [
            "DROP POLICY p ON t; ALTER TABLE t ALTER COLUMN a TYPE text; CREATE POLICY p ON t USING (id = current_setting('nile.tenant_id', true)::uuid)",
            "DROP POLICY p ON t; DROP TABLE t",
        ];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
