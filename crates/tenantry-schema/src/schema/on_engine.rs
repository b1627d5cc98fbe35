//! What becomes of a neutral schema on an engine, and what the engine refuses of it.

use tenantry_entity::{Capability, Engine};

use super::{
    ddl, expr,
    model::{BTREE, ForeignKey, Index, IndexPart, Schema, Table},
    rules, tenancy,
    types::ColumnType,
};
use crate::ops::v1;

impl Schema {
    /// What becomes of this neutral schema on `engine`, as far as that can be said without asking
    /// a server: SQLite has other words for types and defaults, keeps no names of keys, and keeps
    /// expressions as they were written. What an engine refuses is left out, and of a table that it
    /// brings along only the columns are ours.
    #[must_use]
    pub fn on(mut self, engine: Engine) -> Self {
        // Objects are compared by themselves.
        self.objects.clear();
        let capability = engine.capability();
        if !capability.row_level_security {
            self = self.without_access();
        }
        for table in self.tables.values_mut() {
            if !capability.distributes_tables {
                table.distribution = None;
            }
            if !capability.comments {
                table.comment = None;
                table.columns.iter_mut().for_each(|column| column.comment = None);
            }
            if capability.built_in(&table.name).is_some() {
                table.keep_columns_only();
                continue;
            }
            let whole = table.clone();
            table.foreign_keys.retain(|key| {
                capability.foreign_keys_to_shared || !tenancy::is_key_to_shared(&whole, key)
            });
            table.indexes.retain(|index| !index.is_left_out(&capability, &whole));
            for index in &mut table.indexes {
                index.unique &= index.is_unique_kept(&capability, &whole);
            }
        }
        if !capability.keeps_expression_text {
            return self;
        }
        self.enums.clear();
        for table in self.tables.values_mut() {
            for column in &mut table.columns {
                if column.auto_increment {
                    column.ty = ColumnType::Integer;
                    column.auto_increment = false;
                }
                column.ty = column.ty.on_sqlite();
                column.default = ddl::default_on(engine, column).map(|text| expr::normalise(&text));
                column.collation = ddl::collation_on(engine, column);
                if let Some(generated) = &mut column.generated {
                    generated.expr = expr::normalise(&generated.expr);
                }
            }
            if let Some(key) = &mut table.primary_key {
                key.name = None;
            }
            for key in &mut table.foreign_keys {
                key.name = None;
            }
            for index in &mut table.indexes {
                BTREE.clone_into(&mut index.method);
                index.options.clear();
                index.predicate = index.predicate.as_deref().map(expr::normalise);
                for part in &mut index.parts {
                    if table.columns.iter().all(|column| column.name != part.expr) {
                        part.expr = expr::normalise(&part.expr);
                    }
                    part.operator_class = None;
                    let is_there = |name: &String| v1::has_collation(engine, name);
                    part.collation = part.collation.take().filter(is_there);
                }
            }
            for check in &mut table.checks {
                check.expr = expr::normalise(&check.expr);
            }
        }
        self.sorted()
    }

