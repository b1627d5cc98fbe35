//! Is every tenant safe from every other? Not whether policies are there, but whether they hold:
//! the attacks of the [catalogue](attack) are tried.
//!
//! The [probe] makes two tenants of its own, one row a table, in a transaction that is rolled back,
//! and tries as the application role what a session of the first would try on the rows of
//! the second. Of rows that exist it asks one thing: whether one that is not the tenant's is visible.
//! On Citus the two tenants are ones that [exist], since no role sees there what another has
//! inserted in the same transaction.
//!
//! [exist]: probe_existing

mod across;
pub mod attack;
mod existing;
mod own_write;
mod probe;
mod rows;
mod send;
mod stage;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

pub use across::look_across;
pub use probe::{probe, probe_existing, probe_from};
use serde::Serialize;

use crate::report::Finding;

/// What came of an attack on a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttackResult {
    /// Not a row was seen or changed.
    NoRow,
    /// It was refused.
    Refused,
    /// Exactly the own row was seen.
    OwnRow,
    /// It went through.
    Through,
    /// It failed for another reason than it should, so nothing is known.
    Unknown(String),
}

impl AttackResult {
    /// One letter for the matrix.
    #[must_use]
    pub fn letter(&self) -> char {
        match self {
            Self::NoRow => '0',
            Self::Refused => 'x',
            Self::OwnRow => '1',
            Self::Through => '!',
            Self::Unknown(_) => '?',
        }
    }
}

/// An attack and what came of it, table by table.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The attack's code.
    pub attack: &'static str,
    /// What has to come of it.
    pub expected: attack::Expect,
    /// What came of it; under `(database)`, if it is on no table.
    pub tables: BTreeMap<String, AttackResult>,
}

/// The matrix of attacks and tables.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Matrix {
    /// One line for each attack.
    pub attacks: Vec<Line>,
    /// The tables that could not be attacked, and why.
    pub untested: BTreeMap<String, String>,
    /// What went through, cannot be told, or was not tried.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl Matrix {
    fn of(attacks: Vec<Line>, untested: BTreeMap<String, String>) -> Self {
        let mut findings = findings(&attacks);
        findings.extend(untested.iter().map(|(table, why)| self::untested(table, why)));
        findings.sort();
        Self { attacks, untested, findings }
    }

    /// How many attacks there were, the reading of one's own row not counted, nor the one that nothing holds off.
    #[must_use]
    pub fn attacks(&self) -> usize {
        let is_attack = |line: &&Line| {
            line.expected != attack::Expect::OwnRow && line.attack != attack::REFER_ACROSS
        };
        self.attacks.iter().filter(is_attack).count()
    }

    /// The matrix as text: a line for each attack, a column for each table.
    #[must_use]
    pub fn text(&self) -> String {
        let mut tables: Vec<&String> =
            self.attacks.iter().flat_map(|line| line.tables.keys()).collect();
        tables.sort();
        tables.dedup();
        let mut text = String::new();
        for (number, table) in tables.iter().enumerate() {
            let bars = "| ".repeat(number);
            let _ = writeln!(text, "{:22}{bars}{table}", "");
        }
        for line in &self.attacks {
            let _ = write!(text, "{:22}", line.attack);
            for table in &tables {
                let letter = line.tables.get(*table).map_or('.', AttackResult::letter);
                let _ = write!(text, "{letter} ");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text.push_str(
            "0 no row, x refused, 1 the own row, ! it went through, ? not known, . none\n",
        );
        text
    }
}

impl Line {
    /// Whether that came of it what should. A read that is refused is as good as one that sees
    /// nothing.
    fn is_as_expected(&self, outcome: &AttackResult) -> bool {
        use attack::Expect;
        matches!(
            (self.expected, outcome),
            (Expect::OwnRow, AttackResult::OwnRow)
                // Where it should be refused, a trigger may have made something else of it.
                | (Expect::NoRow | Expect::Refused, AttackResult::NoRow | AttackResult::Refused)
        )
    }
}

/// One finding for each table and way in which it is not safe.
fn findings(lines: &[Line]) -> Vec<Finding> {
    let tables: BTreeSet<&String> = lines.iter().flat_map(|line| line.tables.keys()).collect();
    let mut found = Vec::new();
    for table in tables {
        let wrong: Vec<(&Line, &AttackResult)> = lines
            .iter()
            .filter_map(|line| Some((line, line.tables.get(table)?)))
            .filter(|(line, outcome)| {
                // Each such key is a finding of its own.
                let is_told =
                    line.attack == attack::REFER_ACROSS && **outcome == AttackResult::Through;
                !(is_told || line.is_as_expected(outcome))
            })
            .collect();
        let mut add = |code, message: String, help: &str| {
            let (table, help) = (table.clone(), help.to_owned());
            found.push(Finding { code, table, object: None, message, help });
        };
        let names = |kind: fn(&AttackResult) -> bool| {
            let of_kind = wrong.iter().filter(|(_, outcome)| kind(outcome));
            of_kind.map(|(line, _)| line.attack).collect::<Vec<_>>().join(", ")
        };
        // Where not even the own row is seen, an update of nothing looks as if it went through.
        if wrong.iter().any(|(line, _)| line.expected == attack::Expect::OwnRow) {
            let message = "the application role does not see its tenant's own row".to_owned();
            add("isolation-blind", message, "look at the table's policies and privileges");
            continue;
        }
        let through = names(|outcome| !matches!(outcome, AttackResult::Unknown(_)));
        if !through.is_empty() {
            let message = format!("what one tenant tried against another went through: {through}");
            add("isolation-broken", message, WHAT_HOLDS);
        }
        let unknown = wrong.iter().find_map(|(_, outcome)| match outcome {
            AttackResult::Unknown(error) => Some(error),
            _ => None,
        });
        if let Some(error) = unknown {
            let names = names(|outcome| matches!(outcome, AttackResult::Unknown(_)));
            let message = format!("cannot be told what came of {names}: {error}");
            add("isolation-unknown", message, WHAT_HOLDS);
        }
    }
    found
}

/// The code of [`untested`].
pub const UNTESTED: &str = "isolation-untested";

/// The finding that a table, or the database, could not be attacked.
#[must_use]
pub fn untested(table: &str, why: &str) -> Finding {
    Finding {
        code: UNTESTED,
        table: table.to_owned(),
        object: None,
        message: format!("one tenant was not attacked as another: {why}"),
        help: "mend that, or accept it in migration/accepted_drift.json with a reason".to_owned(),
    }
}

/// What to do about an attack that was not held off.
const WHAT_HOLDS: &str = "docs/tenancy.md says what holds off each attack; `tenantry validate \
                          --matrix` shows all of them";
