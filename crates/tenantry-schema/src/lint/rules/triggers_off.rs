//! No triggers are switched off. Foreign keys are triggers: without them, a row can refer to another tenant's.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "triggers-off",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/sql-altertable.html",
    help: "defer the constraints, or switch off one trigger of your own by its name",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let statement = case.statement;
    let of_table = case.starts(&["ALTER", "TABLE"])
        && ["ALL", "USER"].iter().any(|which| statement.has(&["DISABLE", "TRIGGER", which]));
    // `origin` and `local` are no fault: triggers fire in them.
    let role = statement.has(&["SESSION_REPLICATION_ROLE"])
        && ["SET", "ALTER"].iter().any(|word| case.starts(&[word]));
    let value = statement.sql.to_lowercase().replace("session_replication_role", "");
    let of_session = role && value.contains("replica");
    Found::when(
        of_table || of_session,
        "the server stops checking foreign keys, and runs no other triggers",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "ALTER TABLE t DISABLE TRIGGER ALL",
            "ALTER TABLE ONLY public.t DISABLE TRIGGER USER",
            "SET session_replication_role = replica",
            "SET LOCAL session_replication_role TO 'replica'",
            "ALTER ROLE web SET session_replication_role TO replica",
        ];
        let kept = [
            "ALTER TABLE t DISABLE TRIGGER counted",
            "ALTER TABLE t ENABLE TRIGGER ALL",
            "SET session_replication_role = 'origin'",
            "SET session_replication_role = DEFAULT",
            "RESET session_replication_role",
        ];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
