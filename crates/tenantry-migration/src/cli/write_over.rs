//! Files that a command writes where an option says.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    path::Path,
};

use crate::error::{Error, Result};

/// Writes what begins like this and is called so, in the place of an older one, but of nothing else.
pub(super) fn write_over(file: &Path, text: &str, beginning: &str, what: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::unusable("file-unwritable", format!("cannot write {}: {error}", file.display()))
    };
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).open(file);
    let opened = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && file.is_file() => {
            let mut begins = String::new();
            let old = File::open(file).map_err(failed)?;
            // What is no text is none of ours.
            let _ = old.take(beginning.len() as u64).read_to_string(&mut begins);
            if begins != beginning && file.metadata().map_err(failed)?.len() > 0 {
                return Err(Error::unusable(
                    "file-exists",
                    format!(
                        "{} exists already, and is no {what} of this program: name another file",
                        file.display()
                    ),
                ));
            }
            OpenOptions::new().write(true).truncate(true).open(file)
        }
        // A pipe or a terminal.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).open(file)
        }
        opened => opened,
    };
    opened.and_then(|mut opened| opened.write_all(text.as_bytes())).map_err(failed)
}
