//! Objects that entities cannot say, around the changes of tables: those that are gone or become others, or stand in
//! the way, go first, and come again last.

use std::collections::BTreeSet;

use super::Operation;
use crate::{
    diff::Change,
    schema::{
        Schema,
        objects::{File, On},
    },
};

/// What is done about objects.
#[derive(Default)]
pub(super) struct Objects {
    /// Before anything else.
    pub before: Vec<Operation>,
    /// After all else.
    pub after: Vec<Operation>,
}

impl Objects {
    /// What becomes of the objects of `from`, where tables change so.
    pub(super) fn of(from: &Schema, to: &Schema, changes: &[Change]) -> Self {
        let (there, wanted) = (from.object_files(), to.object_files());
        let named = |files: &'_ [File], name: &str| files.iter().position(|it| it.name == name);
        let mut going: BTreeSet<&str> = BTreeSet::new();
        let mut replaced: BTreeSet<&str> = BTreeSet::new();
        for file in &there {
            let after = named(&wanted, &file.name).map(|at| &wanted[at]);
            if after.is_some_and(|after| after.parts == file.parts) {
                continue;
            }
            if after.is_some_and(|after| file.is_replaced_by(after)) {
                replaced.insert(&file.name);
            } else {
                going.insert(&file.name);
            }
        }
        let altered: Vec<&str> = changes.iter().flat_map(held).collect();
        for file in there.iter().filter(|file| !file.comes_before_tables()) {
            if altered.iter().any(|name| file.needs(name)) {
                going.insert(&file.name);
            }
        }
        // What needs one that goes, goes with it.
        loop {
            let gone: Vec<&str> = there
                .iter()
                .filter(|file| going.contains(file.name.as_str()))
                .flat_map(File::made)
                .map(|made| made.name.as_str())
                .collect();
            let more = there.iter().find(|file| {
                !going.contains(file.name.as_str()) && gone.iter().any(|name| file.needs(name))
            });
            let Some(more) = more else { break };
            going.insert(&more.name);
        }
        let goes = |file: &&File| going.contains(file.name.as_str());
        let drops = |file: &File| statements(file.on, file.drops());
        // Types go after the tables that may have them, unless they come again.
        let (types, others): (Vec<&File>, Vec<&File>) =
            there.iter().rev().filter(goes).partition(|file| file.comes_before_tables());
        let (again, gone): (Vec<&File>, Vec<&File>) =
            types.into_iter().partition(|file| named(&wanted, &file.name).is_some());
        let mut objects = Self::default();
        objects.before.extend(others.into_iter().chain(again).flat_map(drops));
        let comes = |file: &&File| {
            named(&there, &file.name).is_none() || going.contains(file.name.as_str())
        };
        for file in wanted.iter().filter(comes) {
            let parts = file.parts.iter().map(|part| part.sql.clone()).collect();
            let list =
                if file.comes_before_tables() { &mut objects.before } else { &mut objects.after };
            list.extend(statements(file.on, parts));
        }
        let stays = |file: &&File| replaced.contains(file.name.as_str()) && !goes(file);
        for file in wanted.iter().filter(stays) {
            objects.after.extend(statements(file.on, file.replacing()));
        }
        objects.after.extend(gone.into_iter().flat_map(drops));
        objects
    }
}

fn statements(on: On, all: Vec<String>) -> impl Iterator<Item = Operation> {
    all.into_iter().map(move |sql| Operation::Statement { on, sql })
}

/// The tables to which a change happens that what reads them would keep from happening, by the names they have before
/// and after.
fn held(change: &Change) -> Vec<&str> {
    match change {
        Change::RenameTable { from, to } => vec![from, to],
        Change::DropTable { table } => vec![&table.name],
        Change::RenameColumn { table, .. }
        | Change::DropColumn { table, .. }
        | Change::AlterType { table, .. } => vec![table],
        _ => Vec::new(),
    }
}
