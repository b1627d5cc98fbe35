//! The only thing that prints.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::Result;

/// Writes data to standard output and talk to standard error.
pub struct Printer {
    out: Box<dyn Write>,
}

impl Printer {
    /// A printer on the process's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self { out: Box::new(io::stdout()) }
    }

    /// Writes one line of data.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written to, for example because the pipe is closed.
    pub fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}")?;
        Ok(())
    }

    /// Writes a report as JSON, indented.
    ///
    /// # Errors
    ///
    /// As [`Printer::line`].
    pub fn json(&mut self, report: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(report).map_err(io::Error::from)?;
        self.line(&text)
    }

    /// Writes one line of talk. Nobody has to listen: a closed standard error is no failure.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Writes a question and leaves the cursor behind it.
    pub fn prompt(&mut self, text: &str) {
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
    }
}
