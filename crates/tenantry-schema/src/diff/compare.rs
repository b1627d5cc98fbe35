//! The comparison itself: a pure function over two schemas.

use std::collections::BTreeSet;

use super::Change;
use crate::schema::{
    Check, Column, ForeignKey, Grant, Grantee, Index, Policy, PrimaryKey, Schema, Table, expr,
};

/// Everything that has to change to make `from` into `to`, table by table in name order.
///
/// Columns are matched by name, whatever their order; keys by their columns and target, because
/// not every engine keeps their names; indexes by name, and then by what they are; checks by their
/// text, then by name. Names of keys and checks count where both sides have one. Expressions are
/// equal if they differ in white space and the case of bare words only.
#[must_use]
pub fn diff(from: &Schema, to: &Schema) -> Vec<Change> {
    let mut changes = Vec::new();
    let enums: BTreeSet<&String> = from.enums.keys().chain(to.enums.keys()).collect();
    for name in enums {
        let named = |values: &Vec<String>| (name.clone(), values.clone());
        match (from.enums.get(name), to.enums.get(name)) {
            (Some(before), Some(after)) if before != after => {
                let (name, from) = named(before);
                changes.push(Change::AlterEnum { name, from, to: after.clone() });
            }
            (Some(values), None) => {
                let (name, values) = named(values);
                changes.push(Change::DropEnum { name, values });
            }
            (None, Some(values)) => {
                let (name, values) = named(values);
                changes.push(Change::AddEnum { name, values });
            }
            _ => {}
        }
    }
    let names: BTreeSet<&String> = from.tables.keys().chain(to.tables.keys()).collect();
    for name in names {
        match (from.tables.get(name), to.tables.get(name)) {
            (Some(from), Some(to)) => diff_table(from, to, &mut changes),
            (Some(table), None) => changes.push(Change::DropTable { table: table.clone() }),
            (None, Some(table)) => changes.push(Change::AddTable { table: table.clone() }),
            (None, None) => {}
        }
    }
    let objects: BTreeSet<&String> = from.objects.keys().chain(to.objects.keys()).collect();
    for name in objects {
        match (from.objects.get(name), to.objects.get(name)) {
            (Some(before), Some(after)) if before.trim() != after.trim() => {
                let (from, to) = (before.clone(), after.clone());
                changes.push(Change::AlterObjects { name: name.clone(), from, to });
            }
            (Some(sql), None) => {
                changes.push(Change::DropObjects { name: name.clone(), sql: sql.clone() });
            }
            (None, Some(sql)) => {
                changes.push(Change::AddObjects { name: name.clone(), sql: sql.clone() });
            }
            _ => {}
        }
    }
    changes
}

fn diff_table(from: &Table, to: &Table, changes: &mut Vec<Change>) {
    let table = &to.name;
    for column in &to.columns {
        match from.column(&column.name) {
            Some(before) => diff_column(table, before, column, changes),
            None => {
                changes.push(Change::AddColumn { table: table.clone(), column: column.clone() });
            }
        }
    }
    for column in from.columns.iter().filter(|column| to.column(&column.name).is_none()) {
        changes.push(Change::DropColumn { table: table.clone(), column: column.clone() });
    }
    if from.options != to.options {
        let (from, to) = (from.options.clone(), to.options.clone());
        changes.push(Change::AlterOptions { table: table.clone(), column: None, from, to });
    }
    for column in &to.columns {
        let before = from.column(&column.name).and_then(|before| before.comment.as_ref());
        if before != column.comment.as_ref() && from.column(&column.name).is_some() {
            changes.push(Change::AlterComment {
                table: table.clone(),
                column: Some(column.name.clone()),
                from: before.cloned(),
                to: column.comment.clone(),
            });
        }
    }
    if from.comment != to.comment {
        let (from, to) = (from.comment.clone(), to.comment.clone());
        changes.push(Change::AlterComment { table: table.clone(), column: None, from, to });
    }
    diff_primary_key(table, from.primary_key.as_ref(), to.primary_key.as_ref(), changes);
    diff_foreign_keys(table, &from.foreign_keys, &to.foreign_keys, changes);
    diff_indexes(from, to, changes);
    diff_checks(table, &from.checks, &to.checks, changes);
    diff_access(from, to, changes);
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
    if from.options != to.options {
        let column = Some(to.name.clone());
        let (table, from, to) = (table.to_owned(), from.options.clone(), to.options.clone());
        changes.push(Change::AlterOptions { table, column, from, to });
    }
    let same_generated = match (&from.generated, &to.generated) {
        (Some(a), Some(b)) => a.stored == b.stored && same_text(Some(&a.expr), Some(&b.expr)),
        (a, b) => a.is_none() && b.is_none(),
    };
    if !same_generated {
        let (table, from, to) = pair();
        changes.push(Change::AlterGenerated { table, from, to });
    }
    if from.collation != to.collation {
        let (table, from, to) = pair();
        changes.push(Change::AlterCollation { table, from, to });
    }
    if from.auto_increment != to.auto_increment {
        let (table, from, to) = pair();
        changes.push(Change::AlterAutoIncrement { table, from, to });
    }
    if !same_text(from.default.as_ref(), to.default.as_ref()) {
        let (table, from, to) = pair();
        changes.push(Change::AlterDefault { table, from, to });
    }
}

