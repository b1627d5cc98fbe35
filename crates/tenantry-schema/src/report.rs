//! What is not as it should be.

use serde::Serialize;

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
