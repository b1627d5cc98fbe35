//! Nothing is granted to PUBLIC, which every role of the cluster is.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "grant-to-public",
    targets: &[RuleSet::Postgres, RuleSet::Citus],
    level: Level::Unsafe,
    known: Known::Documented,
    source: "https://www.postgresql.org/docs/current/ddl-priv.html",
    help: "grant it to the application role, in `ops::v1::alter_access`",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let to_public = case.starts(&["GRANT"]) && case.statement.has(&["TO", "PUBLIC"]);
    to_public.then(|| Found::at("every role of the cluster gets a privilege")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["GRANT SELECT ON t TO PUBLIC", "GRANT CREATE ON SCHEMA public TO PUBLIC"];
        let kept = ["GRANT SELECT ON t TO app", "REVOKE ALL ON t FROM PUBLIC"];
        check(&RULE, RuleSet::Postgres, &broken, &kept);
    }
}
