//! Every table, column, key, unique, index and check is there as it should be, and no other. What
//! a difference is called is said in [`tenantry_migration::drift`], for `migration diff` as well.

use tenantry_migration::{
    called,
    report::{DATABASE, Finding},
};

use super::Facts;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = facts.drift.findings();
    let (pending, made) = &facts.pending;
    // One sentence for all of them.
    let comes =
        |finding: &Finding| finding.code == "table-missing" && made.contains(&finding.table);
    let missing: Vec<String> =
        findings.iter().filter(|it| comes(it)).map(|it| it.table.clone()).collect();
    findings.retain(|finding| !comes(finding));
    if !missing.is_empty() {
        let (count, tables) = (pending.len(), missing.join(", "));
        let are = if count == 1 { "migration is" } else { "migrations are" };
        findings.push(Finding {
            code: "migrations-pending",
            table: DATABASE.to_owned(),
            object: None,
            message: format!("{count} {are} not applied, so these tables are not there: {tables}"),
            help: format!("run `{}`", called("migration", "up")),
        });
    }
    findings
}
