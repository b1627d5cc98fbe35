//! What was renamed. Renames are told, never guessed: a wrong guess moves one column's values
//! under another's name.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::DbBackend;
use tenantry_entity::tenancy::TableDef;

use super::Change;
use crate::{
    schema::{Column, INCLUDE, Index, Policy, Schema, Table, expr},
    sql::{beside, parts},
};

/// Which tables and columns had which names before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    /// Old names of tables, by their new ones.
    pub tables: BTreeMap<String, String>,
    /// Old names of columns, by the new names of table and column.
    pub columns: BTreeMap<(String, String), String>,
}

impl Renames {
    /// What the attribute `renamed_from` says on the columns of the entities.
    #[must_use]
    pub fn of_columns(defs: &[TableDef]) -> Self {
        let mut renames = Self::default();
        for def in defs {
            for column in def.create_table(DbBackend::Postgres).get_columns() {
                // SeaORM hands the attribute on as a comment's end.
                let comment = column.get_column_spec().comment.as_deref();
                let old = comment
                    .and_then(|text| text.rsplit_once("renamed_from \""))
                    .and_then(|(_, rest)| rest.strip_suffix('"'));
                if let Some(old) = old {
                    let new = (def.name.to_owned(), column.get_column_name());
                    renames.columns.insert(new, old.to_owned());
                }
            }
        }
        renames
    }