    /// What of this neutral schema `engine` cannot have in any form, in a sentence each.
    #[must_use]
    pub fn refused_by(&self, engine: Engine) -> Vec<String> {
        let mut found = Vec::new();
        if engine != Engine::Sqlite {
            for name in self.schemas() {
                if engine != Engine::Postgres {
                    found.push(format!(
                        "the entities say `schema_name = \"{name}\"`, and all tables are in one schema on {engine}"
                    ));
                }
            }
            for (table, column) in
                self.tables.values().flat_map(|it| it.columns.iter().map(move |c| (it, c)))
            {
                let place = || format!("{}.{}", table.name, column.name);
                if let Some(name) =
                    column.collation.as_ref().filter(|name| !v1::has_collation(engine, name))
                {
                    found.push(format!(
                        "{} has the collation {name}, which only SQLite has",
                        place()
                    ));
                }
                if column.generated.as_ref().is_some_and(|it| !it.stored) {
                    found.push(format!(
                        "{} is VIRTUAL, which PostgreSQL has from version 18 on only: write STORED",
                        place()
                    ));
                }
            }
            for (table, index) in
                self.tables.values().flat_map(|it| it.indexes.iter().map(move |index| (it, index)))
            {
                let mut collations = index.parts.iter().filter_map(|part| part.collation.as_ref());
                if let Some(name) = collations.find(|name| !v1::has_collation(engine, name)) {
                    found.push(format!(
                        "{}: the index {} has the collation {name}, which only SQLite has",
                        table.name, index.name
                    ));
                }
            }
            return found;
        }
        found.extend(rules::same_on_sqlite(self));
        for name in self.schemas() {
            found.push(format!(
                "the entities say `schema_name = \"{name}\"`, and SQLite has no schemas"
            ));
        }
        for table in self.tables.values() {
            let name = &table.name;
            for column in &table.columns {
                if column.auto_increment && table.key() != [column.name.clone()] {
                    found.push(format!(
                        "{name}.{} is numbered by the database, which SQLite does for a key of one column only: \
                         write `auto_increment = false`",
                        column.name
                    ));
                }
                if !column.ty.is_known_to_sqlite() {
                    found.push(format!(
                        "{name}.{} is of the type {}, which SQLite does not have",
                        column.name, column.ty
                    ));
                }
            }
        }
        found
    }

    /// What of this neutral schema `engine` refuses, so that rows are not kept by it there.
    #[must_use]
    pub fn left_out(&self, engine: Engine) -> LeftOut {
        let capability = engine.capability();
        let mut left_out = LeftOut::default();
        for table in self.tables.values() {
            let built_in = capability.built_in(&table.name);
            for key in &table.foreign_keys {
                if !capability.foreign_keys_to_shared && tenancy::is_key_to_shared(table, key) {
                    left_out.foreign_keys.push((table.name.clone(), key.clone()));
                }
            }
            for index in table.indexes.iter().filter(|it| it.is_left_out(&capability, table)) {
                let own = |it: &IndexPart| built_in.is_some_and(|b| b.unique.contains(&&*it.expr));
                if !index.parts.iter().all(own) {
                    left_out.indexes.push((table.clone(), index.clone()));
                }
            }
            let weaker = table.indexes.iter().filter(|it| it.unique);
            let weaker = weaker.filter(|it| !it.is_unique_kept(&capability, table));
            left_out.uniques.extend(weaker.map(|it| (table.clone(), it.clone())));
        }
        left_out
    }

    /// This schema, read from a database with tables that its engine brings along, as far as it can
    /// be compared with the `expected` one: such a table has what is expected of it wherever that
    /// fits, and may have more.
    #[must_use]
    pub fn adopted(mut self, engine: Engine, expected: &Self) -> Self {
        for built_in in engine.capability().built_ins {
            let Some(live) = self.tables.get_mut(built_in.table) else { continue };
            live.keep_columns_only();
            let Some(expected) = expected.tables.get(built_in.table) else { continue };
            live.columns.retain_mut(|column| {
                let Some(wanted) = expected.column(&column.name) else { return false };
                if wanted.ty.fits(&column.ty) {
                    column.clone_from(wanted);
                }
                true
            });
        }
        self
    }
}

impl Index {
    /// Whether an engine that can so much has no index of this kind.
    fn is_left_out(&self, capability: &Capability, table: &Table) -> bool {
        v1::is_left_out(capability, &table.name, self.unique, self.has_expressions(table))
    }

    /// Whether an engine that can so much keeps this unique on that table.
    fn is_unique_kept(&self, capability: &Capability, table: &Table) -> bool {
        let key = table.primary_key.iter().flat_map(|key| &key.columns).map(String::as_str).next();
        v1::is_unique_kept(
            capability,
            key.filter(|_| table.is_root()),
            self.parts.iter().map(|part| part.expr.clone()),
        )
    }
}

