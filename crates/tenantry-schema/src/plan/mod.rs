//! From a difference to the operations that make it good, in an order that every engine accepts.
//!
//! What gives its name to another goes first, in a plan of its own. Then:
//!
//! 1. Tables and columns are renamed, those in a circle by way of a name that nothing has.
//! 2. Enum types come, or get other values.
//! 3. Foreign keys go that are in the way of what follows.
//! 4. Policies and privileges go that are no longer wanted, or in the way.
//! 5. Tables are dropped, referring ones first.
//! 6. Indexes that are no longer wanted, or in the way, are dropped, and others renamed.
//! 7. Table by table, those referred to first: a new one is created, and one that stays is altered, and
//!    gets indexes; then come policies and privileges.
//! 8. Foreign keys come that had to wait.
//! 9. Enum types go.
//!
//! Objects that entities cannot say go before all of that where they are in the way, and come after it.
//!
//! An alteration is steps for engines that alter, and a rebuild for those that rebuild.

mod enums;
mod objects;
mod operation;
mod table;

use std::collections::{BTreeMap, BTreeSet};

pub use operation::{AccessStep, Object, Operation, PlannedMigration, Rebuild, Step};
pub(crate) use operation::{altered_collation, is_qualified};
pub use table::plainest_value;

use crate::{
    diff::{Change, Matched, Renames, conversion, diff, free_name, one_by_one, same_keys},
    schema::{ForeignKey, Index, RowSecurity, Schema, Table},
    sql::{beside, parts},
};

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The schema that is there.
    pub from: &'a Schema,
    /// The schema that should be there.
    pub to: &'a Schema,
    /// What has another name in `to`.
    pub renames: &'a Renames,
    /// Values, as SQL over the row, by table and column: for rows that have none where NULL is
    /// refused, and for a column of another type.
    pub backfills: &'a Backfills,
    /// Gives the plainest value of its type to a column that refuses NULL and whose values are
    /// gone, instead of leaving it unfilled: for the way back.
    pub plain_fill: bool,
}

/// Values, as SQL over the row, by table and column.
pub type Backfills = BTreeMap<(String, String), String>;

/// How one schema becomes another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What changes, renames first, then table by table.
    pub changes: Vec<Change>,
    /// What to do, in order.
    pub operations: Vec<Operation>,
    /// Columns, with their tables, whose rows need a value that was not given.
    pub unfilled: Vec<(String, String)>,
}

/// Plans the way from one schema to another.
#[must_use]
pub fn plan(request: &Request<'_>) -> Plan {
    let mut plan = of_tables(request);
    let objects = objects::Objects::of(request.from, request.to, &plan.changes);
    plan.operations.splice(0..0, objects.before);
    plan.operations.extend(objects.after);
    // First and last of all: what is in a schema comes after it, and goes before it.
    let (before, after) = (request.from.schemas(), request.to.schemas());
    let is_granted = request.to.tables.values().any(|table| !table.grants.is_empty());
    let new = after.difference(&before).flat_map(|name| {
        let grant = is_granted.then(|| Operation::GrantUsage { schema: name.clone() });
        [Operation::CreateSchema { name: name.clone() }].into_iter().chain(grant)
    });
    plan.operations.splice(0..0, new.collect::<Vec<_>>());
    let gone = before.difference(&after);
    plan.operations.extend(gone.map(|name| Operation::DropSchema { name: name.clone() }));
    plan
}

/// The way, but for objects.
fn of_tables(request: &Request<'_>) -> Plan {
    let renames = request.renames.applicable(request.from, request.to);
    let cleared = renames.cleared(request.from);
    if cleared == *request.from {
        return straight(request, &renames);
    }
    let (none, nothing) = (Renames::default(), Backfills::new());
    let first = Request { to: &cleared, renames: &none, backfills: &nothing, ..*request };
    let mut plan = straight(&first, &none);
    let then = straight(&Request { from: &cleared, ..*request }, &renames);
    plan.changes.extend(then.changes);
    plan.operations.extend(then.operations);
    plan.unfilled.extend(then.unfilled);
    plan
}