    /// The way back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let tables = self.tables.iter().map(|(new, old)| (old.clone(), new.clone())).collect();
        let columns = self.columns.iter().map(|((table, new), old)| {
            let table = self.tables.get(table).unwrap_or(table);
            ((table.clone(), old.clone()), new.clone())
        });
        Self { tables, columns: columns.collect() }
    }

    /// Only what can be done on the way between two schemas: the old name is there, and afterwards the new
    /// one. Where the new one is there before too, its bearer gets another name, or is dropped, since
    /// afterwards the old name is gone. What the first schema notes as done is not done again. No table moves to another
    /// schema of the database.
    #[must_use]
    pub fn applicable(&self, from: &Schema, to: &Schema) -> Self {
        let mut tables = self.tables.clone();
        tables.retain(|new, old| {
            let stays = parts(new).0 == parts(old).0;
            new != old && stays && from.tables.contains_key(old) && to.tables.contains_key(new)
        });
        keep_possible(
            &mut tables,
            |name| from.tables.contains_key(name),
            |name| to.tables.contains_key(name),
        );
        let mut found = Self { tables, columns: BTreeMap::new() };
        for (name, after) in &to.tables {
            let Some(before) = found.table_before(name, from) else { continue };
            let of_table = self.columns.iter().filter(|((table, _), _)| table == name);
            let mut columns: BTreeMap<String, String> = of_table
                .filter(|((_, new), old)| {
                    let is_done = before.renamed.get(new) == Some(old);
                    let exist = before.column(old).is_some() && after.column(new).is_some();
                    new != *old && exist && !is_done
                })
                .map(|((_, new), old)| (new.clone(), old.clone()))
                .collect();
            keep_possible(
                &mut columns,
                |column| before.column(column).is_some(),
                |column| after.column(column).is_some(),
            );
            let columns = columns.into_iter().map(|(new, old)| ((name.clone(), new), old));
            found.columns.extend(columns);
        }
        found
    }

    /// The table as it was, by the name that it has afterwards.
    #[must_use]
    pub fn table_before<'a>(&self, name: &str, from: &'a Schema) -> Option<&'a Table> {
        if let Some(old) = self.tables.get(name) {
            return from.tables.get(old);
        }
        // Its name may be another one's by now.
        let is_renamed = self.tables.values().any(|old| old == name);
        from.tables.get(name).filter(|_| !is_renamed)
    }

    /// The column as it was, by the names of table and column that it has afterwards.
    #[must_use]
    pub fn column_before<'a>(
        &self,
        table: &str,
        column: &str,
        from: &'a Schema,
    ) -> Option<&'a Column> {
        let before = self.table_before(table, from)?;
        let mut of_table = self.columns.iter().filter(|((name, _), _)| name == table);
        match self.columns.get(&(table.to_owned(), column.to_owned())) {
            Some(old) => before.column(old),
            // Its name may be another one's by now.
            None if of_table.any(|(_, old)| old == column) => None,
            None => before.column(column),
        }
    }

    /// The schema without what has to be dropped first, since another table or column gets its name, or one
    /// that SQLite takes for it. Indexes share the names of tables.
    #[must_use]
    pub fn cleared(&self, from: &Schema) -> Schema {
        let mut cleared = from.clone();
        let is_renamed = |name: &String| self.tables.values().any(|old| old == name);
        for new in self.tables.keys() {
            let is_taken = |name: &String| name.eq_ignore_ascii_case(new);
            let tables = cleared.tables.keys().filter(|name| is_taken(name) && !is_renamed(name));
            for name in tables.cloned().collect::<Vec<_>>() {
                cleared.tables.remove(&name);
                for table in cleared.tables.values_mut() {
                    table.foreign_keys.retain(|key| key.ref_table != name);
                }
            }
            let indexes = cleared.tables.values().flat_map(|table| {
                let taken = table.indexes.iter();
                let taken = taken.filter(|index| is_taken(&beside(&table.name, &index.name)));
                taken.map(|index| (table.name.clone(), index.clone()))
            });
            for (name, index) in indexes.collect::<Vec<_>>() {
                cleared.drop_index(&name, &index);
            }
        }
        for (name, new) in self.columns.keys() {
            let moves = |column: &str| {
                self.columns.iter().any(|((table, _), old)| table == name && old == column)
            };
            let before = self.table_before(name, from).map(|table| table.name.clone());
            let Some(before) = before else { continue };
            let Some(table) = cleared.tables.get_mut(&before) else { continue };
            let names = table.columns.iter().map(|column| &column.name);
            let taken = names.filter(|name| name.eq_ignore_ascii_case(new) && !moves(name));
            let taken: Vec<String> = taken.cloned().collect();
            for column in &taken {
                table.drop_column(column);
            }
            for column in &taken {
                for other in cleared.tables.values_mut() {
                    other
                        .foreign_keys
                        .retain(|key| key.ref_table != before || !key.ref_columns.contains(column));
                }
            }
        }
        cleared
    }

    /// The renames one after another, tables first, each to a name that is free by then: those in a circle
    /// by way of a name that nothing has.
    #[must_use]
    pub fn steps(&self, from: &Schema) -> Vec<Change> {
        // SQLite takes two names of tables that differ by case for one.
        let names = from.tables.keys().cloned().collect();
        let is_free = |names: &[String], _: &str, new: &str| !has(names, new);
        let tables = one_by_one(&self.tables, names, is_free);
        let mut steps = Vec::new();
        for (from, to) in tables {
            // A name in between is in the same schema.
            let known = if parts(&from).0.is_some() { &from } else { &to };
            let full = |name: &str| beside(known, &parts(name).1);
            steps.push(Change::RenameTable { from: full(&from), to: full(&to) });
        }
        let mut of_tables: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
        for ((table, new), old) in &self.columns {
            of_tables.entry(table).or_default().insert(new.clone(), old.clone());
        }
        for (table, columns) in of_tables {
            let Some(before) = self.table_before(table, from) else { continue };
            let names = before.columns.iter().map(|column| column.name.clone()).collect();
            let is_free = |names: &[String], old: &str, new: &str| {
                !names.iter().any(|name| name != old && name.eq_ignore_ascii_case(new))
            };
            steps.extend(
                one_by_one(&columns, names, is_free)
                    .into_iter()
                    .map(|(from, to)| Change::RenameColumn { table: table.to_owned(), from, to }),
            );
        }
        steps
    }

    /// The renames as changes, tables first.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let tables = self
            .tables
            .iter()
            .map(|(to, from)| Change::RenameTable { from: from.clone(), to: to.clone() });
        let columns = self.columns.iter().map(|((table, to), from)| Change::RenameColumn {
            table: table.clone(),
            from: from.clone(),
            to: to.clone(),
        });
        tables.chain(columns).collect()
    }
}

