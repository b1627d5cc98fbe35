//! How one table that stays is altered.

use std::collections::{BTreeMap, BTreeSet};

use tenantry_entity::Engine;

use super::{AccessStep, Operation, Rebuild, Request, Step, comment, is_replaced};
use crate::{
    diff::{Change, conforms, conversion, one_by_one, same_checks},
    schema::{
        Check, Column, ColumnType, ForeignKey, Index, Policy, Schema, Table,
        ddl::{self, Literal, RANDOM_UUID},
        expr,
    },
    sql::{literal, quoted},
};

/// A table before and after.
pub(super) struct Alter<'a> {
    pub before: &'a Table,
    pub after: &'a Table,
    pub changes: Vec<&'a Change>,
    /// Foreign keys that are dropped before.
    pub early: &'a [ForeignKey],
    /// Foreign keys to drop with the other changes, and to add.
    pub drops: &'a [ForeignKey],
    pub adds: &'a [ForeignKey],
    pub request: &'a Request<'a>,
}

/// How a table is altered.
#[derive(Default)]
pub(super) struct Altered {
    pub(super) drop_indexes: Vec<Operation>,
    pub(super) steps: Vec<Step>,
    /// Until some operation has taken it along.
    pub(super) rebuild: Option<Rebuild>,
    /// What gets another name after that.
    pub(super) names: Vec<Renamed>,
    make_indexes: Vec<Operation>,
    /// What has to go before tables are altered.
    pub(super) early_access: Vec<AccessStep>,
    late_access: Vec<AccessStep>,
    pub(super) unfilled: Vec<String>,
    /// What is said of the table and its columns, once they are there.
    pub(super) comments: Vec<Operation>,
}

impl Altered {
    /// Appends the operations. If nothing follows, a rebuild that no operation has taken along is
    /// one of them, though there may be no step: SQLite's foreign keys have no names to drop.
    pub(super) fn write(
        &mut self,
        table: &str,
        something_follows: bool,
        operations: &mut Vec<Operation>,
    ) {
        let (mut adds, mut alters, mut drops) = (Vec::new(), Vec::new(), Vec::new());
        let waits = self.steps.is_empty() && something_follows;
        let rebuild = if waits { None } else { self.rebuild.take() };
        for step in std::mem::take(&mut self.steps) {
            let table = table.to_owned();
            match step {
                // What every engine does alike is an operation of its own.
                Step::AddColumn(column) if rebuild.is_none() => {
                    adds.push(Operation::AddColumn { table, column });
                }
                Step::DropColumn(column) if rebuild.is_none() => {
                    drops.push(Operation::DropColumn { table, column });
                }
                step => alters.push(step),
            }
        }
        operations.append(&mut adds);
        if !alters.is_empty() || rebuild.is_some() {
            let table = table.to_owned();
            operations.push(Operation::AlterTable { table, steps: alters, rebuild });
        }
        operations.append(&mut drops);
        operations.append(&mut self.make_indexes);
        let steps = std::mem::take(&mut self.late_access);
        if !steps.is_empty() {
            operations.push(Operation::AlterAccess { table: table.to_owned(), steps });
        }
    }
}

/// Something that gets another name.
pub(super) struct Renamed {
    pub from: String,
    pub to: String,
    /// What it becomes, if it is an index and no primary key.
    pub index: Option<Index>,
    /// Whether `from` is a name in between, which nothing has in any schema.
    pub is_between: bool,
}

/// What is done to columns, in the order in which it has to be done: values are there before NULL
/// is refused.
#[derive(Default)]
struct ColumnSteps {
    adds: Vec<Step>,
    fills: Vec<Step>,
    /// Of types and defaults.
    changes: Vec<Step>,
    /// Of columns that get another type first.
    late_fills: Vec<Step>,
    nulls: Vec<Step>,
    /// Columns that are computed from the others.
    computed: Vec<Step>,
}

impl ColumnSteps {
    fn append_to(self, steps: &mut Vec<Step>) {
        for mut part in
            [self.adds, self.fills, self.changes, self.late_fills, self.nulls, self.computed]
        {
            steps.append(&mut part);
        }
    }
}

