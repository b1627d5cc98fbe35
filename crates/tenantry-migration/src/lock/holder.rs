//! Who holds the lock.

use std::{fmt, path::PathBuf};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use tenantry_entity::Engine;

use super::{SCHEMA_KEY, SEED_KEY};

/// Who holds a lock, as far as the server or the operating system tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The process: the server's on PostgreSQL, the command's on SQLite.
    pub pid: Option<i32>,
    /// The host that it is connected from, or runs on.
    pub host: Option<String>,
    /// The role on PostgreSQL, the user of the operating system on SQLite.
    pub user: Option<String>,
    /// What it calls itself.
    pub application: Option<String>,
    /// Since when its transaction, or the process, has been there.
    pub since: Option<DateTime<Utc>>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pid) = self.pid else { return f.write_str("another process") };
        write!(f, "process {pid}")?;
        let application = self.application.as_ref().filter(|name| !name.is_empty());
        if let Some(application) = application {
            write!(f, " ({application})")?;
        }
        if let Some(host) = &self.host {
            write!(f, " from {host}")?;
        }
        if let Some(user) = &self.user {
            write!(f, " as {user}")?;
        }
        if let Some(since) = self.since {
            write!(f, " since {}", since.format("%Y-%m-%d %H:%M:%S UTC"))?;
        }
        Ok(())
    }
}

/// Who holds the lock of the current schema.
pub(super) async fn on_postgres<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
) -> Result<Holder, DbErr> {
    // A pair of keys is kept as classid and objid, with objsubid 2:
    // https://www.postgresql.org/docs/15/view-pg-locks.html
    let keys = [SCHEMA_KEY, SEED_KEY].map(|key| {
        let (first, second) = key.split_once(", ").unwrap_or_default();
        format!("(l.classid = ({first})::oid AND l.objid = ({second})::oid)")
    });
    let sql = format!(
        "SELECT l.pid, CASE WHEN a.client_port = -1 THEN 'this server' ELSE host(a.client_addr) END AS host, \
         a.usename::text AS usr, a.application_name AS application, \
         coalesce(a.xact_start, a.backend_start) AS since \
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
         AND l.pid <> pg_backend_pid() AND l.database = \
         (SELECT oid FROM pg_database WHERE datname = current_database()) AND ({}) \
         ORDER BY l.mode, l.pid LIMIT 1",
        keys.join(" OR ")
    );
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    // It may have finished just now.
    let Some(row) = row else { return Ok(Holder::default()) };
    Ok(Holder {
        pid: row.try_get("", "pid")?,
        host: row.try_get("", "host")?,
        user: row.try_get("", "usr")?,
        application: row.try_get("", "application")?,
        since: row.try_get("", "since")?,
    })
}

/// Who writes to an SQLite file, where the operating system tells.
pub(super) fn of_file(database: Option<PathBuf>) -> Holder {
    #[cfg(target_os = "linux")]
    let writer = database.and_then(|file| super::proc::writer(&file));
    #[cfg(not(target_os = "linux"))]
    let writer: Option<Holder> = database.and(None);
    writer.unwrap_or_default()
}