/// Leaves out renames to a name that something has before and keeps, as long as there are any: unless it is
/// renamed itself, or dropped, since the old name is gone afterwards.
fn keep_possible(
    renames: &mut BTreeMap<String, String>,
    was: impl Fn(&str) -> bool,
    is: impl Fn(&str) -> bool,
) {
    loop {
        let olds: Vec<String> = renames.values().cloned().collect();
        let count = renames.len();
        renames.retain(|new, old| !was(new) || olds.contains(new) || !is(old));
        if renames.len() == count {
            break;
        }
    }
    // Nothing has two names afterwards.
    let mut seen = BTreeSet::new();
    renames.retain(|_, old| seen.insert(old.clone()));
}

/// A name that nothing has, for something that keeps it within the migration only.
pub(crate) fn free_name(prefix: &str, is_taken: impl Fn(&String) -> bool) -> String {
    (0..).map(|number: u32| format!("{prefix}_{number}")).skip_while(is_taken).take(1).collect()
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// The renames, by their new names, one after another as old and new name: each to one that is free by then,
/// those in a circle by way of a name that nothing has. `names` are those of all there is; `is_free` says
/// whether an old name's bearer may take a new one among them.
pub(crate) fn one_by_one(
    renames: &BTreeMap<String, String>,
    mut names: Vec<String>,
    is_free: impl Fn(&[String], &str, &str) -> bool,
) -> Vec<(String, String)> {
    let mut left: Vec<(String, String)> =
        renames.iter().map(|(new, old)| (old.clone(), new.clone())).collect();
    let (mut steps, mut between_names) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let at = left.iter().position(|(old, new)| is_free(&names, old, new));
        let (old, new) = if let Some(at) = at {
            left.remove(at)
        } else if let Some(at) = left.iter().position(|(old, _)| !between_names.contains(old)) {
            let is_taken = |name: &String| has(&names, name) || left.iter().any(|it| it.1 == *name);
            let between = free_name("renamed", is_taken);
            between_names.push(between.clone());
            (std::mem::replace(&mut left[at].0, between.clone()), between)
        } else {
            // What is not renamed has the name and keeps it, which the engine will say.
            left.remove(0)
        };
        for name in names.iter_mut().filter(|name| **name == old) {
            name.clone_from(&new);
        }
        steps.push((old, new));
    }
    steps
}

impl Schema {
    /// What a database makes of the schema when tables and columns are renamed in it: keys,
    /// indexes and checks follow, and keep their own names.
    #[must_use]
    pub fn renamed(mut self, renames: &Renames) -> Self {
        for step in renames.steps(&self) {
            match step {
                Change::RenameTable { from, to } => self.rename_table(&from, &to),
                Change::RenameColumn { table, from, to } => self.rename_column(&table, &from, &to),
                _ => {}
            }
        }
        self.sorted()
    }

    /// Notes which renames of columns are done, of those that the entities still tell: the ones that are done
    /// now, those that were before or had no effect, and all of a table that is new. An attribute that stays
    /// would mean something else when the old name comes back and goes again.
    #[must_use]
    pub fn with_renames_done(mut self, before: &Self, told: &Renames, done: &Renames) -> Self {
        for table in self.tables.values_mut() {
            let was = done.table_before(&table.name, before);
            let told = told.columns.iter().filter(|((name, _), _)| *name == table.name);
            table.renamed = told
                .filter(|((name, new), old)| {
                    done.columns.get(&(name.clone(), new.clone())) == Some(old)
                        || was.is_none_or(|was| {
                            was.renamed.get(new) == Some(old) || was.column(new).is_some()
                        })
                })
                .map(|((_, new), old)| (new.clone(), old.clone()))
                .collect();
        }
        self
    }

    /// Drops an index, and the foreign keys that refer to what it keeps unique.
    fn drop_index(&mut self, table: &str, index: &Index) {
        let kept_unique: BTreeSet<&String> = index.parts.iter().map(|part| &part.expr).collect();
        for other in self.tables.values_mut() {
            other.foreign_keys.retain(|key| {
                let columns: BTreeSet<&String> = key.ref_columns.iter().collect();
                !(index.unique && key.ref_table == table && columns == kept_unique)
            });
        }
        if let Some(table) = self.tables.get_mut(table) {
            table.indexes.retain(|other| other.name != index.name);
        }
    }

