//! Every table, column, key, unique, index and check is there as it should be, and no other. What
//! a difference is called is said in [`tenantry_migration::drift`], for `migration diff` as well.

use std::collections::BTreeSet;

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
    // What is there, although the migration that makes it is not applied.
    let is_foreign = |finding: &Finding| made.contains(&finding.table);
    let foreign: BTreeSet<String> =
        findings.iter().filter(|it| is_foreign(it)).map(|it| it.table.clone()).collect();
    findings.retain(|finding| !is_foreign(finding));
    findings.extend(foreign.into_iter().map(|table| Finding {
        code: "table-not-ours",
        message: format!("{table} is there, and is not what the entities say: the migration that makes it is not applied"),
        table,
        object: None,
        help: "if it is another program's, rename one of the two, or use a schema of your own; if it is yours, make it what \
               the entities say, and take it over with `migration baseline`"
            .to_owned(),
    }));
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
