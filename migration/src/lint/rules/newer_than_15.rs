//! Nothing newer than PostgreSQL 15, which Nile is made of.

use super::super::{Case, Found, Known, Level, Rule, Target};

pub(super) const RULE: Rule = Rule {
    code: "newer-than-15",
    targets: &[Target::Nile],
    level: Level::Unsafe,
    known: Known::Inferred,
    source: "Nile is PostgreSQL 15",
    help: "write it in the words of PostgreSQL 15",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let newer: [&[&str]; 3] = [&["UUIDV7"], &["VIRTUAL"], &["NOT", "ENFORCED"]];
    let not_null = case.statement.has(&["NOT", "NULL"]) && case.statement.has(&["NOT", "VALID"]);
    let found = case.statement.is_ddl()
        && (newer.iter().any(|words| case.statement.has(words)) || not_null);
    found.then(|| Found::at("it is newer than PostgreSQL 15")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, Target};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE TABLE x (id uuid DEFAULT uuidv7())",
            "ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID",
        ];
        let kept = [
            "CREATE TABLE x (id uuid DEFAULT gen_random_uuid())",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        ];
        check(&RULE, Target::Nile, &broken, &kept);
    }
}
