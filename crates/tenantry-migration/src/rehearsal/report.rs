//! What a rehearsal shows.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

use super::{Phase, RehearsedStep, Touched};
use crate::refusal::{Refusal, size};

/// What came of a rehearsal.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The hash of the plan: what `--confirm` takes.
    pub plan: Option<String>,
    /// The statements, in the order in which they were sent.
    pub steps: Vec<RehearsedStep>,
    /// What would be refused without consent.
    pub refusals: Vec<Refusal>,
    /// The schema that unqualified names belong to, where a script has to say so.
    #[serde(skip)]
    pub schema: Option<String>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

impl Report {
    /// The report as text, one line each.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut last: Option<&Phase> = None;
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
                let _ = writeln!(text, "              {}", sentence(touched));
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

    fn shown(&self) -> impl Iterator<Item = &RehearsedStep> {
        self.steps.iter().filter(|step| !step.reads)
    }
}

/// What was done to a table, in one line.
fn sentence(touched: &Touched) -> String {
    let mut parts = Vec::new();
    parts.extend(touched.lock.as_ref().map(|lock| format!("{lock} lock")));
    parts.push(if touched.rewritten { "rewritten".to_owned() } else { "not rewritten".to_owned() });
    parts.extend(touched.rows.map(|rows| {
        let about = if touched.exact { "" } else { "about " };
        format!("{about}{rows} {}", if rows == 1 { "row" } else { "rows" })
    }));
    parts.extend(touched.bytes.map(size));
    format!("{}: {}", touched.table, parts.join(", "))
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
