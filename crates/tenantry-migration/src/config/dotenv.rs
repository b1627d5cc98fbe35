//! The file `.env`.

use crate::error::{Error, Result};

/// Reads `.env` from the current folder or the nearest one above it. Variables that are already
/// set stay as they are.
///
/// # Errors
///
/// If there is such a file and it cannot be read. The message names the line by its number only.
pub fn load_dotenv() -> Result<()> {
    // A variable cannot hold a NUL, and the standard library panics when one is set to it.
    let has_nul = dotenvy::dotenv_iter().is_ok_and(|variables| {
        variables.flatten().any(|(name, value)| name.contains('\0') || value.contains('\0'))
    });
    if has_nul {
        return Err(Error::config(
            "dotenv-malformed",
            "the .env file is malformed: it has a NUL character in it",
        ));
    }
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        // The library's error quotes the line, which may hold a secret.
        Err(dotenvy::Error::LineParse(line, _)) => {
            let at = std::fs::read_to_string(".env")
                .ok()
                .and_then(|text| text.lines().position(|l| l.trim() == line.trim()))
                .map(|index| format!(" at line {}", index + 1))
                .unwrap_or_default();
            Err(Error::config(
                "dotenv-malformed",
                format!("the .env file is malformed{at}: each line has to be NAME=value"),
            ))
        }
        Err(dotenvy::Error::Io(error)) => Err(Error::config(
            "dotenv-unreadable",
            format!("the .env file cannot be read: {error}"),
        )),
        Err(_) => Err(Error::config("dotenv-unreadable", "the .env file cannot be read")),
    }
}