/// What a new UUID is on SQLite, which keeps its bytes and has no default for it.
const RANDOM_BYTES: &str = "randomblob(16)";

/// A value for rows that have none.
struct Fill {
    postgres: String,
    sqlite: String,
}

impl Alter<'_> {
    pub(super) fn plan(&self) -> Altered {
        let mut altered = Altered::default();
        self.indexes(&mut altered);
        self.steps(&mut altered);
        self.access(&mut altered);
        altered.comments = self.comments();
        if self.needs_rebuild() {
            altered.rebuild = Some(self.rebuild());
        }
        altered
    }

    /// What else is said of the table and its columns: of those that are new, too.
    fn comments(&self) -> Vec<Operation> {
        let replaced = self.replaced();
        let mut comments = Vec::new();
        if self.before.comment != self.after.comment {
            comments.push(comment(self.after, None, self.after.comment.as_deref()));
        }
        for column in &self.after.columns {
            let name = column.name.as_str();
            let stays = self.before.column(name).filter(|_| !replaced.contains(name));
            let before = stays.and_then(|before| before.comment.as_ref());
            if before != column.comment.as_ref() {
                comments.push(comment(self.after, Some(name), column.comment.as_deref()));
            }
        }
        comments
    }

    /// Which indexes go before the table is altered, and which come after.
    fn indexes(&self, altered: &mut Altered) {
        let table = &self.after.name;
        let drop = |index: &Index| Operation::DropIndex {
            table: table.clone(),
            index: index.name.clone(),
        };
        let create = |index: &Index| Operation::CreateIndex {
            table: self.after.clone(),
            index: index.clone(),
        };
        for change in &self.changes {
            match change {
                Change::DropIndex { index, .. } => altered.drop_indexes.push(drop(index)),
                Change::AddIndex { index, .. } => altered.make_indexes.push(create(index)),
                Change::AlterIndex { from, to, .. } => {
                    altered.drop_indexes.push(drop(from));
                    altered.make_indexes.push(create(to));
                }
                Change::RenameIndex { from, to, .. } if self.is_disturbed(from) => {
                    altered.drop_indexes.push(drop(from));
                    altered.make_indexes.push(create(to));
                }
                _ => {}
            }
        }
        altered.names = self.names();
        for index in self.unchanged_indexes().filter(|index| self.is_disturbed(index)) {
            altered.drop_indexes.push(drop(index));
            altered.make_indexes.push(create(index));
        }
    }

    /// What only gets another name among those that belong to the whole schema: indexes, and the primary key,
    /// which is one.
    fn names(&self) -> Vec<Renamed> {
        let renamed = |change: &&Change| match change {
            Change::RenameIndex { from, to, .. } if !self.is_disturbed(from) => Some(Renamed {
                from: from.name.clone(),
                to: to.name.clone(),
                index: Some(to.clone()),
                is_between: false,
            }),
            Change::RenameConstraint { from, to, .. } if self.is_primary_key(from) => {
                Some(Renamed { from: from.clone(), to: to.clone(), index: None, is_between: false })
            }
            _ => None,
        };
        self.changes.iter().filter_map(renamed).collect()
    }

    /// Whether this is the name of a primary key that stays.
    fn is_primary_key(&self, name: &String) -> bool {
        let key = self.before.primary_key.as_ref();
        key.is_some_and(|key| key.name.as_ref() == Some(name)) && !self.primary_key_changes()
    }

    /// Indexes that no change is about.
    fn unchanged_indexes(&self) -> impl Iterator<Item = &Index> {
        self.before.indexes.iter().filter(|index| {
            !self.changes.iter().any(|change| match change {
                Change::DropIndex { index: other, .. }
                | Change::AlterIndex { from: other, .. }
                | Change::RenameIndex { from: other, .. } => other.name == index.name,
                _ => false,
            })
        })
    }

    /// Whether an index would not come through a change of types as if it had been made after it:
    /// the server would go on with its own old spelling of an expression, and drops an index
    /// together with a column.
    fn is_disturbed(&self, index: &Index) -> bool {
        if self.replaced().iter().any(|column| index.mentions(column)) {
            return true;
        }
        let parts = index.parts.iter().map(|part| part.expr.as_str());
        let expressions = parts.filter(|text| self.before.column(text).is_none());
        let expressions: Vec<&str> = expressions.chain(index.predicate.as_deref()).collect();
        let disturbed = self.disturbed();
        disturbed.iter().any(|column| expressions.iter().any(|text| expr::mentions(text, column)))
    }

    /// Which policies and privileges go before the table is altered, and which come after.
    fn access(&self, altered: &mut Altered) {
        let (early, late) = (&mut altered.early_access, &mut altered.late_access);
        let mut renames = BTreeMap::new();
        let gone: BTreeSet<&str> = self
            .changes
            .iter()
            .filter(|change| matches!(change, Change::DropColumn { .. }))
            .filter_map(|change| change.column())
            .chain(self.disturbed())
            .collect();
        let is_disturbed = |policy: &Policy| {
            gone.iter().any(|column| policy.conditions().any(|sql| expr::mentions(sql, column)))
        };
        for change in &self.changes {
            match change {
                Change::AlterRowSecurity { from, to, .. } => {
                    late.extend(AccessStep::row_security(*from, *to));
                }
                Change::DropPolicy { policy, .. } => {
                    early.push(AccessStep::DropPolicy(policy.name.clone()));
                }
                Change::AddPolicy { policy, .. } => {
                    late.push(AccessStep::CreatePolicy(policy.clone()));
                }
                Change::RenamePolicy { from, to, .. } if !is_disturbed(from) => {
                    renames.insert(to.name.clone(), from.name.clone());
                }
                Change::AlterPolicy { from, to, .. } | Change::RenamePolicy { from, to, .. } => {
                    early.push(AccessStep::DropPolicy(from.name.clone()));
                    late.push(AccessStep::CreatePolicy(to.clone()));
                }
                Change::AddGrant { grant, .. } => late.push(AccessStep::Grant(grant.clone())),
                Change::DropGrant { grant, .. } => early.push(AccessStep::Revoke(grant.clone())),
                _ => {}
            }
        }
        let goes = |name: &String| {
            early.iter().any(|it| matches!(it, AccessStep::DropPolicy(gone) if gone == name))
        };
        let names = self.before.policies.iter().map(|policy| policy.name.clone());
        let names = names.filter(|name| !goes(name)).collect();
        let steps =
            one_by_one(&renames, names, |names, _, new| !names.iter().any(|name| name == new));
        let steps = steps.into_iter().map(|(from, to)| AccessStep::RenamePolicy { from, to });
        late.splice(0..0, steps);
        let unchanged = self.before.policies.iter().filter(|policy| !goes(&policy.name));
        let disturbed = unchanged.filter(|policy| is_disturbed(policy)).filter_map(|policy| {
            self.after.policies.iter().find(|after| after.name == policy.name)
        });
        for policy in disturbed.collect::<Vec<_>>() {
            early.push(AccessStep::DropPolicy(policy.name.clone()));
            late.push(AccessStep::CreatePolicy(policy.clone()));
        }
    }

    fn changes_of(&self, column: &str) -> impl Iterator<Item = &Change> {
        self.changes.iter().copied().filter(move |change| change.column() == Some(column))
    }

    /// Columns of another type.
    fn retyped(&self) -> BTreeSet<&str> {
        let types = self.changes.iter().filter(|c| matches!(c, Change::AlterType { .. }));
        types.filter_map(|change| change.column()).collect()
    }

    /// Columns of another type or collation, and those that are dropped and added: expressions over them are made
    /// again.
    fn disturbed(&self) -> BTreeSet<&str> {
        let of_others = self.changes.iter().filter(|c| matches!(c, Change::AlterCollation { .. }));
        let mut disturbed = self.retyped();
        disturbed.extend(of_others.filter_map(|change| change.column()));
        disturbed.extend(self.replaced());
        disturbed
    }

    /// Columns that are dropped and added, because their values cannot be converted, or are computed from a column
    /// that goes or becomes another.
    fn replaced(&self) -> BTreeSet<&str> {
        let backfills = self.request.backfills;
        let replaced = self.changes.iter().filter(|change| is_replaced(change, backfills));
        let mut replaced: BTreeSet<&str> = replaced.filter_map(|change| change.column()).collect();
        let changes = self.changes.iter().filter(|change| change.disturbs_column());
        let disturbed: Vec<&str> = changes.filter_map(|change| change.column()).collect();
        let stays = |column: &&Column| {
            self.after.column(&column.name).is_some_and(|it| it.generated.is_some())
        };
        let computed = self.before.columns.iter().filter(stays).filter(|column| {
            let expr = column.computed().unwrap_or_default();
            disturbed.iter().any(|name| expr::mentions(expr, name))
        });
        replaced.extend(computed.map(|column| column.name.as_str()));
        replaced
    }

    /// Whether the primary key has to be recreated.
    fn primary_key_changes(&self) -> bool {
        let replaced = self.replaced();
        self.changes.iter().any(|change| matches!(change, Change::AlterPrimaryKey { .. }))
            || self
                .before
                .primary_key
                .iter()
                .any(|key| key.columns.iter().any(|column| replaced.contains(column.as_str())))
    }

    /// Checks that are dropped, and those that are added.
    fn checks(&self) -> (Vec<&Check>, Vec<&Check>) {
        let (mut drops, mut adds) = (Vec::new(), Vec::new());
        for change in &self.changes {
            match change {
                Change::DropCheck { check, .. } => drops.push(check),
                Change::AddCheck { check, .. } => adds.push(check),
                Change::AlterCheck { from, to, .. } => {
                    drops.push(from);
                    adds.push(to);
                }
                _ => {}
            }
        }
        let disturbed = self.disturbed();
        for (before, after) in same_checks(&self.before.checks, &self.after.checks).both {
            if disturbed.iter().any(|column| expr::mentions(&before.expr, column))
                && !drops.contains(&before)
            {
                drops.push(before);
                adds.push(after);
            }
        }
        (drops, adds)
    }

    fn steps(&self, altered: &mut Altered) {
        let (dropped_checks, added_checks) = self.checks();
        let steps = &mut altered.steps;
        self.drop_constraints(&dropped_checks, steps);
        let replaced = self.replaced();
        let mut columns = ColumnSteps::default();
        // What is computed goes before what it is computed from.
        let is_computed =
            |name: &str| self.before.column(name).is_some_and(|it| it.generated.is_some());
        for column in self.before.columns.iter().filter(|column| is_computed(&column.name)) {
            let name = column.name.as_str();
            if replaced.contains(name) || self.after.column(name).is_none() {
                columns.adds.push(Step::DropColumn(column.name.clone()));
            }
        }
        for column in &self.after.columns {
            let is_replaced = replaced.contains(column.name.as_str());
            if is_replaced && !is_computed(&column.name) {
                columns.adds.push(Step::DropColumn(column.name.clone()));
            }
            if is_replaced || self.before.column(&column.name).is_none() {
                self.new_column(column, &mut columns);
            } else {
                self.kept_column(column, &mut columns);
            }
        }
        columns.append_to(steps);
        if self.primary_key_changes()
            && let Some(key) = &self.after.primary_key
        {
            steps.push(Step::AddPrimaryKey(key.clone()));
        }
        steps.extend(added_checks.into_iter().cloned().map(Step::AddCheck));
        let add = |key: &ForeignKey| Step::add_foreign_key(self.after, key.clone());
        steps.extend(self.adds.iter().map(add));
        for change in &self.changes {
            if let Change::DropColumn { column, .. } = change
                && column.generated.is_none()
            {
                steps.push(Step::DropColumn(column.name.clone()));
            }
        }
        let unfilled = steps.iter().filter_map(|step| match step {
            Step::Unfilled { column, .. } => Some(column.clone()),
            _ => None,
        });
        altered.unfilled = unfilled.collect();
    }

    /// Drops the keys and checks that go, and renames those that stay.
    fn drop_constraints(&self, checks: &[&Check], steps: &mut Vec<Step>) {
        let name = |name: &Option<String>| name.clone().map(Step::DropConstraint);
        steps.extend(self.drops.iter().filter_map(|key| name(&key.name)));
        steps.extend(checks.iter().filter_map(|check| name(&check.name)));
        if self.primary_key_changes()
            && let Some(key) = &self.before.primary_key
        {
            steps.extend(name(&key.name));
        }
        let is_gone = |name: &String| {
            steps.contains(&Step::DropConstraint(name.clone()))
                || self.early.iter().any(|key| key.name.as_ref() == Some(name))
        };
        let renames = self.changes.iter().filter_map(|change| match change {
            Change::RenameConstraint { from, to, .. }
                if !is_gone(from) && !self.is_primary_key(from) =>
            {
                Some((to.clone(), from.clone()))
            }
            _ => None,
        });
        let names = self.before.constraint_names().filter(|name| !is_gone(name)).cloned();
        let renames = one_by_one(&renames.collect(), names.collect(), |names, _, new| {
            !names.iter().any(|name| name == new)
        });
        steps.extend(renames.into_iter().map(|(from, to)| Step::RenameConstraint { from, to }));
    }

    fn new_column(&self, column: &Column, steps: &mut ColumnSteps) {
        if column.generated.is_some() {
            steps.computed.push(Step::AddColumn(column.clone()));
            return;
        }
        if !self.is_filled(column) {
            steps.adds.push(Step::AddColumn(column.clone()));
            return;
        }
        let bare = Column { nullable: true, default: None, ..column.clone() };
        steps.adds.push(Step::AddColumn(bare));
        steps.fills.push(self.fill_step(column));
        if column.default.is_some() {
            steps.changes.push(Step::SetDefault(column.clone()));
        }
        if !column.nullable {
            steps.nulls.push(Step::SetNotNull(column.name.clone()));
        }
    }

    fn kept_column(&self, column: &Column, steps: &mut ColumnSteps) {
        let name = || column.name.clone();
        let is_retyped = self.retyped().contains(column.name.as_str());
        for change in self.changes_of(&column.name) {
            match change {
                Change::AlterType { from, to, .. } => {
                    // A default of the old type may have no cast to the new one.
                    if from.default.is_some() {
                        steps.changes.push(Step::DropDefault(name()));
                    }
                    let using = self.using(from, to);
                    steps.changes.push(Step::SetType { column: to.clone(), using });
                    if to.default.is_some() {
                        steps.changes.push(Step::SetDefault(to.clone()));
                    }
                }
                // Else it comes with the type.
                Change::AlterCollation { to, .. } if !is_retyped => {
                    steps.changes.push(Step::SetCollation(to.clone()));
                }
                Change::AlterGenerated { .. } => steps.adds.push(Step::DropExpression(name())),
                Change::AlterAutoIncrement { to, .. } => {
                    // A new one begins after the numbers that are there, all of which are needed for that.
                    if to.auto_increment {
                        steps.nulls.push(Step::AddIdentity(name()));
                    } else {
                        // Before it gets a type that does not count.
                        steps.adds.push(Step::DropIdentity(name()));
                    }
                }
                Change::AlterDefault { to, .. } if !is_retyped => {
                    steps.changes.push(match &to.default {
                        Some(_) => Step::SetDefault(to.clone()),
                        None => Step::DropDefault(name()),
                    });
                }
                Change::AlterNullable { to, .. } if to.nullable => {
                    steps.nulls.push(Step::DropNotNull(name()));
                }
                Change::AlterNullable { to, .. } if to.generated.is_some() => {
                    steps.nulls.push(Step::SetNotNull(name()));
                }
                Change::AlterNullable { to, .. } => {
                    let fills = if is_retyped { &mut steps.late_fills } else { &mut steps.fills };
                    fills.push(self.fill_step(to));
                    steps.nulls.push(Step::SetNotNull(name()));
                }
                _ => {}
            }
        }
    }

    fn fill_step(&self, column: &Column) -> Step {
        let name = column.name.clone();
        match self.fill(column) {
            Some(fill) => Step::Fill { column: name, value: fill.postgres },
            None => Step::Unfilled { is_new: self.before.column(&name).is_none(), column: name },
        }
    }

    /// Whether the rows get values in a new column beyond what its default gives them.
    fn is_filled(&self, column: &Column) -> bool {
        if column.auto_increment || column.generated.is_some() {
            return false;
        }
        let refused = self.request.plain_fill && !column.nullable && self.may_be_refused(column);
        if refused {
            return true;
        }
        (!column.nullable && column.default.is_none()) || self.backfill(column).is_some()
    }

    fn backfill(&self, column: &Column) -> Option<&String> {
        self.request.backfills.get(&(self.after.name.clone(), column.name.clone()))
    }

    /// What rows get that have NULL in `column`.
    fn fill(&self, column: &Column) -> Option<Fill> {
        let both = |value: &str| Fill { postgres: value.to_owned(), sqlite: value.to_owned() };
        if let Some(value) = self.backfill(column) {
            return Some(both(value));
        }
        if self.request.plain_fill && self.may_be_refused(column) {
            return None;
        }
        if column.default.as_deref() == Some(RANDOM_UUID) {
            let postgres = RANDOM_UUID.to_owned();
            return Some(Fill { postgres, sqlite: RANDOM_BYTES.to_owned() });
        }
        if let (Some(postgres), Some(sqlite)) =
            (ddl::default_on(Engine::Postgres, column), ddl::default_on(Engine::Sqlite, column))
        {
            return Some(Fill { postgres, sqlite });
        }
        let plain = self.plainest_value(column).filter(|_| self.request.plain_fill)?;
        Some(match column.ty {
            ColumnType::Uuid => Fill { postgres: plain, sqlite: "zeroblob(16)".to_owned() },
            _ => both(&plain),
        })
    }

    fn plainest_value(&self, column: &Column) -> Option<String> {
        plainest_value(&column.ty, &self.request.to.enums)
    }

    /// Whether a check, a unique, a foreign key or the type may refuse a value that is made up: the plainest one, or
    /// the default, which would be the same in all rows.
    fn may_be_refused(&self, column: &Column) -> bool {
        let name = &column.name;
        let is_random = column.default.as_deref() == Some(RANDOM_UUID);
        let is_checked = || self.after.checks.iter().any(|check| expr::mentions(&check.expr, name));
        let is_unique = || {
            let indexes = self.after.indexes.iter().filter(|index| index.unique);
            indexes.flat_map(|index| &index.parts).any(|part| part.mentions(name))
                || self.after.primary_key.iter().any(|key| key.columns.contains(name))
        };
        let refers = || self.after.foreign_keys.iter().any(|key| key.columns.contains(name));
        let is_unknown = || self.plainest_value(column).is_none();
        refers()
            || (!is_random && is_unique())
            || (column.default.is_none() && (is_checked() || is_unknown()))
    }

    /// The USING of a change of type.
    fn using(&self, from: &Column, to: &Column) -> Option<String> {
        let conversion = conversion(&to.name, &from.ty, &to.ty);
        match self.converting_backfill(from, to) {
            Some(value) => Some(value.clone()),
            None => conversion.and_then(|conversion| conversion.using),
        }
    }

    /// The backfill of a column of another type, unless it is there to replace NULL.
    fn converting_backfill(&self, from: &Column, to: &Column) -> Option<&String> {
        let fills_nulls = from.nullable && !to.nullable;
        let converts = conversion(&to.name, &from.ty, &to.ty).is_some();
        self.backfill(to).filter(|_| !(fills_nulls && converts))
    }

    /// Whether the change is more than SQLite can do by adding and dropping columns and indexes.
    fn needs_rebuild(&self) -> bool {
        let on_sqlite = |table: &Table| -> Table {
            let tables = [(table.name.clone(), table.clone())].into();
            let on_sqlite = Schema { tables, ..Schema::default() }.on(Engine::Sqlite);
            on_sqlite.tables.into_values().next().unwrap_or_else(|| table.clone())
        };
        let (before, after) = (on_sqlite(self.before), on_sqlite(self.after));
        let column_needs_it = after.columns.iter().any(|column| {
            match before.column(&column.name) {
                Some(same) if same == column => {
                    // The engine may not tell the types apart, but the values do, and what is given
                    // for them.
                    self.retyped().contains(column.name.as_str())
                        && (self.backfill(column).is_some() || self.is_checked(column))
                }
                Some(_) => true,
                None => {
                    let plain = match column.default.as_deref() {
                        _ if column.generated.is_some() => false,
                        None => column.nullable && !column.auto_increment,
                        Some(default) => Literal::of(&default.to_uppercase()).is_some(),
                    };
                    // The name of one that goes may differ by case only.
                    let is_taken =
                        before.columns.iter().any(|it| it.name.eq_ignore_ascii_case(&column.name));
                    !plain || is_taken || self.backfill(column).is_some()
                }
            }
        });
        let refers = |table: &Table, column: &String| {
            table.checks.iter().any(|check| expr::mentions(&check.expr, column))
                || table.primary_key.iter().any(|key| key.columns.contains(column))
                || table.foreign_keys.iter().any(|key| key.columns.contains(column))
                || table
                    .columns
                    .iter()
                    .filter_map(Column::computed)
                    .any(|sql| expr::mentions(sql, column))
        };
        let mut dropped =
            before.columns.iter().filter(|column| after.column(&column.name).is_none());
        let dropped_needs_it =
            dropped.any(|column| column.generated.is_some() || refers(&before, &column.name));
        let counts = |table: &Table, name: &str| {
            table.column(name).is_some_and(|column| column.auto_increment)
        };
        let counting_changes = self
            .after
            .columns
            .iter()
            .any(|column| column.auto_increment && !counts(self.before, &column.name));
        column_needs_it
            || counting_changes
            || dropped_needs_it
            || !self.replaced().is_empty()
            || before.primary_key != after.primary_key
            || before.foreign_keys != after.foreign_keys
            || before.checks != after.checks
            || before.options != after.options
    }

    /// Whether a column's values have to be looked at on SQLite, since they may not fit its new type.
    fn is_checked(&self, after: &Column) -> bool {
        let before = self.before.column(&after.name);
        before
            .and_then(|before| conversion(&after.name, &before.ty, &after.ty))
            .is_some_and(|it| it.check.is_some() || it.require.is_some())
    }

    fn rebuild(&self) -> Rebuild {
        let mut table = self.after.clone();
        table.indexes = self
            .unchanged_indexes()
            .chain(self.changes.iter().filter_map(|change| match change {
                Change::RenameIndex { to, .. } => Some(to),
                _ => None,
            }))
            .filter(|index| !self.is_disturbed(index))
            .cloned()
            .collect();
        let replaced = self.replaced();
        let mut rebuild =
            Rebuild { table, values: Vec::new(), checked: Vec::new(), required: Vec::new() };
        for column in self.after.columns.iter().filter(|column| column.generated.is_none()) {
            let before = self.before.column(&column.name);
            match before.filter(|_| !replaced.contains(column.name.as_str())) {
                Some(before) => self.rebuild_column(before, column, &mut rebuild),
                None => self.rebuild_new_column(column, &mut rebuild),
            }
        }
        rebuild
    }

    fn rebuild_new_column(&self, column: &Column, rebuild: &mut Rebuild) {
        let name = &column.name;
        if self.is_filled(column) {
            let fill = self.fill(column).map(|fill| (name.clone(), Some(fill.sqlite)));
            rebuild.values.extend(fill);
        } else if column.auto_increment {
            let number = self.before.rowid().map(|rowid| (name.clone(), Some(rowid.to_owned())));
            rebuild.values.extend(number);
        } else if column.default.as_deref() == Some(RANDOM_UUID) {
            rebuild.values.push((name.clone(), Some(RANDOM_BYTES.to_owned())));
        }
        self.require_of_backfill(column, rebuild);
    }

    fn rebuild_column(&self, before: &Column, column: &Column, rebuild: &mut Rebuild) {
        let name = &column.name;
        let mut value = None;
        if before.ty != column.ty {
            let given = self.converting_backfill(before, column);
            let conversion = conversion(name, &before.ty, &column.ty).filter(|_| given.is_none());
            let (copy, check, require) =
                conversion.map(|it| (it.copy, it.check, it.require)).unwrap_or_default();
            value = given.cloned().or(copy);
            rebuild.checked.extend(check.map(|check| (name.clone(), check)));
            rebuild.required.extend(require.map(|require| (name.clone(), require)));
        }
        if before.nullable
            && !column.nullable
            && let Some(fill) = self.fill(column)
        {
            let own = value.unwrap_or_else(|| quoted(name));
            value = Some(format!("coalesce({own}, {})", fill.sqlite));
        }
        rebuild.values.push((name.clone(), value));
        self.require_of_backfill(column, rebuild);
    }

    /// Requires that values of a backfill fit the column's type, which SQLite does not check.
    fn require_of_backfill(&self, column: &Column, rebuild: &mut Rebuild) {
        let is_required = rebuild.required.iter().any(|(name, _)| *name == column.name);
        if self.backfill(column).is_some() && !is_required {
            let require = conforms(&column.name, &column.ty);
            rebuild.required.extend(require.map(|require| (column.name.clone(), require)));
        }
    }
}

