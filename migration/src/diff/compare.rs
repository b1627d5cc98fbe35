//! The comparison itself: a pure function over two schemas.

use super::Change;
use crate::schema::{Column, Schema, Table};

/// Everything that has to change to make `from` into `to`, table by table in name order.
///
/// Columns are matched by name; keys by their columns and target, because not every engine keeps
/// their names; indexes by name; checks by their text, then by name.
#[must_use]
pub fn diff(from: &Schema, to: &Schema) -> Vec<Change> {
    let mut changes = Vec::new();
    let names: std::collections::BTreeSet<&String> =
        from.tables.keys().chain(to.tables.keys()).collect();
    for name in names {
        match (from.tables.get(name), to.tables.get(name)) {
            (Some(from), Some(to)) => diff_table(from, to, &mut changes),
            (Some(table), None) => changes.push(Change::DropTable { table: table.clone() }),
            (None, Some(table)) => changes.push(Change::AddTable { table: table.clone() }),
            (None, None) => {}
        }
    }
    changes
}

fn diff_table(from: &Table, to: &Table, changes: &mut Vec<Change>) {
    let table = || to.name.clone();
    for column in &to.columns {
        match from.column(&column.name) {
            Some(before) => diff_column(&to.name, before, column, changes),
            None => changes.push(Change::AddColumn { table: table(), column: column.clone() }),
        }
    }
    for column in from.columns.iter().filter(|column| to.column(&column.name).is_none()) {
        changes.push(Change::DropColumn { table: table(), column: column.clone() });
    }
    if from.primary_key.as_ref().map(|key| &key.columns)
        != to.primary_key.as_ref().map(|key| &key.columns)
    {
        changes.push(Change::AlterPrimaryKey {
            table: table(),
            from: from.primary_key.clone(),
            to: to.primary_key.clone(),
        });
    }
    matched(
        &from.foreign_keys,
        &to.foreign_keys,
        |a, b| {
            (&a.columns, &a.ref_table, &a.ref_columns) == (&b.columns, &b.ref_table, &b.ref_columns)
        },
        |pair| match pair {
            Pair::Both(from, to) => {
                if (from.on_delete, from.on_update) != (to.on_delete, to.on_update) {
                    let (from, to) = (from.clone(), to.clone());
                    changes.push(Change::AlterForeignKey { table: table(), from, to });
                }
            }
            Pair::Gone(key) => {
                changes.push(Change::DropForeignKey { table: table(), key: key.clone() });
            }
            Pair::New(key) => {
                changes.push(Change::AddForeignKey { table: table(), key: key.clone() });
            }
        },
    );
    matched(
        &from.indexes,
        &to.indexes,
        |a, b| a.name == b.name,
        |pair| match pair {
            Pair::Both(from, to) => {
                if from != to {
                    let (from, to) = (from.clone(), to.clone());
                    changes.push(Change::AlterIndex { table: table(), from, to });
                }
            }
            Pair::Gone(index) => {
                changes.push(Change::DropIndex { table: table(), index: index.clone() });
            }
            Pair::New(index) => {
                changes.push(Change::AddIndex { table: table(), index: index.clone() });
            }
        },
    );
    let same_text = |list: &[crate::schema::Check], expr: &str| list.iter().any(|c| c.expr == expr);
    let gone: Vec<_> =
        from.checks.iter().filter(|check| !same_text(&to.checks, &check.expr)).cloned().collect();
    let new: Vec<_> =
        to.checks.iter().filter(|check| !same_text(&from.checks, &check.expr)).cloned().collect();
    matched(
        &gone,
        &new,
        |a, b| a.name.is_some() && a.name == b.name,
        |pair| match pair {
            Pair::Both(from, to) => {
                let (from, to) = (from.clone(), to.clone());
                changes.push(Change::AlterCheck { table: table(), from, to });
            }
            Pair::Gone(check) => {
                changes.push(Change::DropCheck { table: table(), check: check.clone() });
            }
            Pair::New(check) => {
                changes.push(Change::AddCheck { table: table(), check: check.clone() });
            }
        },
    );
}

fn diff_column(table: &str, from: &Column, to: &Column, changes: &mut Vec<Change>) {
    let pair = || (table.to_owned(), from.clone(), to.clone());
    if from.ty != to.ty {
        let (table, from, to) = pair();
        changes.push(Change::AlterType { table, from, to });
    }
    if from.nullable != to.nullable {
        let (table, from, to) = pair();
        changes.push(Change::AlterNullable { table, from, to });
    }
    if from.default != to.default {
        let (table, from, to) = pair();
        changes.push(Change::AlterDefault { table, from, to });
    }
}

enum Pair<'a, T> {
    Both(&'a T, &'a T),
    Gone(&'a T),
    New(&'a T),
}

/// Calls `report` for each pair of equal items and for each item without a partner.
fn matched<'a, T>(
    from: &'a [T],
    to: &'a [T],
    same: impl Fn(&T, &T) -> bool,
    mut report: impl FnMut(Pair<'a, T>),
) {
    for after in to {
        match from.iter().find(|before| same(before, after)) {
            Some(before) => report(Pair::Both(before, after)),
            None => report(Pair::New(after)),
        }
    }
    for before in from.iter().filter(|before| !to.iter().any(|after| same(before, after))) {
        report(Pair::Gone(before));
    }
}
