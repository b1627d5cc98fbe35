//! One rule a file; see the recipe in [`lint`](super).

mod built_in_column;
mod built_in_created;
mod built_in_dropped;
mod column_type;
mod comment;
mod concurrently;
mod copy;
mod database;
mod default_privileges;
mod definer_function;
mod do_block;
mod drop_cascade;
mod drop_default;
mod explain;
mod extension;
mod foreign_key_from_shared;
mod foreign_key_set_null;
mod foreign_key_to_shared;
mod foreign_key_without_tenant;
mod function;
mod generated_column;
mod grant_to_public;
mod index_expression;
mod materialized_view;
mod mixed_writes;
mod newer_than_15;
mod notify;
mod outside_public;
mod policy;
mod policy_dropped;
mod policy_for_all_rows;
mod policy_subquery;
mod primary_key_missing;
mod primary_key_order;
mod primary_key_without_tenant;
mod qualified_predicate;
mod qualified_type;
mod reference_can_cross;
mod rename;
mod rename_column;
mod role;
mod role_past_policies;
mod row_security_off;
mod rows_beside_ddl;
mod rows_past_policies;
mod rule_on_table;
mod sequence;
mod sequence_in_shared_table;
mod set_constraints;
mod storage_parameter;
mod temporary_table;
mod tenant_column_altered;
mod tenant_id_nullable;
mod tenant_id_type;
mod tenant_rows_in_migration;
mod tenant_setting_late;
mod tenant_setting_literal;
mod tenants_one_by_one;
mod trigger;
mod trigger_as_owner;
mod triggers_off;
mod two_tenants;
mod unique_on_tenants;
mod unique_without_tenant;
mod unreadable;
mod uuid_function;
mod view_as_owner;

use std::ops::ControlFlow;

use sqlparser::ast::{AlterColumnOperation, ColumnOption, Expr, visit_expressions};

use super::{Rule, Statement};

/// Every rule but [`LAST`].
pub const ALL: &[Rule] = &[
    tenant_id_type::RULE,
    tenant_id_nullable::RULE,
    primary_key_without_tenant::RULE,
    primary_key_order::RULE,
    primary_key_missing::RULE,
    unique_without_tenant::RULE,
    sequence::RULE,
    sequence_in_shared_table::RULE,
    foreign_key_to_shared::RULE,
    foreign_key_without_tenant::RULE,
    foreign_key_from_shared::RULE,
    foreign_key_set_null::RULE,
    reference_can_cross::RULE,
    built_in_dropped::RULE,
    built_in_created::RULE,
    built_in_column::RULE,
    unique_on_tenants::RULE,
    function::RULE,
    trigger::RULE,
    policy::RULE,
    role::RULE,
    database::RULE,
    extension::RULE,
    comment::RULE,
    do_block::RULE,
    copy::RULE,
    set_constraints::RULE,
    explain::RULE,
    notify::RULE,
    materialized_view::RULE,
    concurrently::RULE,
    temporary_table::RULE,
    storage_parameter::RULE,
    index_expression::RULE,
    generated_column::RULE,
    qualified_predicate::RULE,
    qualified_type::RULE,
    rename_column::RULE,
    rename::RULE,
    drop_default::RULE,
    column_type::RULE,
    tenant_column_altered::RULE,
    drop_cascade::RULE,
    tenant_rows_in_migration::RULE,
    rows_beside_ddl::RULE,
    mixed_writes::RULE,
    tenant_setting_late::RULE,
    tenant_setting_literal::RULE,
    two_tenants::RULE,
    tenants_one_by_one::RULE,
    uuid_function::RULE,
    newer_than_15::RULE,
    outside_public::RULE,
    policy_subquery::RULE,
    policy_for_all_rows::RULE,
    policy_dropped::RULE,
    row_security_off::RULE,
    grant_to_public::RULE,
    default_privileges::RULE,
    definer_function::RULE,
    role_past_policies::RULE,
    view_as_owner::RULE,
    rule_on_table::RULE,
    rows_past_policies::RULE,
    trigger_as_owner::RULE,
    triggers_off::RULE,
];

/// The rule that is asked last, of a statement in which no other has found anything.
pub const LAST: Rule = unreadable::RULE;

/// The columns, each with its table, that a statement makes count by themselves.
fn counting(statement: &Statement) -> Vec<(String, String)> {
    let is_identity = |option: &ColumnOption| {
        let plain = matches!(option, ColumnOption::Generated { generation_expr: None, .. });
        plain || matches!(option, ColumnOption::Identity(_))
    };
    let from_sequence = |expr: &Expr| expr.to_string().to_lowercase().starts_with("nextval");
    let mut found = Vec::new();
    for column in statement.columns() {
        if column.ty().contains("serial")
            || column.options().any(is_identity)
            || column.default().is_some_and(from_sequence)
        {
            found.push((column.table.clone(), column.name()));
        }
    }
    for (table, column, operation) in statement.altered_columns() {
        if match operation {
            AlterColumnOperation::AddGenerated { .. } => true,
            AlterColumnOperation::SetDefault { value } => from_sequence(value),
            _ => false,
        } {
            found.push((table, column));
        }
    }
    found
}

/// Of how many parts the longest name in an expression is: `a.b` has two.
fn longest_name(expr: &Expr) -> usize {
    let mut longest = 0;
    let _ = visit_expressions(expr, |expr| {
        let parts = match expr {
            Expr::Identifier(_) => 1,
            Expr::CompoundIdentifier(parts) => parts.len(),
            _ => 0,
        };
        longest = longest.max(parts);
        ControlFlow::<()>::Continue(())
    });
    longest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tenantry_entity::tenancy::TENANCY;

    use super::{ALL, LAST, Rule};
    use crate::lint::{RuleSet, Script, empty, lint};

    /// How often a rule is broken by a script.
    fn times(rule: &Rule, target: RuleSet, sql: &str) -> usize {
        let findings = lint(target, empty(target, TENANCY), &[Script::of_file("test.sql", sql)]);
        findings.iter().filter(|it| it.finding.code == rule.code).count()
    }

    /// Fails unless each of the first breaks the rule once, and the others do not.
    #[track_caller]
    pub(super) fn check(rule: &Rule, target: RuleSet, broken: &[&str], kept: &[&str]) {
        for sql in broken {
            assert_eq!(times(rule, target, sql), 1, "{}: {sql}", rule.code);
        }
        for sql in kept {
            assert_eq!(times(rule, target, sql), 0, "{}: {sql}", rule.code);
        }
    }

    #[test]
    fn codes_are_unique() {
        let codes: BTreeSet<&str> = ALL.iter().chain([&LAST]).map(|rule| rule.code).collect();
        assert_eq!(codes.len(), ALL.len() + 1);
    }
}