/// A rebuild that changes no row.
pub(super) fn whole(table: &Table) -> Rebuild {
    let own = table.columns.iter().filter(|column| column.generated.is_none());
    let values = own.map(|column| (column.name.clone(), None)).collect();
    Rebuild { table: table.clone(), values, checked: Vec::new(), required: Vec::new() }
}

/// The plainest value of a type, as SQL that every engine reads; `None` for types that are not known, such as
/// those of extensions. `enums` are the values of the enum types.
#[must_use]
pub fn plainest_value(ty: &ColumnType, enums: &BTreeMap<String, Vec<String>>) -> Option<String> {
    let value = match ty {
        ColumnType::Uuid => "'00000000-0000-0000-0000-000000000000'",
        ColumnType::SmallInt
        | ColumnType::Integer
        | ColumnType::BigInt
        | ColumnType::Real
        | ColumnType::Double
        | ColumnType::Numeric(_) => "0",
        ColumnType::Boolean => "FALSE",
        ColumnType::Date => "'1970-01-01'",
        ColumnType::Time => "'00:00:00'",
        ColumnType::Timestamp => "'1970-01-01 00:00:00'",
        ColumnType::TimestampTz => "'1970-01-01T00:00:00+00:00'",
        // Of a list, it is the empty one.
        ColumnType::Json | ColumnType::Jsonb | ColumnType::EnumArray(_) => "'{}'",
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Bytea => "''",
        ColumnType::Enum(name) => return enums.get(name)?.first().map(|value| literal(value)),
        ColumnType::Other(text) => return plainest_other(text),
    };
    Some(value.to_owned())
}

/// The plainest value of a type that the model has no name for.
fn plainest_other(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let value = match text.split(['(', ' ', '[']).next().unwrap_or_default() {
        _ if text.contains('[') => "'{}'",
        "bit" if !text.contains("varying") => {
            let digits = text.split(['(', ')']).nth(1).map_or(Ok(1), str::parse::<usize>).ok()?;
            return Some(format!("'{}'", "0".repeat(digits)));
        }
        "bit" | "varbit" | "bpchar" | "char" | "character" | "citext" | "hstore" | "ltree"
        | "name" | "tsquery" | "tsvector" => "''",
        "int4range" | "int8range" | "numrange" | "daterange" | "tsrange" | "tstzrange" => "'empty'",
        "interval" | "money" => "'0'",
        "time" | "timetz" => "'00:00:00+00'",
        "timestamp" | "timestamptz" => "'1970-01-01 00:00:00+00'",
        "inet" => "'0.0.0.0'",
        "cidr" => "'0.0.0.0/0'",
        "macaddr" => "'00:00:00:00:00:00'",
        "macaddr8" => "'00:00:00:00:00:00:00:00'",
        "xml" => "'<none/>'",
        "jsonpath" => "'$'",
        _ => return None,
    };
    Some(value.to_owned())
}
