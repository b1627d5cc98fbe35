//! A rehearsal as a script that `psql` or `sqlite3` runs.

use std::fmt::Write as _;

use entity::Engine;

use super::{Report, What};
use crate::{db::Database, lock};

impl Report {
    /// The statements, bookkeeping included, as a script for `psql` or `sqlite3`: all of it in one
    /// transaction. It takes the lock that keeps other migrations away, and fails on a database
    /// whose journal has moved on.
    #[must_use]
    pub fn script(&self, db: &Database, command: &str) -> String {
        let mut script = format!(
            "-- `{command}`, written by tenantry {} without doing it.\n",
            env!("CARGO_PKG_VERSION")
        );
        if db.engine == Engine::Sqlite {
            script.push_str(
                "-- Run it with: sqlite3 DATABASE < THIS_FILE\n.bail on\n\
                 PRAGMA foreign_keys = OFF;\nBEGIN IMMEDIATE;\n",
            );
        } else {
            script.push_str(
                "-- Run it with: psql --no-psqlrc --file THIS_FILE DATABASE_URL\n\
                 \\set ON_ERROR_STOP on\nBEGIN;\n",
            );
        }
        if db.engine.capability().session_settings {
            for (name, value) in db.patience.settings() {
                let _ = writeln!(script, "SET LOCAL {name} = '{value}';");
            }
        }
        if db.engine.capability().advisory_lock {
            let _ = writeln!(script, "{};", lock::in_a_script());
        }
        let mut last: Option<&What> = None;
        for step in self.steps.iter().filter(|step| !step.reads) {
            if last != Some(&step.what) {
                let _ = writeln!(script, "-- {}", step.what);
                last = Some(&step.what);
            }
            let _ = writeln!(script, "{};", step.sql.trim().trim_end_matches(';'));
        }
        for name in &self.not_rehearsed {
            let _ = writeln!(
                script,
                "-- Left out: {name}, which runs outside of a transaction; `migration up` applies it."
            );
        }
        script.push_str("COMMIT;\n");
        script
    }
}
