//! The lock of an SQLite database between two transactions: a file beside it, which the operating
//! system unlocks when its holder ends, however that is.

use std::{
    ffi::OsString,
    fs::{File, TryLockError, remove_file},
    path::{Path, PathBuf},
};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend};

use crate::error::Result;

/// The file behind a connection; `None` if it is in memory, or no SQLite database.
pub(crate) fn sqlite_file(db: &DatabaseConnection) -> Option<PathBuf> {
    if db.is_mock_connection() || db.get_database_backend() != DbBackend::Sqlite {
        return None;
    }
    let options = db.get_sqlite_connection_pool().connect_options();
    let file = options.get_filename();
    // The second one is how sqlx names a database in memory that a URL asks for.
    let in_memory = |name: &str| name == ":memory:" || name.starts_with("file:sqlx-in-memory");
    (!file.to_str().is_some_and(in_memory)).then(|| file.to_owned())
}

/// The lock, held.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    _file: File,
}

impl LockFile {
    /// Takes the lock of this database. Only who has begun a transaction may, so no other process can be
    /// taking it.
    pub(crate) fn take(database: &Path) -> Result<Self> {
        let path = beside(database);
        let file = File::create(&path)?;
        file.lock()?;
        Ok(Self { path, _file: file })
    }

    /// Whether a process holds it. What a killed process has left is removed.
    pub(crate) fn is_held(database: &Path) -> bool {
        let path = beside(database);
        let Ok(file) = File::open(&path) else { return false };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => true,
            // A file system without locks has no holder.
            Err(TryLockError::Error(_)) | Ok(()) => {
                let _ = remove_file(&path);
                false
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Without the file the lock is as good as released; it is released when the file is closed.
        let _ = remove_file(&self.path);
    }
}

fn beside(database: &Path) -> PathBuf {
    // By whichever of its names it is opened.
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let mut path = OsString::from(database);
    path.push("-migrating");
    path.into()
}
