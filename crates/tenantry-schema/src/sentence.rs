//! A sentence for people with a code for programs.

use std::{fmt, ops::Deref};

/// What went wrong: a sentence, which may be worded better one day, and a code, which stays.
///
/// The codes are listed in `docs/errors.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Small letters and hyphens: `url-malformed`.
    pub code: &'static str,
    /// The sentence, which says what to do.
    pub text: String,
}

impl Sentence {
    /// A sentence with its code.
    #[must_use]
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Deref for Sentence {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}
