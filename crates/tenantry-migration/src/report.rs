//! What a report looks like: findings, and the one envelope of all JSON output.

use serde::Serialize;

pub use tenantry_schema::report::{DATABASE, Finding};

use crate::db::Database;

/// The version of the JSON reports. It grows when a key goes away or changes its meaning; new keys
/// may come without.
pub const VERSION: u32 = 1;

/// The envelope around every JSON report.
#[derive(Clone, Debug, Serialize)]
pub struct Envelope<T, F = Finding> {
    /// [`VERSION`].
    pub version: u32,
    /// The command that made the report.
    pub command: &'static str,
    /// The engine's name, if the command works on a database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<&'static str>,
    /// The file, or host, port and database; never user and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// What this command reports beside findings.
    #[serde(flatten)]
    pub body: T,
    /// The findings; empty when all is well.
    pub findings: Vec<F>,
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
            engine: Some(database.engine.name()),
            database: Some(database.name.clone()),
            body,
            findings,
        }
    }
}

impl<T, F> Envelope<T, F> {
    /// The report of a command that works on no database.
    #[must_use]
    pub fn offline(command: &'static str, body: T, findings: Vec<F>) -> Self {
        Self { version: VERSION, command, engine: None, database: None, body, findings }
    }
}
