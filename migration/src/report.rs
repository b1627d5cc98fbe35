//! What a report looks like: findings, and the one envelope of all JSON output.

use serde::Serialize;

use crate::db::Database;

/// The version of the JSON reports. It grows when a key goes away or changes its meaning; new keys
/// may come without.
pub const VERSION: u32 = 1;

/// What stands in the place of a table in what is about none.
pub const DATABASE: &str = "(database)";

/// One fact that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What kind of fact, in kebab case; stable.
    pub code: &'static str,
    /// The table.
    pub table: String,
    /// The column, key, index or check in the table, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What is wrong, in plain words.
    pub message: String,
    /// What to do.
    pub help: String,
}

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
