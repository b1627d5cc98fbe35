//! What was renamed. Renames are told, never guessed: a wrong guess moves one column's values
//! under another's name.

use std::collections::BTreeMap;

use sea_orm::DbBackend;
use tenantry_entity::tenancy::TableDef;

use super::Change;
use crate::schema::{Policy, Schema, Table, expr};

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

    /// Only what applies on the way between two schemas: the old name is there and not the new
    /// one, and afterwards it is the other way round.
    #[must_use]
    pub fn applicable(&self, from: &Schema, to: &Schema) -> Self {
        let fits = |(new, old): &(&String, &String)| {
            from.tables.contains_key(*old)
                && !from.tables.contains_key(*new)
                && to.tables.contains_key(*new)
                && !to.tables.contains_key(*old)
        };
        let tables: BTreeMap<String, String> =
            self.tables.iter().filter(fits).map(|(new, old)| (new.clone(), old.clone())).collect();
        let columns = self.columns.iter().filter(|((table, new), old)| {
            let before = from.tables.get(tables.get(table).unwrap_or(table));
            let (Some(before), Some(after)) = (before, to.tables.get(table)) else { return false };
            before.column(old).is_some()
                && before.column(new).is_none()
                && after.column(new).is_some()
                && after.column(old).is_none()
        });
        let columns = columns.map(|(new, old)| (new.clone(), old.clone())).collect();
        Self { tables, columns }
    }

    /// Whether the column's old name is the name of another one that was renamed, and so on until this
    /// column itself.
    pub(crate) fn leads_back(&self, table: &str, column: &str) -> bool {
        let mut name = column;
        for _ in 0..self.columns.len() {
            let Some(old) = self.columns.get(&(table.to_owned(), name.to_owned())) else {
                return false;
            };
            name = old;
            if name == column {
                return true;
            }
        }
        false
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

impl Schema {
    /// What a database makes of the schema when tables and columns are renamed in it: keys,
    /// indexes and checks follow, and keep their own names.
    #[must_use]
    pub fn renamed(mut self, renames: &Renames) -> Self {
        for (new, old) in &renames.tables {
            if let Some(mut table) = self.tables.remove(old) {
                new.clone_into(&mut table.name);
                self.tables.insert(new.clone(), table);
            }
            for key in self.tables.values_mut().flat_map(|table| &mut table.foreign_keys) {
                if key.ref_table == *old {
                    new.clone_into(&mut key.ref_table);
                }
            }
        }
        for ((table, new), old) in &renames.columns {
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
        self.sorted()
    }
}

impl Table {
    fn rename_column(&mut self, old: &str, new: &str) {
        for column in self.columns.iter_mut().filter(|column| column.name == old) {
            new.clone_into(&mut column.name);
        }
        if let Some(key) = &mut self.primary_key {
            rename_in(&mut key.columns, old, new);
        }
        for key in &mut self.foreign_keys {
            rename_in(&mut key.columns, old, new);
        }
        for index in &mut self.indexes {
            for part in &mut index.parts {
                part.expr = expr::rename_column(&part.expr, old, new);
            }
            for option in &mut index.options {
                *option = expr::rename_column(option, old, new);
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
