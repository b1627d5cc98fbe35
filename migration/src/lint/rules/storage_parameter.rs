//! Tables and indexes have no storage parameters.

use sqlparser::ast::Statement as Ast;

use super::super::{Case, Found, Known, Level, Rule, Target};

pub(super) const RULE: Rule = Rule {
    code: "storage-parameter",
    targets: &[Target::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "the load test of Nile leaves them out on Nile, and says why",
    help: "leave WITH (…) out",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let has_options = match &case.statement.ast {
        Some(Ast::CreateTable(create)) => {
            let options = create.table_options.to_string();
            options.to_uppercase().starts_with("WITH")
        }
        Some(Ast::CreateIndex(index)) => !index.with.is_empty(),
        _ => false,
    };
    has_options.then(|| Found::at("Nile takes no storage parameters")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, Target};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE TABLE x (id int) WITH (fillfactor = 70)",
            "CREATE INDEX i ON x (id) WITH (fillfactor = 70)",
        ];
        let kept = ["CREATE TABLE x (id int)"];
        check(&RULE, Target::Nile, &broken, &kept);
    }
}
