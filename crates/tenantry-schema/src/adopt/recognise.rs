//! Which tables look like tenants.

use std::collections::BTreeMap;

use crate::schema::Schema;

/// A column by which most tables refer to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The table that they refer to.
    pub root: String,
    /// The column.
    pub column: String,
    /// How many tables have it.
    pub tables: usize,
}

/// The column by which at least three tables and a third of them refer to the same one, if there is one: by foreign keys
/// of this column alone, to the whole primary key.
#[must_use]
pub fn recognised(schema: &Schema) -> Option<Recognised> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for table in schema.tables.values() {
        for key in &table.foreign_keys {
            let target = schema.tables.get(&key.ref_table)?;
            if let [column] = &key.columns[..]
                && key.is_to_key_of(target)
                && table.name != target.name
            {
                *counts.entry((&target.name, column)).or_default() += 1;
            }
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    let ((root, column), tables) = most?;
    let is_enough = tables >= 3 && tables * 3 >= schema.tables.len();
    is_enough.then(|| Recognised { root: root.to_owned(), column: column.to_owned(), tables })
}
