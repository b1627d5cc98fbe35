//! The function of a trigger runs as the role that writes the row. As its owner, it could write for every tenant.

use sqlparser::ast::Statement as Ast;

use super::super::{Case, Found, Known, Level, Rule, RuleSet, catalogue::name};

pub(super) const RULE: Rule = Rule {
    code: "trigger-as-owner",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/sql-createtrigger.html",
    help: "make the function SECURITY INVOKER: each role that may write to the table runs it, even \
           without EXECUTE",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(Ast::CreateTrigger(create)) = &case.statement.ast else { return Vec::new() };
    let Some(body) = &create.exec_body else { return Vec::new() };
    let function = name(&body.func_desc.name);
    if !case.catalogue.is_definer(&function) {
        return Vec::new();
    }
    let message = format!("each write runs the function {function} with the rights of its owner");
    vec![Found::on(&name(&create.table_name), message).object(&name(&create.name))]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    /// A trigger behind the function that it runs.
    fn behind(function: &str) -> String {
        format!("{function}; CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()")
    }

    #[test]
    fn examples() {
        let definer =
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'x'";
        let invoker = "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'x'";
        let broken =
            [definer.to_owned(), format!("{invoker}; ALTER FUNCTION public.f() SECURITY DEFINER")];
        let kept = [
            invoker.to_owned(),
            "SELECT 1".to_owned(),
            format!("{definer}; {invoker}"),
            format!("{definer}; ALTER FUNCTION f() SECURITY INVOKER"),
            definer.replace("f()", "g()"),
        ];
        let [broken, kept] = [broken.to_vec(), kept.to_vec()]
            .map(|all| all.iter().map(|function| behind(function)).collect::<Vec<_>>());
        let [broken, kept] =
            [&broken, &kept].map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
