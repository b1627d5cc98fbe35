//! Opening an SQLite file.

use std::path::Path;

use sea_orm::{
    DatabaseConnection, sqlx,
    sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tenantry_entity::Engine;

use super::{Absent, Database};
use crate::{
    config::FileMode,
    error::{Error, Result, explain_sqlx},
    lock::{BUSY_TIMEOUT, Patience},
    project::Project,
    sql::in_memory_with,
};

pub(super) async fn open_sqlite(
    project: &'static Project,
    path: &Path,
    mode: FileMode,
    absent: Absent,
) -> Result<Database> {
    let shown = path.display();
    if path.is_dir() {
        let said = format!("{shown} is a folder: name a file in DATABASE_URL");
        return Err(Error::unusable("file-is-folder", said));
    }
    let exists = path.try_exists().map_err(|error| {
        let said = format!("cannot look for the SQLite file {shown}: {error}");
        Error::unusable("file-unreadable", said)
    })?;
    if !exists && absent == Absent::InMemory && mode == FileMode::Create {
        let connection = in_memory_with(true).await?;
        return Ok(sqlite(project, connection, path));
    }
    if !exists {
        if absent != Absent::Create || mode != FileMode::Create {
            let said = format!("there is no database file {shown}: `up` or `run` would create it");
            return Err(Error::unusable("no-such-file", said));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
            && !folder.is_dir()
        {
            let said = format!(
                "the folder {} does not exist: create it, or name another in DATABASE_URL",
                folder.display()
            );
            return Err(Error::unusable("no-such-folder", said));
        }
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(absent == Absent::Create && mode == FileMode::Create)
        .read_only(mode == FileMode::ReadOnly)
        .foreign_keys(true)
        // Those that insert are large, and few of them are in use at a time.
        .statement_cache_capacity(8)
        .busy_timeout(BUSY_TIMEOUT);
    let failed = |error: &sqlx::Error| {
        let said = format!("cannot use the SQLite file {shown}: {}", explain_sqlx(error));
        Error::unusable("file-unusable", said)
    };
    // One connection: a second one would wait for the first one's locks.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .map_err(|error| failed(&error))?;
    // Opening reads nothing; this does, and so finds a file that is no database or is locked.
    sqlx::query("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&pool)
        .await
        .map_err(|error| failed(&error))?;
    Ok(sqlite(project, DatabaseConnection::from(pool), path))
}

fn sqlite(project: &'static Project, connection: DatabaseConnection, path: &Path) -> Database {
    Database {
        project,
        connection,
        engine: Engine::Sqlite,
        name: path.display().to_string(),
        application_role: project.names().application_role.to_owned(),
        patience: Patience::default(),
    }
}
