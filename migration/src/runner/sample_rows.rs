//! How sample rows are told from real ones in SQL.

use std::fmt;

use entity::{Engine, sample_id};

/// SQL that is true where a uuid column holds the id of a sample row; see [`sample_id`].
#[derive(Clone, Copy, Debug)]
pub struct SampleRows<'a> {
    /// The engine that will run it.
    pub engine: Engine,
    /// The column, as an SQL name.
    pub column: &'a str,
}

impl SampleRows<'_> {
    /// The id as text.
    pub(super) fn as_text(self) -> String {
        match self.engine {
            Engine::Sqlite => format!("lower(hex({}))", self.column),
            _ => format!("{}::text", self.column),
        }
    }
}

impl fmt::Display for SampleRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.as_text();
        let tag = sample_id::TAG;
        match self.engine {
            // sqlx keeps a uuid as a blob of 16 bytes, whose hex has no dashes.
            Engine::Sqlite => write!(
                f,
                "length({text}) = 32 AND substr({text}, 13, 1) = '8' \
                 AND substr({text}, 17, 4) = '{tag:x}'"
            ),
            _ => write!(f, "substr({text}, 15, 1) = '8' AND substr({text}, 20, 4) = '{tag:x}'"),
        }
    }
}