fn diff_primary_key(
    table: &str,
    from: Option<&PrimaryKey>,
    to: Option<&PrimaryKey>,
    changes: &mut Vec<Change>,
) {
    let what = |key: Option<&PrimaryKey>| key.map(|key| (key.columns.clone(), key.options.clone()));
    if what(from) == what(to) {
        let name = |key: Option<&PrimaryKey>| key.and_then(|key| key.name.clone());
        renamed(table, name(from), name(to), changes);
        return;
    }
    changes.push(Change::AlterPrimaryKey {
        table: table.to_owned(),
        from: from.cloned(),
        to: to.cloned(),
    });
}

fn diff_foreign_keys(
    table: &str,
    from: &[ForeignKey],
    to: &[ForeignKey],
    changes: &mut Vec<Change>,
) {
    let table = || table.to_owned();
    let Matched { both, gone, new } = same_keys(from, to);
    for (from, to) in both {
        if from.acts_like(to) {
            renamed(&table(), from.name.clone(), to.name.clone(), changes);
        } else {
            let (from, to) = (from.clone(), to.clone());
            changes.push(Change::AlterForeignKey { table: table(), from, to });
        }
    }
    for key in new {
        changes.push(Change::AddForeignKey { table: table(), key: key.clone() });
    }
    for key in gone {
        changes.push(Change::DropForeignKey { table: table(), key: key.clone() });
    }
}

fn diff_indexes(before: &Table, after: &Table, changes: &mut Vec<Change>) {
    let table = || after.name.clone();
    let Matched { both, gone, new } =
        matched(&before.indexes, &after.indexes, |a, b| a.name == b.name);
    let is_column = |name: &str| before.column(name).is_some() || after.column(name).is_some();
    let same_index = |a: &Index, b: &Index| same_index(a, b, is_column);
    for (from, to) in both {
        if !same_index(from, to) {
            let (from, to) = (from.clone(), to.clone());
            changes.push(Change::AlterIndex { table: table(), from, to });
        }
    }
    let Matched { both, gone, new } = matched(gone, new, same_index);
    for (from, to) in both {
        let (from, to) = (from.clone(), to.clone());
        changes.push(Change::RenameIndex { table: table(), from, to });
    }
    for index in new {
        changes.push(Change::AddIndex { table: table(), index: index.clone() });
    }
    for index in gone {
        changes.push(Change::DropIndex { table: table(), index: index.clone() });
    }
}

fn diff_checks(table: &str, from: &[Check], to: &[Check], changes: &mut Vec<Change>) {
    let Matched { both, gone, new } = same_checks(from, to);
    for (from, to) in both {
        renamed(table, from.name.clone(), to.name.clone(), changes);
    }
    let table = || table.to_owned();
    let Matched { both, gone, new } =
        matched(gone, new, |a, b| a.name.is_some() && a.name == b.name);
    for (from, to) in both {
        let (from, to) = (from.clone(), to.clone());
        changes.push(Change::AlterCheck { table: table(), from, to });
    }
    for check in new {
        changes.push(Change::AddCheck { table: table(), check: check.clone() });
    }
    for check in gone {
        changes.push(Change::DropCheck { table: table(), check: check.clone() });
    }
}

/// The foreign keys of two tables that have the same columns and target.
pub(crate) fn same_keys<'a>(
    from: &'a [ForeignKey],
    to: &'a [ForeignKey],
) -> Matched<'a, ForeignKey> {
    matched_by_name_first(from, to, ForeignKey::is_like, |key| &key.name)
}

/// The checks of two tables that demand the same.
pub(crate) fn same_checks<'a>(from: &'a [Check], to: &'a [Check]) -> Matched<'a, Check> {
    matched_by_name_first(from, to, |a, b| expr::same(&a.expr, &b.expr), |check| &check.name)
}

