//! Tenant-scoped tables are in `public`: qualified names are refused in several places.

use sqlparser::ast::Statement as Ast;

use super::super::catalogue::name;
use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "outside-public",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "names with a schema are refused in predicates, checks and types",
    help: "create the table without a schema",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(Ast::CreateTable(create)) = &case.statement.ast else { return Vec::new() };
    let table = name(&create.name);
    let found = table.contains('.') && case.catalogue.is_scoped(&table);
    found.then(|| Found::on(&table, format!("{table} is not in public"))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken =
            ["CREATE TABLE crm.t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id))"];
        let kept = ["CREATE TABLE public.t (tenant_id uuid)", "CREATE TABLE crm.s (id uuid)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
