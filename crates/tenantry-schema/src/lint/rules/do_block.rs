//! No anonymous blocks are run.

use super::super::{Case, Found, Known, Level, Rule, Target};

pub(super) const RULE: Rule = Rule {
    code: "do-block",
    targets: &[Target::Nile],
    level: Level::Refused,
    known: Known::Reported,
    source: "reported by users of Nile",
    help: "write plain statements",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    case.begins_with_any(&[&["DO"]], "Nile runs no DO block")
}

#[cfg(test)]
mod tests {
    use super::{RULE, Target};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = ["DO $$ BEGIN END $$"];
        let kept = ["SELECT 1"];
        check(&RULE, Target::Nile, &broken, &kept);
    }
}