/// Compares where rows are, row-level security, policies and grants.
fn diff_access(from: &Table, to: &Table, changes: &mut Vec<Change>) {
    let table = || to.name.clone();
    if from.distribution != to.distribution {
        let (from, to) = (from.distribution.clone(), to.distribution.clone());
        changes.push(Change::AlterDistribution { table: table(), from, to });
    }
    if from.row_security != to.row_security {
        let (from, to) = (from.row_security, to.row_security);
        changes.push(Change::AlterRowSecurity { table: table(), from, to });
    }
    let Matched { both, gone, new } =
        matched(&from.policies, &to.policies, |a, b| a.name == b.name);
    for (from, to) in both {
        if !same_policy(from, to) {
            let (from, to) = (from.clone(), to.clone());
            changes.push(Change::AlterPolicy { table: table(), from, to });
        }
    }
    let Matched { both, gone, new } = matched(gone, new, same_policy);
    for (from, to) in both {
        let (from, to) = (from.clone(), to.clone());
        changes.push(Change::RenamePolicy { table: table(), from, to });
    }
    for policy in new {
        changes.push(Change::AddPolicy { table: table(), policy: policy.clone() });
    }
    for policy in gone {
        changes.push(Change::DropPolicy { table: table(), policy: policy.clone() });
    }
    for grantee in [Grantee::Application, Grantee::Public] {
        let (before, after) = (from.privileges_of(grantee), to.privileges_of(grantee));
        let only = |these: &[String], those: &[String]| {
            let only: Vec<String> =
                these.iter().filter(|privilege| !those.contains(privilege)).cloned().collect();
            (!only.is_empty()).then(|| Grant::new(grantee, only))
        };
        if let Some(grant) = only(after, before) {
            changes.push(Change::AddGrant { table: table(), grant });
        }
        if let Some(grant) = only(before, after) {
            changes.push(Change::DropGrant { table: table(), grant });
        }
    }
}

/// Whether two policies differ in nothing but their names.
fn same_policy(a: &Policy, b: &Policy) -> bool {
    (a.restrictive, &a.command, &a.roles) == (b.restrictive, &b.command, &b.roles)
        && same_text(a.using.as_ref(), b.using.as_ref())
        && same_text(a.with_check.as_ref(), b.with_check.as_ref())
}

/// Reports another name of something that is otherwise the same.
fn renamed(table: &str, from: Option<String>, to: Option<String>, changes: &mut Vec<Change>) {
    if let (Some(from), Some(to)) = (from, to)
        && from != to
    {
        changes.push(Change::RenameConstraint { table: table.to_owned(), from, to });
    }
}

/// Whether two indexes differ in nothing but their names. Names of columns are exact; expressions may be spelled
/// in several ways.
fn same_index(a: &Index, b: &Index, is_column: impl Fn(&str) -> bool) -> bool {
    (a.unique, &a.method, &a.options) == (b.unique, &b.method, &b.options)
        && same_text(a.predicate.as_ref(), b.predicate.as_ref())
        && a.parts.len() == b.parts.len()
        && a.parts.iter().zip(&b.parts).all(|(a, b)| {
            (a.descending, &a.operator_class, &a.collation)
                == (b.descending, &b.operator_class, &b.collation)
                && (a.expr == b.expr
                    || (!is_column(&a.expr) && !is_column(&b.expr) && expr::same(&a.expr, &b.expr)))
        })
}

fn same_text(a: Option<&String>, b: Option<&String>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => expr::same(a, b),
        (a, b) => a == b,
    }
}

/// The items of two lists, each with at most one partner.
pub(crate) struct Matched<'a, T> {
    pub(crate) both: Vec<(&'a T, &'a T)>,
    pub(crate) gone: Vec<&'a T>,
    pub(crate) new: Vec<&'a T>,
}

fn matched<'a, T>(
    from: impl IntoIterator<Item = &'a T>,
    to: impl IntoIterator<Item = &'a T>,
    same: impl Fn(&T, &T) -> bool,
) -> Matched<'a, T> {
    let mut gone: Vec<&T> = from.into_iter().collect();
    let (mut both, mut new) = (Vec::new(), Vec::new());
    for after in to {
        match gone.iter().position(|before| same(before, after)) {
            Some(at) => both.push((gone.remove(at), after)),
            None => new.push(after),
        }
    }
    Matched { both, gone, new }
}

/// As [`matched`], for a list in which several items are the same but for their names: those with equal names
/// become partners first.
fn matched_by_name_first<'a, T>(
    from: &'a [T],
    to: &'a [T],
    same: impl Fn(&T, &T) -> bool,
    name: impl Fn(&T) -> &Option<String>,
) -> Matched<'a, T> {
    let Matched { mut both, gone, new } =
        matched(from, to, |a, b| name(a) == name(b) && same(a, b));
    let others = matched(gone, new, same);
    both.extend(others.both);
    Matched { both, ..others }
}