/// Types of PostgreSQL and its extensions whose values are written as a text.
const TEXTS: [&str; 25] = [
    "bit",
    "bpchar",
    "char",
    "character",
    "cidr",
    "citext",
    "daterange",
    "hstore",
    "inet",
    "int4range",
    "int8range",
    "interval",
    "jsonpath",
    "ltree",
    "macaddr",
    "macaddr8",
    "name",
    "numrange",
    "timetz",
    "tsquery",
    "tsrange",
    "tstzrange",
    "tsvector",
    "varbit",
    "xml",
];

impl ColumnType {
    /// The type as SQLite's columns are declared: it has no integer wider than another.
    #[must_use]
    pub fn on_sqlite(&self) -> Self {
        match self {
            Self::BigInt => Self::Integer,
            Self::Enum(_) => Self::Text,
            Self::Other(_) if self.is_kept_as_text() => Self::Text,
            other => other.clone(),
        }
    }

    /// Whether SQLite has a counterpart: not of a list of values, and not of a name that says nothing to it, for which
    /// it would make a number of what looks like one. It leaves what is declared as some `blob` as it is.
    #[must_use]
    pub fn is_known_to_sqlite(&self) -> bool {
        match self {
            Self::EnumArray(_) => false,
            Self::Other(text) => {
                self.is_kept_as_text() || text.to_ascii_lowercase().ends_with("blob")
            }
            _ => true,
        }
    }

    /// Whether SQLite keeps the values of a type of PostgreSQL as the text that they are written as. Declared under
    /// its own name, a column would turn what looks like a number into one: <https://www.sqlite.org/datatype3.html#affinity>
    #[must_use]
    pub fn is_kept_as_text(&self) -> bool {
        let Self::Other(text) = self else { return false };
        let text = text.to_ascii_lowercase();
        let word = text.split(['(', ' ']).next().unwrap_or_default();
        // `time(3)`, and with a zone or without.
        let is_time = ["time", "timestamp"].contains(&word);
        !text.contains('[') && (is_time || TEXTS.contains(&word))
    }

    /// Whether a column of the `other` type takes what is meant for one of this type.
    fn fits(&self, other: &Self) -> bool {
        let is_text = |ty: &Self| matches!(ty, Self::Text | Self::Varchar(_));
        self == other
            || (is_text(self) && is_text(other))
            // `timestamp(6)` keeps microseconds, as every timestamp does.
            || (*self == Self::Timestamp
                && matches!(other, Self::Other(text) if text == "timestamp(6) without time zone"))
    }
}

/// What an engine refuses of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Foreign keys, each with the table that has it.
    pub foreign_keys: Vec<(String, ForeignKey)>,
    /// Indexes and uniques, each with its table.
    pub indexes: Vec<(Table, Index)>,
    /// Uniques that are plain indexes there, each with its table.
    pub uniques: Vec<(Table, Index)>,
}

impl LeftOut {
    /// What is left out, in a sentence each.
    #[must_use]
    pub fn sentences(&self, engine: Engine) -> Vec<String> {
        let keys = self.foreign_keys.iter().map(|(table, key)| {
            format!(
                "{engine} lets no tenant-scoped table refer to a shared one, so {table} is without \
                 the foreign key {key}: `validate` checks the rows"
            )
        });
        let indexes = self.indexes.iter().map(|(table, index)| {
            let instead = if index.unique { ": `validate` checks the rows" } else { "" };
            format!(
                "{engine} refuses {index}, so {} is without {}{instead}",
                table.name, index.name
            )
        });
        let uniques = self.uniques.iter().map(|(table, index)| {
            format!(
                "{engine} keeps nothing unique among the rows of {} but their key, so {} is a plain \
                 index: `validate` checks the rows",
                table.name, index.name
            )
        });
        keys.chain(indexes).chain(uniques).collect()
    }
}