    fn rename_table(&mut self, old: &str, new: &str) {
        if let Some(mut table) = self.tables.remove(old) {
            new.clone_into(&mut table.name);
            self.tables.insert(new.to_owned(), table);
        }
        for key in self.tables.values_mut().flat_map(|table| &mut table.foreign_keys) {
            if key.ref_table == *old {
                new.clone_into(&mut key.ref_table);
            }
        }
    }

    fn rename_column(&mut self, table: &str, old: &str, new: &str) {
        for other in self.tables.values_mut() {
            for key in &mut other.foreign_keys {
                if key.ref_table == *table {
                    rename_in(&mut key.ref_columns, old, new);
                }
            }
        }
        if let Some(table) = self.tables.get_mut(table) {
            table.rename_column(old, new);
        }
    }
}

impl Table {
    /// Drops a column and everything that is built on it.
    fn drop_column(&mut self, column: &str) {
        self.columns.retain(|it| it.name != column);
        let is_on_it = |it: &&Column| it.computed().is_some_and(|sql| expr::mentions(sql, column));
        let computed: Vec<String> =
            self.columns.iter().filter(is_on_it).map(|it| it.name.clone()).collect();
        for name in computed {
            self.drop_column(&name);
        }
        if self.primary_key.as_ref().is_some_and(|key| key.columns.iter().any(|it| it == column)) {
            self.primary_key = None;
        }
        self.foreign_keys.retain(|key| key.columns.iter().all(|it| it != column));
        self.indexes.retain(|index| !index.mentions(column));
        self.checks.retain(|check| !expr::mentions(&check.expr, column));
        self.policies.retain(|policy| !policy.conditions().any(|sql| expr::mentions(sql, column)));
    }

    fn rename_column(&mut self, old: &str, new: &str) {
        for column in &mut self.columns {
            if column.name == old {
                new.clone_into(&mut column.name);
            }
            if let Some(generated) = &mut column.generated {
                generated.expr = expr::rename_column(&generated.expr, old, new);
            }
        }
        if let Some(key) = &mut self.primary_key {
            rename_in(&mut key.columns, old, new);
        }
        for key in &mut self.foreign_keys {
            rename_in(&mut key.columns, old, new);
        }
        for index in &mut self.indexes {
            for part in &mut index.parts {
                if part.expr == old {
                    new.clone_into(&mut part.expr);
                } else if !self.columns.iter().any(|column| column.name == part.expr) {
                    part.expr = expr::rename_column(&part.expr, old, new);
                }
            }
            let included = format!("{INCLUDE}{old}");
            for option in index.options.iter_mut().filter(|option| **option == included) {
                *option = format!("{INCLUDE}{new}");
            }
            if let Some(predicate) = &mut index.predicate {
                *predicate = expr::rename_column(predicate, old, new);
            }
        }
        for check in &mut self.checks {
            check.expr = expr::rename_column(&check.expr, old, new);
        }
        for condition in self.policies.iter_mut().flat_map(Policy::conditions_mut) {
            *condition = expr::rename_column(condition, old, new);
        }
    }
}

fn rename_in(names: &mut [String], old: &str, new: &str) {
    for name in names.iter_mut().filter(|name| *name == old) {
        new.clone_into(name);
    }
}

#[cfg(test)]
mod tests {
    use super::one_by_one;

    fn steps(renames: &[(&str, &str)], names: &[&str]) -> Vec<(String, String)> {
        let renames = renames.iter().map(|(old, new)| ((*new).to_owned(), (*old).to_owned()));
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let is_free = |names: &[String], _: &str, new: &str| !names.iter().any(|name| name == new);
        one_by_one(&renames.collect(), names, is_free)
    }

    #[test]
    fn every_chain_of_renames_ends() {
        let is = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(steps(&[("a", "b"), ("b", "c")], &["a", "b"]), [is("b", "c"), is("a", "b")]);
        assert_eq!(
            steps(&[("a", "b"), ("b", "a")], &["a", "b"]),
            [is("b", "renamed_0"), is("a", "b"), is("renamed_0", "a")]
        );
        // Something else has the name and keeps it.
        assert_eq!(steps(&[("a", "b")], &["a", "b"]), [is("a", "renamed_0"), is("renamed_0", "b")]);
        assert_eq!(steps(&[("a", "c"), ("b", "a")], &["a", "b", "c"]).len(), 4);
    }
}
