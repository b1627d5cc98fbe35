//! Rows that leave their table take no policy with them: copies, partitions, and what is sent elsewhere.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "rows-past-policies",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/ddl-rowsecurity.html",
    help: "grant it to no application; give partitions row-level security and a policy of their own",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let begins = |words: &[&str]| case.starts(words);
    let message = if begins(&["CREATE", "MATERIALIZED"]) {
        "a materialized view is a copy without policies"
    } else if begins(&["CREATE", "FOREIGN", "TABLE"]) || begins(&["IMPORT", "FOREIGN"]) {
        "a foreign table has no policies"
    } else if ["CREATE", "ALTER"].iter().any(|word| begins(&[word, "PUBLICATION"])) {
        "a publication sends the rows of all tenants"
    } else if begins(&["ALTER", "TABLE"]) && case.statement.has(&["ATTACH", "PARTITION"]) {
        "the policies of its parent do not hold for queries that name the partition"
    } else if begins(&["CREATE", "TABLE"])
        && (case.statement.has(&["PARTITION", "OF"]) || case.statement.has(&["INHERITS"]))
    {
        "the policies of its parent do not hold for queries that name the child"
    } else {
        return Vec::new();
    };
    vec![Found::at(message)]
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE MATERIALIZED VIEW m AS SELECT 1 WITH NO DATA",
            "CREATE FOREIGN TABLE f (id int) SERVER s",
            "CREATE PUBLICATION p FOR ALL TABLES",
            "ALTER TABLE ONLY t ATTACH PARTITION p FOR VALUES FROM (1) TO (2)",
            "CREATE TABLE p PARTITION OF t FOR VALUES IN (1)",
            "CREATE TABLE c (extra int) INHERITS (t)",
        ];
        let kept = [
            "DROP MATERIALIZED VIEW m",
            "REFRESH MATERIALIZED VIEW m",
            "DROP PUBLICATION p",
            "CREATE TABLE t (id int) PARTITION BY RANGE (id)",
        ];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
