//! No roles are made and nothing is granted.

use super::super::{Case, Found, Known, Level, Rule, RuleSet};

pub(super) const RULE: Rule = Rule {
    code: "role",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "documented for roles and users; GRANT and SET ROLE measured by others; inferred for the rest",
    help: "grant with `ops::v1::alter_access`, which does nothing on Nile; users of the database are made in its dashboard",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(
        &[
            &["CREATE", "ROLE"],
            &["CREATE", "USER"],
            &["CREATE", "GROUP"],
            &["ALTER", "ROLE"],
            &["ALTER", "USER"],
            &["ALTER", "GROUP"],
            &["DROP", "ROLE"],
            &["DROP", "USER"],
            &["DROP", "GROUP"],
            &["GRANT"],
            &["REVOKE"],
            &["REASSIGN"],
            &["ALTER", "DEFAULT", "PRIVILEGES"],
            &["SET", "ROLE"],
            &["SET", "LOCAL", "ROLE"],
            &["RESET", "ROLE"],
            &["SET", "SESSION", "AUTHORIZATION"],
        ],
        "Nile has no roles, and grants nothing",
    )
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE ROLE x",
            "GRANT SELECT ON t TO x",
            "REVOKE SELECT ON t FROM x",
            "SET LOCAL ROLE x",
        ];
        let kept = ["CREATE TABLE role (id uuid)"];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
