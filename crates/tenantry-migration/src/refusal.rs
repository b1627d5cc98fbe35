//! Why something was not done.

use std::fmt;

use serde::Serialize;
use tenantry_schema::list::List;

/// Why something was not done, and what would let it pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// A code for programs, which stays when the reason is worded better.
    pub code: &'static str,
    /// What was refused and why, in one sentence.
    pub reason: String,
    /// The tables that would be dropped with real rows in them.
    pub losses: Vec<Loss>,
    /// What was made by hand, beside what the migrations made.
    pub by_hand: Vec<String>,
    /// The value for `--confirm` that consents to exactly this; `None` if no consent helps.
    pub hash: Option<String>,
}

/// A table and the rows in it that are not the seeder's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The table.
    pub table: String,
    /// The columns that the rows would lose, if they stay themselves.
    pub columns: Vec<String>,
    /// How many rows are real, or count as such.
    pub real_rows: i64,
    /// Whether they are sample rows, or some of them, that were edited since, or taken some
    /// of them away: which ones is not known.
    pub edited: bool,
    /// How much room the table takes with its indexes, in bytes; `None` where that is not known.
    pub bytes: Option<i64>,
}

/// A number of bytes for people: `640 KiB`.
#[must_use]
pub fn size(bytes: i64) -> String {
    let mut unit = 0;
    let mut rest = bytes;
    while rest >= 10 * 1024 && unit < 4 {
        rest /= 1024;
        unit += 1;
    }
    format!("{rest} {}", ["bytes", "KiB", "MiB", "GiB", "TiB"][unit])
}

impl Refusal {
    /// A refusal that no consent lifts.
    #[must_use]
    pub fn plain(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), losses: Vec::new(), by_hand: Vec::new(), hash: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        for Loss { table, columns, real_rows, edited, bytes } in &self.losses {
            let rows = if *real_rows == 1 { "row" } else { "rows" };
            let size = bytes.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
            let edited = if *edited { ", with edited sample rows" } else { "" };
            let columns = match columns.len() {
                0 => String::new(),
                1 => format!(" would lose the column {}", List(columns)),
                _ => format!(" would lose the columns {}", List(columns)),
            };
            write!(f, "\n  {table}: {real_rows} {rows}{columns}{size}{edited}")?;
        }
        for line in &self.by_hand {
            // A name may have line breaks in it.
            let line = line.replace(|it: char| it.is_control(), " ");
            write!(f, "\n  made by hand: {line}")?;
        }
        match &self.hash {
            Some(hash) => write!(f, "\nTo go ahead with exactly this, add --confirm {hash}"),
            None => Ok(()),
        }
    }
}
