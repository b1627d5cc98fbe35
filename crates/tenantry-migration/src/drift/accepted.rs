//! Differences that were accepted, each by name and with a reason: a file that is checked in, and
//! compared exactly, so that an entry that fits nothing is a finding.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::{crossing::CAN_CROSS, finding};
use crate::{
    diff::Change,
    error::{Error, Result},
    isolation,
    project::Project,
    report::Finding,
};

/// Every difference that was accepted.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Accepted {
    accepted: Vec<AcceptedDrift>,
}

/// A difference that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedDrift {
    /// The finding's code.
    pub code: String,
    /// Its table.
    pub table: String,
    /// Its object: the name of a column, a key, an index or a check.
    pub object: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Whether it has to be in every database. One that was adopted has differences that those have not which the
    /// migrations have made.
    #[serde(default = "everywhere", skip_serializing_if = "is_everywhere")]
    pub everywhere: bool,
}

fn everywhere() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_everywhere(everywhere: &bool) -> bool {
    *everywhere
}

impl Accepted {
    /// The list in `migration/accepted_drift.json`, as it was when this was compiled.
    ///
    /// # Errors
    ///
    /// If it is no such list.
    pub fn compiled_in(project: &Project) -> Result<Self> {
        Self::of(project.accepted_drift)
    }

    /// The list that a project has; an empty text is an empty list.
    pub(crate) fn of(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        Self::parse(text, "migration/accepted_drift.json")
    }

    /// What is accepted of the entities themselves. The rest of the list is about one database.
    #[must_use]
    pub fn of_any_database(mut self) -> Self {
        self.accepted.retain(|entry| entry.code == CAN_CROSS);
        self
    }

    /// The list in a file, or the one that was compiled in.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no such list.
    pub fn read(project: &Project, file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else { return Self::compiled_in(project) };
        let shown = file.display().to_string();
        let text = fs::read_to_string(file).map_err(|error| {
            Error::config("file-unreadable", format!("{shown} cannot be read: {error}"))
        })?;
        Self::parse(&text, &shown)
    }

    fn parse(text: &str, shown: &str) -> Result<Self> {
        let list: Self = serde_json::from_str(text).map_err(|error| {
            Error::config(
                "accepted-drift-malformed",
                format!("{shown} is no list of accepted differences: {error}"),
            )
        })?;
        match list.accepted.iter().find(|entry| entry.reason.trim().is_empty()) {
            Some(entry) => Err(Error::config(
                "accepted-drift-malformed",
                format!(
                    "{shown} accepts {} of {} without a reason: give one",
                    entry.code, entry.table
                ),
            )),
            None => Ok(list),
        }
    }

    /// The same list with what is said of adopted tables: each difference once, for those databases that have it.
    #[must_use]
    pub fn with_adopted(mut self, findings: &[Finding], reason: &str) -> Self {
        for found in findings {
            let entry = AcceptedDrift {
                code: found.code.to_owned(),
                table: found.table.clone(),
                object: found.object.clone(),
                reason: reason.to_owned(),
                everywhere: false,
            };
            if !self.accepted.contains(&entry) {
                self.accepted.push(entry);
            }
        }
        self
    }

    /// Leaves out what was accepted; gives the rest, and the entries that fit nothing.
    #[must_use]
    pub fn without(
        &self,
        mut changes: Vec<Change>,
        mut exposed: Vec<Finding>,
    ) -> (Vec<Change>, Vec<Finding>, Vec<AcceptedDrift>) {
        let mut used = vec![false; self.accepted.len()];
        let mut is_new = |found: &Finding| {
            let entry = self.accepted.iter().position(|entry| {
                (entry.code.as_str(), &entry.table, &entry.object)
                    == (found.code, &found.table, &found.object)
            });
            if let Some(at) = entry {
                used[at] = true;
            }
            entry.is_none()
        };
        changes.retain(|change| is_new(&finding(change)));
        exposed.retain(is_new);
        let stale = self
            .accepted
            .iter()
            .zip(used)
            .filter(|(entry, used)| !used && entry.everywhere && !entry.is_of_isolation());
        let stale = stale.map(|(entry, _)| entry.clone()).collect();
        (changes, exposed, stale)
    }

    /// The same of what came of attacks: only [`untested`](crate::isolation::untested) can be accepted. What went
    /// through cannot.
    #[must_use]
    pub fn without_untested(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        let entries = || self.accepted.iter().filter(|entry| entry.is_of_isolation());
        let is_accepted = |entry: &AcceptedDrift, found: &Finding| {
            (entry.code.as_str(), &entry.table, &entry.object)
                == (found.code, &found.table, &found.object)
        };
        let stale: Vec<Finding> = entries()
            .filter(|entry| !findings.iter().any(|found| is_accepted(entry, found)))
            .map(AcceptedDrift::stale)
            .collect();
        findings.retain(|found| !entries().any(|entry| is_accepted(entry, found)));
        findings.extend(stale);
        findings
    }
}

impl AcceptedDrift {
    /// Whether it is about an attack, which only a validation tries.
    fn is_of_isolation(&self) -> bool {
        self.code == isolation::UNTESTED
    }

    /// The finding that an entry fits nothing.
    pub(super) fn stale(&self) -> Finding {
        let object = self.object.as_ref().map(|object| format!(" {object}")).unwrap_or_default();
        Finding {
            code: "accepted-drift-stale",
            table: self.table.clone(),
            object: self.object.clone(),
            message: format!(
                "{}{object} is accepted, because {}, but there is no such difference",
                self.code, self.reason
            ),
            help: "take the entry out of migration/accepted_drift.json".to_owned(),
        }
    }
}
