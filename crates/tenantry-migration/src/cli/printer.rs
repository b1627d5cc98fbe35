//! The only thing that prints.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::{Error, Result};

/// Writes data to standard output and talk to standard error.
pub struct Printer {
    out: Box<dyn Write>,
    closed: bool,
}

impl Printer {
    /// A printer on the process's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self { out: Box::new(io::stdout()), closed: false }
    }

    /// Writes one line of data. When whoever reads it has closed the pipe, they have seen enough,
    /// and the rest is left out.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written to for another reason, such as a full disk.
    pub fn line(&mut self, text: &str) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        match writeln!(self.out, "{}", printable(text)) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// The same for what says that something was changed in a database.
    ///
    /// # Errors
    ///
    /// As [`Printer::line`], with an error that says that it is done.
    pub fn done(&mut self, text: &str) -> Result<()> {
        self.line(text).map_err(|error| Error::Unusable(format!("it is done, but: {error}")))
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
        let _ = writeln!(io::stderr(), "{}", printable(text));
    }

    /// Writes a question and leaves the cursor behind it.
    pub fn prompt(&mut self, text: &str) {
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
    }
}

/// Names come from databases and files, and a terminal obeys what they hold: control characters
/// are written out.
fn printable(text: &str) -> String {
    let harmless = |c: char| !c.is_control() || c == '\n';
    if text.chars().all(harmless) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if harmless(c) { c.to_string() } else { c.escape_default().to_string() })
        .collect()
}