/// The plan where every new name is free, or becomes free by another rename.
fn straight(request: &Request<'_>, renames: &Renames) -> Plan {
    let base = request.from.clone().renamed(renames);
    let mut changes = renames.changes();
    let mut operations: Vec<Operation> =
        renames.steps(request.from).into_iter().filter_map(rename).collect();
    changes.extend(diff(&base, request.to));
    let enums = enums::Enums::of(&changes, &base, request);
    operations.extend(enums.before);
    let all = [changes.clone(), enums.conversions].concat();
    let work = Work { base: &base, request, changes: &all };
    let unfilled = work.operations(&mut operations);
    operations.extend(enums.after);
    Plan { changes, operations, unfilled }
}

fn rename(change: Change) -> Option<Operation> {
    match change {
        Change::RenameTable { from, to } => Some(Operation::RenameTable { from, to }),
        Change::RenameColumn { table, from, to } => {
            Some(Operation::RenameColumn { table, from, to })
        }
        _ => None,
    }
}

struct Work<'a> {
    /// The schema that is there, renames done.
    base: &'a Schema,
    request: &'a Request<'a>,
    changes: &'a [Change],
}

/// Foreign keys of one table that are dropped, and those that are added.
#[derive(Default)]
struct KeyChanges {
    /// Before anything else is done.
    early: Vec<ForeignKey>,
    /// With the table's other changes.
    drops: Vec<ForeignKey>,
    adds: Vec<ForeignKey>,
    /// After everything else is done.
    late: Vec<ForeignKey>,
}

