//! Consent, and whether it covers what would be lost.

use std::fmt::Write as _;

use tenantry_schema::fingerprint::sha256;

use super::{Request, losses::Count};

/// The consent that was given.
#[derive(Clone, Copy)]
pub(in crate::runner) enum Consent<'a> {
    /// To nothing that would need it.
    None,
    /// To the refusal that printed this hash.
    Hash(&'a str),
    /// To what the whole call would do, before a part of it was done.
    Earlier(&'a Consented),
}

/// What would be lost, and was consented to.
#[derive(Clone, Debug)]
pub(in crate::runner) struct Consented {
    pub(super) counts: Vec<Count>,
    pub(super) by_hand: Vec<String>,
}

impl Consented {
    /// Whether nothing would be lost beyond that.
    pub(super) fn covers(
        &self,
        request: &Request<'_>,
        counts: &[Count],
        by_hand: &[String],
    ) -> bool {
        let same = |now: &Count, then: &Count| {
            let rows = |it: &Count| (it.real_rows, it.which.clone(), it.edited);
            // Going forward, rows come and go: see [`hash`].
            now.table == then.table && (request.command == "up" || rows(now) == rows(then))
        };
        counts.iter().all(|now| self.counts.iter().any(|then| same(now, then)))
            && by_hand.iter().all(|line| self.by_hand.contains(line))
    }
}

/// The hash of what is consented to, so that nothing else passes with it. Going forward, it covers what is
/// lost but not how many rows there are: they come and go as long as the application runs.
pub(super) fn hash(
    request: &Request<'_>,
    identity: &str,
    losing: &[String],
    counts: &[Count],
    by_hand: &[String],
) -> String {
    let mut text =
        format!("{identity}\n{} after {}\n", request.command, request.history.migrations_head());
    for name in request.steps {
        let _ = writeln!(text, "step {name}");
    }
    for table in losing {
        let _ = writeln!(text, "drop {table}");
    }
    for Count { table, real_rows, which, edited } in
        counts.iter().filter(|_| request.command != "up")
    {
        let _ = writeln!(text, "{table} {real_rows} {which:?} {edited:?}");
    }
    for line in by_hand {
        let _ = writeln!(text, "{line}");
    }
    // Short enough to be typed.
    sha256(&text)[..12].to_owned()
}
