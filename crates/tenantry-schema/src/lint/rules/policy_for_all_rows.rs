//! A policy compares each row with the tenant: one that does not shows the rows of all.

use sqlparser::ast::{CreatePolicyCommand, Statement as Ast};
use tenantry_entity::Scope;

use super::super::{Case, Found, Known, Level, Rule, RuleSet, catalogue::name};

pub(super) const RULE: Rule = Rule {
    code: "policy-for-all-rows",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/sql-createpolicy.html",
    help: "compare the row with the tenant in USING and in WITH CHECK, or make the policy AS RESTRICTIVE",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let is_policy = case.starts(&["CREATE", "POLICY"]) || case.starts(&["ALTER", "POLICY"]);
    let has = |words: &[&str]| case.statement.has(words);
    // It can only take rows away.
    if !is_policy || has(&["AS", "RESTRICTIVE"]) || !(has(&["USING"]) || has(&["CHECK"])) {
        return Vec::new();
    }
    let is_open = !has(&["CURRENT_SETTING"]) || has(&["USING", "TRUE"]) || has(&["CHECK", "TRUE"]);
    (is_open && !shows_unowned_rows(case))
        .then(|| Found::at("a policy lets rows pass whatever the tenant is"))
        .into_iter()
        .collect()
}

/// Whether it is the policy by which every tenant reads the rows that belong to none, in a table that the tenancy lists
/// so.
fn shows_unowned_rows(case: &Case<'_>) -> bool {
    let tenancy = case.catalogue.tenancy();
    let Some(Ast::CreatePolicy(policy)) = &case.statement.ast else { return false };
    let using = policy.using.as_ref().map(ToString::to_string).unwrap_or_default();
    let (table, without) = (name(&policy.table_name), format!("{} IS NULL", tenancy.column));
    let is_listed =
        |(listed, scope): &(&str, Scope)| *listed == table && *scope == Scope::OptionalTenant;
    tenancy.tables.iter().any(is_listed)
        && matches!(policy.command, Some(CreatePolicyCommand::Select))
        && using.replace('"', "") == without
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE POLICY p ON t USING (true)",
            "CREATE POLICY p ON t FOR SELECT USING (status = 'public')",
            "ALTER POLICY p ON t USING (id = current_setting('nile.tenant_id', true)::uuid) WITH CHECK (true)",
        ];
        let kept = [
            "CREATE POLICY p ON t USING (id = current_setting('nile.tenant_id', true)::uuid)",
            "CREATE POLICY p ON t AS RESTRICTIVE FOR DELETE USING (false)",
            "ALTER POLICY p ON t RENAME TO q",
        ];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
