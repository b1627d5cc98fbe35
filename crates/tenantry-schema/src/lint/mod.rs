//! What an engine refuses or is not known to take, found in SQL without a database.
//!
//! `migration lint` reads what every migration sends, or SQL files; and the runner
//! reads what is pending before it sends any of it to Nile, so that nothing fails halfway.
//!
//! Facts about Nile are what its documentation says, what others have measured, what is used in
//! public code, or what follows from these; each rule says which. None was tried on Nile itself.
//!
//! # Adding a rule
//!
//! A rule is a file under `rules/` with a `RULE` and its own test, listed in [`ALL`]. The code is in
//! kebab case and stays as it is; the message names the table and says what is wrong in plain words;
//! the help says what to do. The file `tests/samples/not_ready.sql` breaks each rule once.

mod case;
mod catalogue;
mod parts;
pub(crate) mod psql;
mod rules;
mod script;
#[cfg(feature = "squawk")]
mod squawk;

use std::fmt;

pub use case::{Case, Found};
pub use catalogue::{Catalogue, Kind};
pub use rules::{ALL, LAST};
pub use script::{Script, Statement};
use serde::Serialize;
use tenantry_entity::{Engine, Tenancy};

use crate::{report::Finding, schema::Schema};

/// What SQL is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleSet {
    /// Plain PostgreSQL.
    Postgres,
    /// Nile.
    Nile,
    /// Citus: distributed PostgreSQL.
    Citus,
}

impl RuleSet {
    /// Every target.
    pub const ALL: [Self; 3] = [Self::Nile, Self::Postgres, Self::Citus];

    /// The name in options and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Nile => "nile",
            Self::Citus => "citus",
        }
    }

    /// What has to be looked at before anything is sent to `engine`; `None` where the engine itself
    /// undoes everything when it refuses something.
    #[must_use]
    pub fn guarding(engine: Engine) -> Option<Self> {
        (engine == Engine::Nile).then_some(Self::Nile)
    }

    /// The engine whose SQL is read.
    #[must_use]
    pub fn engine(self) -> Engine {
        match self {
            Self::Nile => Engine::Nile,
            Self::Postgres => Engine::Postgres,
            Self::Citus => Engine::Citus,
        }
    }
}

/// What happens where a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The engine refuses it.
    Refused,
    /// It may be refused, or do something else than is meant.
    Unsafe,
}

/// How a fact is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// The engine's documentation says so.
    Documented,
    /// It was measured, by others where it is about Nile.
    Measured,
    /// Public code that uses the engine does without it, and says why.
    Reported,
    /// It follows from something else, or nothing is known.
    Inferred,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Unsafe => "unsafe",
        })
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "documented",
            Self::Measured => "measured",
            Self::Reported => "reported",
            Self::Inferred => "inferred",
        })
    }
}

/// A rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, in kebab case; stable.
    pub code: &'static str,
    /// The engines that it is about.
    pub targets: &'static [RuleSet],
    /// What happens where it is broken.
    pub level: Level,
    /// How that is known.
    pub known: Known,
    /// Where it is said.
    pub source: &'static str,
    /// What to do.
    pub help: &'static str,
    /// What breaks it in a statement.
    pub check: fn(&Case<'_>) -> Vec<Found>,
}

/// What a rule is in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RuleFacts {
    /// What happens where it is broken.
    pub level: Level,
    /// How that is known.
    pub known: Known,
    /// Where it is said.
    pub source: &'static str,
}

/// A place in a script where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LintFinding {
    /// The migration and which half of it, or the file.
    pub script: String,
    /// The line; of a migration, the number of the statement.
    pub line: u64,
    /// What is wrong, and what to do.
    #[serde(flatten)]
    pub finding: Finding,
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleFacts,
}

/// Reads scripts, which run one after the other on a database that has the tables of `catalogue`.
#[must_use]
pub fn lint(target: RuleSet, mut catalogue: Catalogue, scripts: &[Script]) -> Vec<LintFinding> {
    let mut findings = Vec::new();
    for script in scripts {
        for (at, statement) in script.statements.iter().enumerate() {
            catalogue.apply(statement);
            let case = Case { target, script, at, statement, catalogue: &catalogue };
            let ask = |rule: &Rule| {
                let found = (rule.check)(&case).into_iter();
                found.map(|it| rule.finding(script, statement.line, it)).collect::<Vec<_>>()
            };
            let about = ALL.iter().filter(|rule| rule.targets.contains(&target));
            let found: Vec<LintFinding> = about.flat_map(ask).collect();
            findings.extend(if found.is_empty() { ask(&LAST) } else { found });
        }
        #[cfg(feature = "squawk")]
        if target != RuleSet::Nile {
            findings.extend(squawk::lint(script));
        }
    }
    findings
}

impl Rule {
    fn finding(&self, script: &Script, line: u64, found: Found) -> LintFinding {
        let Found { table, object, message } = found;
        let help = self.help.to_owned();
        LintFinding {
            script: script.name.clone(),
            line,
            finding: Finding { code: self.code, table, object, message, help },
            rule: RuleFacts { level: self.level, known: self.known, source: self.source },
        }
    }
}

/// The catalogue that a database has before any of our migrations: what the engine brings along.
#[must_use]
pub fn empty(target: RuleSet, tenancy: Tenancy) -> Catalogue {
    Catalogue::new(target, tenancy)
}

/// The catalogue of a database that has the tables of `schema`.
#[must_use]
pub fn holding(target: RuleSet, tenancy: Tenancy, schema: &Schema) -> Catalogue {
    let mut catalogue = Catalogue::new(target, tenancy);
    catalogue.extend(schema);
    catalogue
}
