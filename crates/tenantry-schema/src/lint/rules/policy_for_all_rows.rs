//! A policy compares each row with the tenant: one that does not shows the rows of all.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

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
    is_open
        .then(|| Found::at("a policy lets rows pass whatever the tenant is"))
        .into_iter()
        .collect()
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
