//! Nothing newer than PostgreSQL 15, which Nile is made of.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "newer-than-15",
    targets: &[RuleSet::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "Nile is PostgreSQL 15",
    help: "write it in the words of PostgreSQL 15",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let newer: [&[&str]; 2] = [&["UUIDV7"], &["NOT", "ENFORCED"]];
    let generated = case.statement.has(&["GENERATED"]) && case.statement.has(&["VIRTUAL"]);
    let words = &case.statement.words;
    let not_null =
        words.windows(4).any(|it| it[0] == "CONSTRAINT" && it[2] == "NOT" && it[3] == "NULL")
            && case.statement.has(&["NOT", "VALID"]);
    let found = case.statement.is_ddl()
        && (newer.iter().any(|words| case.statement.has(words)) || generated || not_null);
    found.then(|| Found::at("it is newer than PostgreSQL 15")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE TABLE x (id uuid DEFAULT uuidv7())",
            "ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID",
        ];
        let kept = [
            "CREATE TABLE x (id uuid DEFAULT gen_random_uuid())",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
            "CREATE TABLE x (virtual int)",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
