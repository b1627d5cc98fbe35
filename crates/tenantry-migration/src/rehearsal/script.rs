//! A rehearsal as a script that `psql` or `sqlite3` runs.

use std::fmt::Write as _;

use tenantry_entity::Engine;

use super::{Phase, Report};
use crate::{
    db::{Database, quoted},
    lock,
};

/// What every script begins with.
pub const SCRIPT: &str = "-- Written by tenantry";

impl Report {
    /// The statements, bookkeeping included, as a script for `psql` or `sqlite3`: in transactions as
    /// a run has them. It takes the lock that keeps other migrations away, and fails on a database
    /// whose journal has moved on.
    #[must_use]
    pub fn script(&self, db: &Database, command: &str) -> String {
        let mut script = format!(
            "{SCRIPT} {}: `{command}`, without doing it.\n\
             -- What it drops or deletes it does not count again: rows that came since are not looked at.\n",
            env!("CARGO_PKG_VERSION")
        );
        script.push_str(if db.engine == Engine::Sqlite {
            "-- Run it with: sqlite3 DATABASE < THIS_FILE\n.bail on\nPRAGMA foreign_keys = OFF;\n"
        } else {
            "-- Run it with: psql --no-psqlrc --file THIS_FILE DATABASE_URL\n\\set ON_ERROR_STOP on\n"
        });
        script.push_str(&begin(db, self.schema.as_deref()));
        let (mut last, mut inside): (Option<&Phase>, bool) = (None, true);
        // What ran outside of a transaction is recorded for good before another migration begins.
        let mut recording = false;
        for step in self.steps.iter().filter(|step| !step.reads) {
            let begins_another = recording && step.what != Phase::Bookkeeping;
            if inside && (!step.rehearsed || begins_another) {
                script.push_str(&leave(db, self.schema.as_deref()));
                inside = false;
            }
            if !inside && step.rehearsed {
                script.push_str(&enter(db, self.schema.as_deref()));
                inside = true;
            }
            recording = !step.rehearsed || (recording && !begins_another);
            if last != Some(&step.what) {
                let _ = writeln!(script, "-- {}", step.what);
                last = Some(&step.what);
            }
            let _ = writeln!(script, "{};", step.sql.trim().trim_end_matches(';'));
        }
        if inside {
            script.push_str("COMMIT;\n");
        }
        script
    }
}

/// What divides a transaction, here as in a run: commits, and keeps the lock.
fn leave(db: &Database, schema: Option<&str>) -> String {
    let mut text = String::new();
    if db.engine.capability().advisory_lock {
        let [_, keep, _] = lock::in_a_script();
        let _ = writeln!(text, "{keep};");
    }
    text.push_str("COMMIT;\n");
    if let Some(schema) = schema {
        let _ = writeln!(text, "SET search_path = {};", quoted(schema));
    }
    text
}

/// What goes on after [`leave`].
fn enter(db: &Database, schema: Option<&str>) -> String {
    let mut text = begin(db, schema);
    if db.engine.capability().advisory_lock {
        let [.., let_go] = lock::in_a_script();
        let _ = writeln!(text, "{let_go};");
    }
    text
}

/// What begins a transaction as a run begins it.
fn begin(db: &Database, schema: Option<&str>) -> String {
    let mut text = String::new();
    text.push_str(if db.engine == Engine::Sqlite { "BEGIN IMMEDIATE;\n" } else { "BEGIN;\n" });
    if let Some(schema) = schema {
        let _ = writeln!(text, "SET LOCAL search_path = {};", quoted(schema));
    }
    if db.engine.capability().session_settings {
        for (name, value) in db.patience.settings() {
            let _ = writeln!(text, "SET LOCAL {name} = '{value}';");
        }
    }
    if db.engine.capability().advisory_lock {
        let [take, ..] = lock::in_a_script();
        let _ = writeln!(text, "{take};");
    }
    text
}