impl Work<'_> {
    /// Appends the operations; returns what is left unfilled.
    fn operations(&self, operations: &mut Vec<Operation>) -> Vec<(String, String)> {
        let to = self.request.to;
        let order: Vec<&Table> = to.in_foreign_key_order();
        let mut keys: BTreeMap<&str, KeyChanges> = BTreeMap::new();
        for (place, table) in order.iter().enumerate() {
            let done: BTreeSet<&str> = order[..place].iter().map(|t| t.name.as_str()).collect();
            keys.insert(&table.name, self.key_changes(table, &done));
        }
        let mut altered: BTreeMap<&str, table::Altered> = order
            .iter()
            .filter_map(|after| {
                let before = self.base.tables.get(&after.name)?;
                let keys = &keys[after.name.as_str()];
                let changes = self.changes.iter().filter(|change| change.table() == after.name);
                let alter = table::Alter {
                    before,
                    after,
                    changes: changes.collect(),
                    early: &keys.early,
                    drops: &keys.drops,
                    adds: &keys.adds,
                    request: self.request,
                };
                Some((after.name.as_str(), alter.plan()))
            })
            .collect();

        // A rebuild happens once, as soon as the table is altered at all.
        for (name, keys) in &keys {
            if keys.early.is_empty() {
                continue;
            }
            let steps = keys.early.iter().filter_map(drop_constraint).collect();
            let rebuild = altered.get_mut(name).and_then(|altered| {
                let only_here = altered.steps.is_empty() && keys.late.is_empty();
                let mut rebuild = altered.rebuild.take_if(|_| only_here)?;
                // No index has gone yet.
                rebuild.table.indexes.clone_from(&self.base.tables.get(*name)?.indexes);
                Some(rebuild)
            });
            operations.push(Operation::AlterTable { table: (*name).to_owned(), steps, rebuild });
        }
        for table in &order {
            if let Some(altered) = altered.get_mut(table.name.as_str()) {
                operations.extend(access(table, std::mem::take(&mut altered.early_access)));
            }
        }
        self.drop_tables(operations);
        self.rename_indexes(&mut altered, operations);
        let mut unfilled = Vec::new();
        for table in &order {
            let name = table.name.as_str();
            let late = &keys[name].late;
            match altered.get_mut(name) {
                Some(altered) => {
                    unfilled.extend(altered.unfilled.iter().map(|c| (name.to_owned(), c.clone())));
                    let moved = self.changes.iter().find_map(|change| match change {
                        Change::AlterDistribution { table, from, to } if table == name => {
                            Some((from, to))
                        }
                        _ => None,
                    });
                    if moved.is_some_and(|(from, _)| from.is_some()) {
                        operations.push(Operation::Undistribute { table: name.to_owned() });
                    }
                    altered.write(name, !late.is_empty(), operations);
                    operations.append(&mut altered.comments);
                    operations.extend(moved.and_then(|_| distribute(table)));
                }
                None => create(table, late, operations),
            }
        }
        for table in &order {
            let name = table.name.as_str();
            let late = &keys[name].late;
            if late.is_empty() {
                continue;
            }
            let steps = late.iter().map(|key| Step::add_foreign_key(table, key.clone())).collect();
            let rebuild = match altered.get_mut(name) {
                Some(altered) => altered.rebuild.take().map(|mut rebuild| {
                    // Every index has come by now.
                    rebuild.table.indexes.clone_from(&table.indexes);
                    rebuild
                }),
                None => Some(table::whole(table)),
            };
            operations.push(Operation::AlterTable { table: name.to_owned(), steps, rebuild });
        }
        unfilled
    }

    /// Drops the indexes that go, and gives those that stay, and the primary keys, their new names: these are
    /// names of the whole schema, which may cross from one table to another.
    fn rename_indexes(
        &self,
        altered: &mut BTreeMap<&str, table::Altered>,
        operations: &mut Vec<Operation>,
    ) {
        let (mut gone, mut renamed) = (Vec::new(), Vec::new());
        for (table, altered) in &mut *altered {
            gone.append(&mut altered.drop_indexes);
            renamed.extend(altered.names.drain(..).map(|renamed| (*table, renamed)));
        }
        let is_gone = |of: &str, name: &str| {
            gone.iter().any(|it| {
                matches!(it, Operation::DropIndex { table, index } if index == name && table == of)
            })
        };
        let stays = |table: &&Table| self.request.to.tables.contains_key(&table.name);
        let names = self.base.tables.values().filter(stays).flat_map(|table| {
            let key = table.primary_key.as_ref().and_then(|key| key.name.as_ref());
            let names = table.indexes.iter().map(|index| &index.name).chain(key);
            names.filter(|name| !is_gone(&table.name, name)).map(|name| beside(&table.name, name))
        });
        let mut names: Vec<String> = names.collect();
        operations.append(&mut gone);
        for table in self.base.tables.values().filter(stays) {
            let Some(altered) = altered.get_mut(table.name.as_str()) else { continue };
            operations.extend(self.clear_primary_key(table, altered, &mut names));
        }
        let by_new_name =
            renamed.iter().map(|(table, it)| (beside(table, &it.to), beside(table, &it.from)));
        let by_new_name = by_new_name.collect();
        // SQLite takes two names that differ by case for one.
        let is_free = |names: &[String], old: &str, new: &str| {
            !names.iter().any(|name| name != old && name.eq_ignore_ascii_case(new))
        };
        for (from, to) in one_by_one(&by_new_name, names, is_free) {
            let is_it = |(table, it): &&mut (&str, table::Renamed)| {
                beside(table, &it.from) == from || (it.is_between && it.from == from)
            };
            let Some((table, it)) = renamed.iter_mut().find(is_it) else { continue };
            it.is_between = parts(&to).0 != parts(table).0;
            let (from, to) = (parts(&from).1.into_owned(), parts(&to).1.into_owned());
            it.from.clone_from(&to);
            operations.push(match (&it.index, self.request.to.tables.get(*table)) {
                (Some(index), Some(table)) => Operation::RenameIndex {
                    table: table.clone(),
                    from,
                    to: Index { name: to, ..index.clone() },
                },
                _ => Operation::AlterTable {
                    table: (*table).to_owned(),
                    steps: vec![Step::RenameConstraint { from, to }],
                    rebuild: None,
                },
            });
        }
    }

    /// Gives a primary key that goes another name, where something else gets its own before.
    fn clear_primary_key(
        &self,
        table: &Table,
        altered: &mut table::Altered,
        names: &mut [String],
    ) -> Option<Operation> {
        let from = table.primary_key.as_ref()?.name.clone()?;
        let drop =
            altered.steps.iter_mut().find(|it| **it == Step::DropConstraint(from.clone()))?;
        let is_wanted = self.request.to.tables.values().any(|other| {
            let key = other.primary_key.as_ref().filter(|_| other.name != table.name);
            let mut indexes = other.indexes.iter();
            key.and_then(|key| key.name.as_ref()) == Some(&from)
                || indexes.any(|index| index.name == from)
                || other.name == from
        });
        let to = free_name("dropped", |name| names.contains(name));
        let known = beside(&table.name, &from);
        names.iter_mut().find(|name| **name == known).filter(|_| is_wanted)?.clone_from(&to);
        *drop = Step::DropConstraint(to.clone());
        let steps = vec![Step::RenameConstraint { from, to }];
        Some(Operation::AlterTable { table: table.name.clone(), steps, rebuild: None })
    }

    /// Which foreign keys of `table` are dropped and added, and when. `done` are the tables that
    /// are finished before it.
    fn key_changes(&self, table: &Table, done: &BTreeSet<&str>) -> KeyChanges {
        let mut found = KeyChanges::default();
        let ready =
            |key: &ForeignKey| done.contains(key.ref_table.as_str()) || key.is_to_key_of(table);
        let Some(before) = self.base.tables.get(&table.name) else {
            // What is ready is part of the CREATE TABLE.
            found.late = table.foreign_keys.iter().filter(|key| !ready(key)).cloned().collect();
            return found;
        };
        let Matched { both, gone, new } = same_keys(&before.foreign_keys, &table.foreign_keys);
        let both = both.into_iter().map(|(key, stays)| (key, Some(stays)));
        for (key, stays) in both.chain(gone.into_iter().map(|key| (key, None))) {
            let acts_alike = stays.is_some_and(|other| other.acts_like(key));
            let target_changes = self.target_changes(key);
            let own_columns_change =
                key.columns.iter().any(|c| self.column_changes(&table.name, c));
            let moves = self.moves(&table.name);
            if acts_alike && !target_changes && !own_columns_change && !moves {
                continue;
            }
            if target_changes || moves { &mut found.early } else { &mut found.drops }
                .push(key.clone());
            if let Some(after) = stays {
                if ready(after) { &mut found.adds } else { &mut found.late }.push(after.clone());
            }
        }
        for key in new {
            if ready(key) { &mut found.adds } else { &mut found.late }.push(key.clone());
        }
        found
    }

    /// Whether what a foreign key refers to goes away, even if only for a while.
    fn target_changes(&self, key: &ForeignKey) -> bool {
        let table = &key.ref_table;
        if !self.request.to.tables.contains_key(table) || self.moves(table) {
            return true;
        }
        let covers = |columns: &mut dyn Iterator<Item = &String>| {
            let columns: BTreeSet<&String> = columns.collect();
            columns == key.ref_columns.iter().collect()
        };
        key.ref_columns.iter().any(|column| self.column_changes(table, column))
            || self.changes.iter().filter(|change| change.table() == table).any(|change| {
                match change {
                    Change::AlterPrimaryKey { from: Some(primary), .. } => {
                        covers(&mut primary.columns.iter())
                    }
                    Change::DropIndex { index, .. } | Change::AlterIndex { from: index, .. } => {
                        index.unique && covers(&mut index.parts.iter().map(|part| &part.expr))
                    }
                    _ => false,
                }
            })
    }

    /// Whether a table becomes a plain one for a while, since its rows belong elsewhere: none does that
    /// has foreign keys, or is referred to.
    fn moves(&self, table: &str) -> bool {
        self.changes.iter().any(|change| {
            change.table() == table
                && matches!(change, Change::AlterDistribution { from: Some(_), .. })
        })
    }

    /// Whether a column's type changes, or the column is put in another one's place.
    fn column_changes(&self, table: &str, column: &str) -> bool {
        self.changes.iter().any(|change| {
            change.table() == table && change.column() == Some(column) && change.disturbs_column()
        })
    }

    /// Drops what is no longer wanted, referring tables first.
    fn drop_tables(&self, operations: &mut Vec<Operation>) {
        let dropped = self.base.clone().filtered(|name| !self.request.to.tables.contains_key(name));
        let mut order = dropped.in_foreign_key_order();
        order.reverse();
        // In a circle of tables, each refers to one that goes before it.
        for (place, table) in order.iter().enumerate() {
            let gone: BTreeSet<&str> = order[..place].iter().map(|t| t.name.as_str()).collect();
            let (cut, kept): (Vec<ForeignKey>, Vec<ForeignKey>) = table
                .foreign_keys
                .iter()
                .cloned()
                .partition(|key| gone.contains(key.ref_table.as_str()));
            if !cut.is_empty() {
                let left = Table { foreign_keys: kept, ..(*table).clone() };
                operations.push(Operation::AlterTable {
                    table: table.name.clone(),
                    steps: cut.iter().filter_map(drop_constraint).collect(),
                    rebuild: Some(table::whole(&left)),
                });
            }
        }
        operations
            .extend(order.iter().map(|table| Operation::DropTable { table: table.name.clone() }));
    }
}

