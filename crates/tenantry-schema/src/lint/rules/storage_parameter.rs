//! Tables have no storage parameters.

use sqlparser::ast::Statement as Ast;

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "storage-parameter",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "the load test of Nile leaves them out on Nile, and says why",
    help: "leave WITH (…) out",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let Some(Ast::CreateTable(create)) = &case.statement.ast else { return Vec::new() };
    let has_options = create.table_options.to_string().to_uppercase().starts_with("WITH");
    has_options.then(|| Found::at("Nile takes no storage parameters")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["CREATE TABLE x (id int) WITH (fillfactor = 70)"];
        let kept = ["CREATE TABLE x (id int)", "CREATE INDEX i ON x (id) WITH (fillfactor = 70)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
