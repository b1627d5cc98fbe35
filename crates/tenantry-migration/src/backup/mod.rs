//! Rows that are about to be lost, written to a file, and brought back from it.
//!
//! A backup is lines of JSON: a header, then for each table, parents before children, a line that
//! begins with `#`, and a line for each of its rows; and in the end, a line with the number of rows.
//! What a row looks like is the engine's: on PostgreSQL what `row_to_json` makes of it, with json
//! values as text; on SQLite literals as `quote` makes them.

mod literal;
mod restore;
mod write;

use serde::{Deserialize, Serialize};

pub use restore::{Restored, RestoredTable, restore};
pub(crate) use write::Backup;

use crate::schema::Table;

/// The version of the format.
const VERSION: u32 = 1;

/// A table that loses something.
pub(crate) struct Losing {
    pub table: Table,
    /// The columns that go, if the table stays.
    pub columns: Vec<String>,
    /// Whether rows may go.
    pub rows: bool,
}

/// The first line of a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    /// The engine that the rows come from, and can go back to.
    engine: String,
    /// When it was made, as RFC 3339.
    made_at: String,
    /// The command that took the rows away.
    command: String,
    /// What went with them and is not in here.
    not_included: Vec<String>,
}

/// The line before the rows of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TableHeader {
    table: String,
    /// The columns of its rows.
    columns: Vec<String>,
    /// The columns of its primary key.
    key: Vec<String>,
    /// The columns that were lost where the rows themselves stayed.
    lost: Vec<String>,
    /// Whether rows may have gone.
    rows: bool,
}

/// The last line.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct End {
    /// How many rows there are in the file.
    rows: u64,
}

/// What stands behind the sign of a line that is no row.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Mark {
    Table(TableHeader),
    End(End),
}

/// What the line of a table begins with, which no row does.
const TABLE: &str = "#";
