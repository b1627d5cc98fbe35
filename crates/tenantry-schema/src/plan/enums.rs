//! How enum types are created, altered and dropped, around what happens to the tables.
//!
//! A new value is added in place, unless something of the same plan has it already, or a column becomes one of the
//! type: PostgreSQL lets no statement of the same transaction use it. Then, and where a value goes or the order changes, the type is created again under
//! the same name, and its columns are converted by way of text, which fails where a row has a value that goes.
//!
//! <https://www.postgresql.org/docs/15/sql-altertype.html#SQL-ALTERTYPE-NOTES>

use std::collections::BTreeSet;

use super::{Operation, Request};
use crate::{
    diff::{Change, free_name, is_part},
    schema::{Column, Schema},
    sql::literal,
};

/// What is done about enum types.
#[derive(Default)]
pub(super) struct Enums {
    /// Before tables are altered.
    pub before: Vec<Operation>,
    /// The change of type of each column whose type is created again.
    pub conversions: Vec<Change>,
    /// After tables are altered.
    pub after: Vec<Operation>,
}

impl Enums {
    pub(super) fn of(changes: &[Change], base: &Schema, request: &Request<'_>) -> Self {
        let mut found = Self::default();
        for change in changes {
            match change {
                Change::AddEnum { name, values } => found
                    .before
                    .push(Operation::CreateEnum { name: name.clone(), values: values.clone() }),
                Change::DropEnum { name, .. } => {
                    found.after.push(Operation::DropEnum { name: name.clone() });
                }
                Change::AlterEnum { name, from, to }
                    if is_part(from, to)
                        && !is_used(from, to, request)
                        && !changes.iter().any(|change| becomes(change, name)) =>
                {
                    found.add_values(name, from, to);
                }
                Change::AlterEnum { name, to, .. } => {
                    found.create_again(name, to, base, request.to);
                }
                _ => {}
            }
        }
        found
    }

    fn add_values(&mut self, name: &str, from: &[String], to: &[String]) {
        for (place, value) in to.iter().enumerate().filter(|(_, value)| !from.contains(value)) {
            let before = to[place..].iter().find(|other| from.contains(other)).cloned();
            let (name, value) = (name.to_owned(), value.clone());
            self.before.push(Operation::AddEnumValue { name, value, before });
        }
    }

    fn create_again(&mut self, name: &str, values: &[String], base: &Schema, to: &Schema) {
        let taken = |other: &String| {
            [base, to]
                .iter()
                .any(|it| it.enums.contains_key(other) || it.tables.contains_key(other))
                || self
                    .after
                    .iter()
                    .any(|it| matches!(it, Operation::DropEnum { name } if name == other))
        };
        let old = free_name("replaced", taken);
        let (own, values) = (name.to_owned(), values.to_vec());
        self.before.push(Operation::RenameEnum { from: own.clone(), to: old.clone() });
        self.before.push(Operation::CreateEnum { name: own, values });
        self.after.insert(0, Operation::DropEnum { name: old });
        for after in to.tables.values() {
            let Some(before) = base.tables.get(&after.name) else { continue };
            let has_it = |column: &&Column| column.ty.enum_name() == Some(name);
            for to in after.columns.iter().filter(has_it) {
                let same = before.column(&to.name).filter(|from| from.ty == to.ty);
                self.conversions.extend(same.map(|from| Change::AlterType {
                    table: after.name.clone(),
                    from: from.clone(),
                    to: to.clone(),
                }));
            }
        }
    }
}

/// Whether a column of another type becomes one of the enum type: then its values are compared with all that there
/// are.
fn becomes(change: &Change, name: &str) -> bool {
    let Change::AlterType { from, to, .. } = change else { return false };
    to.ty.enum_name() == Some(name) && from.ty.enum_name() != Some(name)
}

/// Whether a new value stands in something that the plan may send.
fn is_used(from: &[String], to: &[String], request: &Request<'_>) -> bool {
    // The plainest value is the first one.
    if request.plain_fill && to.first().is_some_and(|value| !from.contains(value)) {
        return true;
    }
    let new: BTreeSet<String> =
        to.iter().filter(|value| !from.contains(value)).map(|value| literal(value)).collect();
    let tables = || request.to.tables.values();
    let defaults = tables().flat_map(|table| &table.columns).filter_map(|it| it.default.as_ref());
    let computed = tables().flat_map(|table| &table.columns);
    let computed = computed.filter_map(|column| column.generated.as_ref()).map(|it| &it.expr);
    let checks = tables().flat_map(|table| &table.checks).map(|check| &check.expr);
    let indexes = || tables().flat_map(|table| &table.indexes);
    let predicates = indexes().filter_map(|index| index.predicate.as_ref());
    let parts = indexes().flat_map(|index| &index.parts).map(|part| &part.expr);
    let policies = tables().flat_map(|table| &table.policies);
    let conditions = policies.flat_map(|policy| policy.using.iter().chain(&policy.with_check));
    defaults
        .chain(computed)
        .chain(checks)
        .chain(predicates)
        .chain(parts)
        .chain(conditions)
        .chain(request.backfills.values())
        .any(|text| new.iter().any(|value| text.contains(value.as_str())))
}