/// The operation that takes these steps, if there are any.
fn access(table: &Table, steps: Vec<AccessStep>) -> Option<Operation> {
    (!steps.is_empty()).then(|| Operation::AlterAccess { table: table.name.clone(), steps })
}

/// The operation that puts a table's rows where they belong.
fn distribute(table: &Table) -> Option<Operation> {
    let distribution = table.distribution.clone()?;
    Some(Operation::distribute(table, distribution))
}

/// Creates a table without the keys that have to wait, with its indexes and who may use it.
fn create(table: &Table, late: &[ForeignKey], operations: &mut Vec<Operation>) {
    let mut now = Table { indexes: Vec::new(), ..table.clone() };
    now.foreign_keys.retain(|key| !late.contains(key));
    operations.push(Operation::CreateTable { table: now });
    operations.extend(distribute(table));
    for index in &table.indexes {
        operations.push(Operation::CreateIndex { table: table.clone(), index: index.clone() });
    }
    let mut steps = AccessStep::row_security(RowSecurity::Disabled, table.row_security);
    steps.extend(table.policies.iter().cloned().map(AccessStep::CreatePolicy));
    steps.extend(table.grants.iter().cloned().map(AccessStep::Grant));
    operations.extend(access(table, steps));
    operations.extend(table.comments().map(|(column, text)| comment(table, column, Some(text))));
}

fn comment(table: &Table, column: Option<&str>, text: Option<&str>) -> Operation {
    let (column, text) = (column.map(str::to_owned), text.map(str::to_owned));
    Operation::Comment { table: table.name.clone(), column, text }
}

fn drop_constraint(key: &ForeignKey) -> Option<Step> {
    key.name.clone().map(Step::DropConstraint)
}

/// Whether a column's values cannot become values of what it becomes, or are computed, so that the column is
/// dropped and added.
fn is_replaced(change: &Change, backfills: &Backfills) -> bool {
    match change {
        // What is computed, is computed again.
        Change::AlterType { to, .. } | Change::AlterCollation { to, .. }
            if to.generated.is_some() =>
        {
            true
        }
        Change::AlterGenerated { from, to, .. } => {
            to.generated.is_some() || from.generated.as_ref().is_some_and(|it| !it.stored)
        }
        Change::AlterType { table, from, to } => {
            conversion(&to.name, &from.ty, &to.ty).is_none()
                && !backfills.contains_key(&(table.clone(), to.name.clone()))
        }
        _ => false,
    }
}
