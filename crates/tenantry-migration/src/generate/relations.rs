//! Looks whether SeaORM can read the entities' relations, in a process of its own: where it cannot, the process dies.
//!
//! `has_many` and `has_one` ask the other side for its foreign key. If both sides are of these, they ask each other
//! until the stack overflows, which no program survives.

use std::{
    io::{self, Write as _},
    process::{Command, ExitCode, Stdio},
    thread,
};

use crate::{
    Project,
    config::env::TENANTRY_ONLY_RELATIONS,
    error::{Error, ModelError, Result},
};

/// Enough for any relation that ends, and soon used up by one that does not.
const STACK: usize = 256 * 1024;

/// Reads the relations and says which, if that is what this process is for.
#[must_use]
pub(crate) fn read_only(project: &'static Project) -> Option<ExitCode> {
    std::env::var_os(TENANTRY_ONLY_RELATIONS)?;
    let read = || {
        let mut out = io::stdout();
        for def in (project.tables)() {
            def.follow_relations(&mut |relation| {
                // A pipe that is closed changes nothing of the answer.
                let _ = writeln!(out, "{} {relation}", def.name).and_then(|()| out.flush());
            });
        }
    };
    let reader = thread::Builder::new().stack_size(STACK).spawn(read);
    let done = reader.is_ok_and(|reader| reader.join().is_ok());
    Some(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fails where a relation cannot be read.
///
/// # Errors
///
/// [`Error::Model`] that names the relation. Where no process can be started, nothing is known, and that is none.
pub(crate) fn check() -> Result<()> {
    let Ok(program) = std::env::current_exe() else { return Ok(()) };
    let mut child = Command::new(program);
    child.env(TENANTRY_ONLY_RELATIONS, "1").stdin(Stdio::null()).stderr(Stdio::null());
    let Ok(output) = child.output() else { return Ok(()) };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let Some((table, relation)) = said.lines().last().and_then(|line| line.split_once(' ')) else {
        return Ok(());
    };
    let way = format!(
        "`def.without_relations(\"{table}\", &[\"{relation}\"])` in the project's `tables`"
    );
    // Who panics ends by itself, with a code; who has no stack left is ended by a signal.
    Err(Error::Model(ModelError(if output.status.code().is_some() {
        format!(
            "{table}: the relation {relation} panics when SeaORM asks for it: mend it, or have it left out: {way}"
        )
    } else {
        format!(
            "{table}: SeaORM never comes to the end of the relation {relation}: here and in the other entity it is \
             `has_many` or `has_one`, and each asks the other for the foreign key. Make the side that has the column \
             a `belongs_to`; or, if there is no such column, have it left out: {way}"
        )
    })))
}
