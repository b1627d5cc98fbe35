//! Rules that a schema must keep on every engine: lengths of names, names that collide, and foreign keys
//! that would set a NOT NULL column to NULL.

use std::{borrow::Cow, collections::HashMap, fmt};

use super::{Action, BTREE, Column, INCLUDE, Index, Schema, Table, names};
use crate::sql::parts;

/// Every breach of a rule, as a sentence that names the table and the object.
#[must_use]
pub fn violations(schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for table in schema.tables.values() {
        found.extend(too_long(table));
        found.extend(alike(table));
        if schema.has_tenancy() {
            found.extend(emptied_keys(table));
        }
        found.extend(table.indexes.iter().filter_map(|index| unsuited(table, index)));
    }
    found.extend(met(schema, Taken::meets));
    found
}

/// Names that differ by case only, which SQLite takes for one, as a sentence each.
#[must_use]
pub fn same_on_sqlite(schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for table in schema.tables.values() {
        for (at, column) in table.columns.iter().enumerate() {
            let same = |other: &&Column| {
                other.name != column.name && other.name.eq_ignore_ascii_case(&column.name)
            };
            if let Some(other) = table.columns[..at].iter().find(same) {
                found.push(format!(
                    "{}: the columns {} and {} differ by case only, and are the same on SQLite",
                    table.name, other.name, column.name
                ));
            }
        }
    }
    found.extend(met(schema, Taken::meets_on_sqlite));
    found
}

/// What works, and is hardly meant, as a sentence each. Entities that others have written have such things, and a
/// database that takes them.
#[must_use]
pub fn warnings(schema: &Schema) -> Vec<String> {
    if schema.has_tenancy() {
        Vec::new()
    } else {
        schema.tables.values().flat_map(emptied_keys).collect()
    }
}

/// PostgreSQL truncates longer names:
/// <https://www.postgresql.org/docs/15/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
fn too_long(table: &Table) -> Vec<String> {
    let columns = table.columns.iter().map(|column| ("column", &column.name));
    let indexes = table.indexes.iter().map(|index| ("index", &index.name));
    let constraints = constraints(table).into_iter().map(|name| ("constraint", name));
    let policies = table.policies.iter().map(|policy| ("policy", &policy.name));
    let (schema, bare) = parts(&table.name);
    let (schema, bare) = (schema.map(Cow::into_owned), bare.into_owned());
    schema
        .iter()
        .map(|name| ("schema", name))
        .chain([("table", &bare)])
        .chain(columns)
        .chain(indexes)
        .chain(constraints)
        .chain(policies)
        .filter(|(_, name)| name.len() > names::MAX_BYTES)
        .map(|(kind, name)| {
            format!(
                "{}: the name of the {kind} {name} has {} bytes, and PostgreSQL keeps {}: write a shorter one",
                table.name,
                name.len(),
                names::MAX_BYTES
            )
        })
        .collect()
}

/// The names of what PostgreSQL keeps as constraints of a table; a unique is an index here.
fn constraints(table: &Table) -> Vec<&String> {
    let key = table.primary_key.iter().filter_map(|key| key.name.as_ref());
    let foreign_keys = table.foreign_keys.iter().filter_map(|key| key.name.as_ref());
    let checks = table.checks.iter().filter_map(|check| check.name.as_ref());
    key.chain(foreign_keys).chain(checks).collect()
}

/// Columns and constraints of one table whose names collide.
fn alike(table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        if table.columns[..at].iter().any(|other| other.name == column.name) {
            found.push(format!("{}: two columns are called {}", table.name, column.name));
        }
    }
    let all = constraints(table);
    for (at, name) in all.iter().enumerate() {
        if all[..at].contains(name) {
            found.push(format!(
                "{}: two constraints are called {name}: rename a column of one of them",
                table.name
            ));
        }
    }
    found
}

