//! The only thing that prints.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    error::{Error, Result},
    refusal::Refusal,
};

/// Writes data to standard output and talk to standard error.
pub struct Printer {
    out: Box<dyn Write>,
    closed: bool,
    has_report: bool,
}

impl Printer {
    /// A printer on the process's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self { out: Box::new(io::stdout()), closed: false, has_report: false }
    }

    /// Writes one line of data. When the reader has closed the pipe, it has seen enough,
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
        self.line(text)
            .map_err(|error| Error::unusable("output-failed", format!("it is done, but: {error}")))
    }

    /// Writes a report as JSON, indented.
    ///
    /// # Errors
    ///
    /// As [`Printer::line`].
    pub fn json(&mut self, report: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(report).map_err(io::Error::from)?;
        self.has_report = true;
        self.line(&text)
    }

    /// Writes an error: as a sentence to standard error, and where a report was asked for and there is none
    /// yet, to standard output as JSON.
    pub fn error(&mut self, error: &Error, as_json: bool) {
        self.note(&format!("error: {error}"));
        if as_json && !self.has_report {
            // If standard output fails too, the exit code still reports the error.
            let _ = self.json(&Failed { error: Failure::of(error) });
        }
    }

    /// Writes one line of talk. A closed standard error is no failure.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", printable(text));
    }

    /// Writes a question and leaves the cursor behind it.
    pub fn prompt(&mut self, text: &str) {
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
    }
}

/// A report in whose place there is an error.
#[derive(Serialize)]
struct Failed<'e> {
    error: Failure<'e>,
}

#[derive(Serialize)]
struct Failure<'e> {
    /// As [`Error::code`].
    code: &'static str,
    message: String,
    /// What would be lost, and the hash that consents to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'e Refusal>,
}

impl<'e> Failure<'e> {
    fn of(error: &'e Error) -> Self {
        let refusal = match error {
            Error::Refused(refusal) => Some(&**refusal),
            _ => None,
        };
        Self { code: error.code(), message: error.to_string(), refusal }
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
