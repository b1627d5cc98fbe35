//! A tenant-scoped table has a primary key.

use sqlparser::ast::Statement as Ast;

use super::super::catalogue::name;
use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "primary-key-missing",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "Nile accepts a table without one; nothing then tells its rows apart",
    help: "declare PRIMARY KEY (tenant_id, id)",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(Ast::CreateTable(create)) = &case.statement.ast else { return Vec::new() };
    let table = name(&create.name);
    if !case.keys_of(&table).is_empty() || !case.catalogue.is_scoped(&table) {
        return Vec::new();
    }
    vec![Found::on(&table, format!("{table} is tenant-scoped and has no primary key"))]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE t (tenant_id uuid NOT NULL, id uuid)"];
        let kept = [
            "CREATE TABLE s (id uuid)",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); ",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid); ALTER TABLE ONLY public.t ADD CONSTRAINT k PRIMARY KEY (tenant_id, id)",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
