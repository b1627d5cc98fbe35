//! No tables live for a session only.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "temporary-table",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Measured,
    source: "measured by others on the cloud of Nile, PostgreSQL 15.19",
    help: "use a subquery, or a table of its own",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let selects = case.starts(&["SELECT"]) || case.starts(&["WITH"]);
    let found = ["TEMP", "TEMPORARY"].iter().any(|word| {
        let scoped = ["LOCAL", "GLOBAL"].iter().any(|scope| case.starts(&["CREATE", scope, word]));
        scoped || case.starts(&["CREATE", word]) || (selects && case.statement.has(&["INTO", word]))
    });
    found.then(|| Found::at("Nile has no temporary tables")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE TEMP TABLE x (id int)",
            "SELECT 1 AS a INTO TEMPORARY x",
            "CREATE LOCAL TEMP TABLE x (id int)",
        ];
        let kept = ["CREATE TABLE temp (id int)", "INSERT INTO temp VALUES (1)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