/// Foreign keys that would set a NOT NULL column to NULL, so that the referenced row cannot be deleted.
fn emptied_keys(table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for key in &table.foreign_keys {
        for (when, action) in [("on_delete", key.on_delete), ("on_update", key.on_update)] {
            let empties = |name: &&String| {
                table.column(name).is_some_and(|column| match action {
                    Action::SetNull => !column.nullable,
                    Action::SetDefault => !column.nullable && column.default.is_none(),
                    _ => false,
                })
            };
            if let Some(column) = key.columns.iter().find(empties) {
                found.push(format!(
                    "{}: `{when}` of the foreign key ({}) would set {column} to NULL, which it may not \
                     be: write \"Restrict\" or \"Cascade\", or set the other columns to NULL in the program",
                    table.name,
                    key.columns.join(", ")
                ));
            }
        }
    }
    found
}

/// What an index is asked for and its method does not have:
/// <https://www.postgresql.org/docs/15/indexes-types.html>
fn unsuited(table: &Table, index: &Index) -> Option<String> {
    let method = index.method.as_str();
    let is_one_of = |methods: &[&str]| methods.contains(&method);
    // Methods of extensions are the server's to judge.
    if method == BTREE || !is_one_of(&["hash", "gist", "spgist", "gin", "brin"]) {
        return None;
    }
    let includes = index.options.iter().any(|option| option.starts_with(INCLUDE));
    let lacks = if index.unique {
        "is never unique"
    } else if index.parts.iter().any(|part| part.descending) {
        "has no order"
    } else if index.parts.len() > 1 && is_one_of(&["hash", "spgist"]) {
        "takes one column"
    } else if includes && !is_one_of(&["gist", "spgist"]) {
        "includes no other columns"
    } else {
        return None;
    };
    Some(format!("{}: an index of the method {method} {lacks}: {}", table.name, index.name))
}

/// Tables, indexes and primary keys share one set of names in a schema of PostgreSQL. SQLite gives
/// primary keys no names, and does not tell the others by their case.
fn met<'s>(
    schema: &'s Schema,
    meets: impl Fn(&Taken<'s>, &Taken<'s>) -> Option<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut taken: HashMap<(Option<Cow<'_, str>>, String), Vec<Taken<'_>>> = HashMap::new();
    for table in schema.tables.values() {
        let (within, name) = parts(&table.name);
        let own = Taken { what: What::Table, table, name };
        let indexes = table.indexes.iter().map(|it| Taken {
            what: What::Index(it),
            table,
            name: it.name.as_str().into(),
        });
        let key = table.primary_key.iter().filter_map(|key| key.name.as_ref());
        let key =
            key.map(|name| Taken { what: What::PrimaryKey, table, name: name.as_str().into() });
        for new in [own].into_iter().chain(indexes).chain(key) {
            let others = taken.entry((within.clone(), new.name.to_ascii_lowercase())).or_default();
            found.extend(others.iter().filter_map(|other| meets(other, &new)));
            others.push(new);
        }
    }
    found
}

/// A name that something has.
struct Taken<'a> {
    what: What<'a>,
    table: &'a Table,
    name: Cow<'a, str>,
}

/// What has the name.
#[derive(PartialEq, Eq)]
enum What<'a> {
    Table,
    Index(&'a Index),
    PrimaryKey,
}

impl Taken<'_> {
    /// Why the two names, which differ by case at most, collide everywhere, if they do.
    fn meets(&self, other: &Self) -> Option<String> {
        let why = format!("would both be called {}", self.name);
        (self.name == other.name).then(|| self.and(other, &why))
    }

    /// The same on SQLite, where primary keys have no names.
    fn meets_on_sqlite(&self, other: &Self) -> Option<String> {
        let has_name = |it: &Self| it.what != What::PrimaryKey;
        let why = format!(
            "would be called {} and {}, which are the same on SQLite",
            self.name, other.name
        );
        let collide = self.name != other.name && has_name(self) && has_name(other);
        collide.then(|| self.and(other, &why))
    }

    fn and(&self, other: &Self, why: &str) -> String {
        format!("{self} and {other} {why}: give one of them another name")
    }
}

impl fmt::Display for Taken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.table.name;
        match self.what {
            What::Table => write!(f, "the table {table}"),
            What::Index(index) => write!(f, "the index {index} of {table}"),
            What::PrimaryKey => write!(f, "the primary key of {table}"),
        }
    }
}
