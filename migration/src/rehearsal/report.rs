//! What a rehearsal shows.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

use crate::refusal::{Refusal, size};

/// What a statement is a part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
pub enum What {
    /// Applying a migration.
    Up(String),
    /// Rolling back a migration.
    Down(String),
    /// Dropping tables, and what hangs on them.
    Drop,
    /// Locking what would be lost.
    Lock,
    /// The bookkeeping and the journal.
    Bookkeeping,
    /// The application role's privileges.
    Grants,
    /// Sample rows.
    Seed,
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Up(name) => write!(f, "{name} up"),
            Self::Down(name) => write!(f, "{name} down"),
            Self::Drop => f.write_str("dropping"),
            Self::Lock => f.write_str("locking what would be lost"),
            Self::Bookkeeping => f.write_str("bookkeeping"),
            Self::Grants => f.write_str("grants"),
            Self::Seed => f.write_str("sample rows"),
        }
    }
}

/// A statement that was rehearsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it is a part of.
    pub what: What,
    /// The statement, with its values.
    pub sql: String,
    /// Whether it was tried. What runs outside of a transaction was not, since nothing could undo it.
    pub rehearsed: bool,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// What it did to tables that were there before.
    pub tables: Vec<Touched>,
    /// Whether it only asks.
    #[serde(skip)]
    pub reads: bool,
}

/// What a statement did to a table that was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// The table; with its schema if it is not the current one.
    pub table: String,
    /// The strongest lock on it that this statement took, if it is stronger than one held before: as
    /// PostgreSQL calls it.
    pub lock: Option<String>,
    /// Whether the table was written anew, row by row.
    pub rewritten: bool,
    /// How many rows it had before; about, unless `exact`.
    pub rows: Option<i64>,
    /// Whether the rows were counted and not estimated.
    pub exact: bool,
    /// How much room it took before with its indexes, in bytes.
    pub bytes: Option<i64>,
}

/// What came of a rehearsal.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The hash of the plan: what `--confirm` takes.
    pub plan: Option<String>,
    /// The statements, in the order in which they were sent.
    pub steps: Vec<Step>,
    /// What would be refused without consent.
    pub refusals: Vec<Refusal>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

impl Report {
    /// The report as text, one line each.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut last: Option<&What> = None;
        for step in self.shown() {
            if last != Some(&step.what) {
                let _ = writeln!(text, "{}", step.what);
                last = Some(&step.what);
                if !step.rehearsed {
                    text.push_str(
                        "  not rehearsed: it runs outside of a transaction, so nothing could undo it\n",
                    );
                }
            }
            let sql = step.sql.split_whitespace().collect::<Vec<_>>().join(" ");
            let took = if step.rehearsed { time(step.micros) } else { " not tried".to_owned() };
            let _ = writeln!(text, "  {took}  {sql}");
            for touched in &step.tables {
                let _ = writeln!(text, "              {}", touched.sentence());
            }
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        let shown = self.shown().filter(|step| step.rehearsed).count();
        let micros: u64 = self.steps.iter().map(|step| step.micros).sum();
        let _ = writeln!(
            text,
            "rehearsed {shown} statements in {}; everything was rolled back",
            time(micros).trim_start()
        );
        if let Some(plan) = &self.plan {
            let _ = writeln!(text, "plan {plan}");
        }
        text
    }

    fn shown(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !step.reads)
    }
}

impl Touched {
    fn sentence(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.lock.as_ref().map(|lock| format!("{lock} lock")));
        parts.push(if self.rewritten {
            "rewritten".to_owned()
        } else {
            "not rewritten".to_owned()
        });
        parts.extend(self.rows.map(|rows| {
            let about = if self.exact { "" } else { "about " };
            format!("{about}{rows} {}", if rows == 1 { "row" } else { "rows" })
        }));
        parts.extend(self.bytes.map(size));
        format!("{}: {}", self.table, parts.join(", "))
    }
}

/// A time, right-aligned.
fn time(micros: u64) -> String {
    let time = Duration::from_micros(micros);
    if micros < 10_000_000 {
        format!("{:>7.1} ms", time.as_secs_f64() * 1000.0)
    } else {
        format!("{:>7.1} s ", time.as_secs_f64())
    }
}
