//! What a report looks like: findings, and the one envelope of all JSON output.

use serde::Serialize;

use crate::db::Database;

/// The version of the JSON reports. It grows when a key goes away or changes its meaning; new keys
/// may come without.
pub const VERSION: u32 = 1;

/// One fact that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What kind of fact, in kebab case; stable.
    pub code: &'static str,
    /// The table.
    pub table: String,
    /// What is wrong, in plain words.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The envelope around every JSON report.
#[derive(Clone, Debug, Serialize)]
pub struct Envelope<T> {
    /// [`VERSION`].
    pub version: u32,
    /// The command that made the report.
    pub command: &'static str,
    /// The engine's name.
    pub engine: &'static str,
    /// The file, or host, port and database; never user and password.
    pub database: String,
    /// What this command reports beside findings.
    #[serde(flatten)]
    pub body: T,
    /// The findings; empty when all is well.
    pub findings: Vec<Finding>,
}

impl<T> Envelope<T> {
    /// Puts `body` and `findings` into an envelope.
    #[must_use]
    pub fn new(
        command: &'static str,
        database: &Database,
        body: T,
        findings: Vec<Finding>,
    ) -> Self {
        Self {
            version: VERSION,
            command,
            engine: database.engine.name(),
            database: database.name.clone(),
            body,
            findings,
        }
    }
}
