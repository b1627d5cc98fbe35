//! The schema as plain data, and the ways to get one.
//!
//! | from | by |
//! |---|---|
//! | the entities | [`Schema::from_tables`] |
//! | the checked-in snapshot | [`Schema::from_snapshot`] |
//! | a live database | [`read`](fn@read) |
//! | what the entities would be there | [`expected`](fn@expected) |
//!
//! A schema built from the entities is neutral: it is written in PostgreSQL's words, and
//! [`Schema::on`] says what becomes of it on an engine that has other words or fewer distinctions.

pub mod access;
pub mod ddl;
pub mod expr;
mod from_entities;
mod from_postgres;
mod from_sqlite;
pub mod names;
mod normalise;
mod snapshot;
pub mod tenancy;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use tenantry_entity::{Capability, Engine};

use crate::ops::v1;

pub use access::{Grant, Grantee, Policy, RowSecurity};
pub use from_postgres::attribute_names;
pub use normalise::{Expected, expected, read, replay};

/// A whole schema: its tables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
}

/// A table with everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The table's name, without schema.
    #[serde(default)]
    pub name: String,
    /// Columns in the order in which they were declared.
    pub columns: Vec<Column>,
    /// The primary key, if there is one.
    pub primary_key: Option<PrimaryKey>,
    /// Foreign keys, ordered by columns and target.
    pub foreign_keys: Vec<ForeignKey>,
    /// Indexes and uniques, ordered by name; the primary key's own index is not among them.
    pub indexes: Vec<Index>,
    /// Checks, ordered by name and text.
    pub checks: Vec<Check>,
    /// Whether rows are shown by policies only.
    #[serde(default)]
    pub row_security: RowSecurity,
    /// Row-level policies, ordered by name.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// What others than the owner may do, ordered by grantee.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Where its rows are, on an engine with several nodes; `None` if it is a plain table on one of
    /// them. Of a neutral schema it follows from the columns.
    #[serde(skip)]
    pub distribution: Option<Distribution>,
}

/// Where the rows of a table are, on an engine with several nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Rows with the same value in this column are on one node, together with those of other tables
    /// that are distributed alike.
    By(String),
    /// Every node has all rows.
    Replicated,
    /// Something else, in words.
    Other(String),
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By(column) => write!(f, "distributed by {column}"),
            Self::Replicated => f.write_str("a reference table"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// The default, as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// The type of a column, as far as our entities and readers tell types apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ColumnType {
    /// `uuid`
    Uuid,
    /// `text`
    Text,
    /// `varchar`, with its length in characters if it has one.
    Varchar(Option<u32>),
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `numeric`, with its precision and scale in digits if it has them.
    Numeric(Option<(u32, u32)>),
    /// `boolean`
    Boolean,
    /// `date`
    Date,
    /// `time` without time zone
    Time,
    /// `timestamp` without time zone
    Timestamp,
    /// `timestamptz`
    TimestampTz,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `bytea`
    Bytea,
    /// Any other type, as the engine spells it.
    Other(String),
}

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryKey {
    /// The constraint's name, where the engine keeps it.
    pub name: Option<String>,
    /// Columns in key order.
    pub columns: Vec<String>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name, where the engine keeps it.
    pub name: Option<String>,
    /// Referring columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub ref_table: String,
    /// The columns referred to, in the order of `columns`.
    pub ref_columns: Vec<String>,
    /// What a delete of the row referred to does.
    pub on_delete: Action,
    /// What an update of the key referred to does.
    pub on_update: Action,
}

/// What happens to referring rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The statement fails if a reference is left at its end.
    #[default]
    NoAction,
    /// The statement fails at once.
    Restrict,
    /// Referring rows are deleted or updated too.
    Cascade,
    /// The referring columns become NULL.
    SetNull,
    /// The referring columns get their defaults.
    SetDefault,
}

/// An index. A unique constraint is a unique index here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The index's name.
    pub name: String,
    /// Whether it forbids equal keys.
    pub unique: bool,
    /// The access method; `btree` wherever nothing else is said.
    pub method: String,
    /// What else was asked for, as SQL: `INCLUDE column`, `NULLS NOT DISTINCT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// What is indexed, in key order.
    pub parts: Vec<IndexPart>,
    /// The predicate of a partial index, as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<String>,
}

/// One part of an index's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPart {
    /// A column's name, or an expression as SQL; with operator class, collation and place of NULLs
    /// where they are not the usual ones.
    pub expr: String,
    /// Whether the order is descending.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
}

/// A check constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The constraint's name, if it has one.
    pub name: Option<String>,
    /// The condition, as SQL.
    pub expr: String,
}

impl Schema {
    /// Puts everything whose order means nothing into a fixed order.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        for table in self.tables.values_mut() {
            table.foreign_keys.sort_by(|a, b| {
                (&a.columns, &a.ref_table, &a.ref_columns).cmp(&(
                    &b.columns,
                    &b.ref_table,
                    &b.ref_columns,
                ))
            });
            table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
            table.checks.sort_by(|a, b| (&a.name, &a.expr).cmp(&(&b.name, &b.expr)));
            table.policies.sort_by(|a, b| a.name.cmp(&b.name));
            table.grants.sort_by_key(|grant| grant.grantee);
        }
        self
    }

    /// Says of every table where its rows belong.
    pub(super) fn distribute(&mut self) {
        for table in self.tables.values_mut() {
            table.distribution = Some(tenancy::distribution(table));
        }
    }

    /// Only the tables that `keep` accepts.
    #[must_use]
    pub fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.tables.retain(|name, _| keep(name));
        self
    }

    /// Tables in foreign-key order: each after those it refers to. Tables in a cycle come last,
    /// by name.
    #[must_use]
    pub fn in_foreign_key_order(&self) -> Vec<&Table> {
        let mut ordered: Vec<&Table> = Vec::with_capacity(self.tables.len());
        let mut left: Vec<&Table> = self.tables.values().collect();
        while !left.is_empty() {
            let ready = |table: &Table| {
                table.foreign_keys.iter().all(|key| {
                    key.ref_table == table.name
                        || !self.tables.contains_key(&key.ref_table)
                        || ordered.iter().any(|done| done.name == key.ref_table)
                })
            };
            let (mut now, later): (Vec<&Table>, Vec<&Table>) =
                left.iter().partition(|table| ready(table));
            if now.is_empty() {
                now = left;
                left = Vec::new();
            } else {
                left = later;
            }
            ordered.append(&mut now);
        }
        ordered
    }

    /// What becomes of this neutral schema on `engine`, as far as that can be said without asking
    /// a server: SQLite has other words for types and defaults, keeps no names of keys, and keeps
    /// expressions as they were written. What an engine refuses is left out, and of a table that it
    /// brings along only the columns are ours.
    #[must_use]
    pub fn on(mut self, engine: Engine) -> Self {
        let capability = engine.capability();
        if !capability.row_level_security {
            self = self.without_access();
        }
        for table in self.tables.values_mut() {
            if !capability.distributes_tables {
                table.distribution = None;
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
                index.unique &= index.is_unique_kept(&capability, &whole.name);
            }
        }
        if !capability.keeps_expression_text {
            return self;
        }
        for table in self.tables.values_mut() {
            for column in &mut table.columns {
                column.ty = column.ty.on_sqlite();
                column.default = ddl::default_on(engine, column).map(|text| expr::normalise(&text));
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
                    part.expr = expr::normalise(&part.expr);
                }
            }
            for check in &mut table.checks {
                check.expr = expr::normalise(&check.expr);
            }
        }
        self.sorted()
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
            let weaker = weaker.filter(|it| !it.is_unique_kept(&capability, &table.name));
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

    /// The schema without row-level security, policies and grants.
    #[must_use]
    pub fn without_access(mut self) -> Self {
        for table in self.tables.values_mut() {
            table.row_security = RowSecurity::Disabled;
            table.policies.clear();
            table.grants.clear();
        }
        self
    }

    /// The schema without the texts that only the server itself can compare: defaults, checks,
    /// index predicates, index expressions and the conditions of policies are left out.
    #[must_use]
    pub fn without_expressions(mut self) -> Self {
        for table in self.tables.values_mut() {
            table.checks.clear();
            table.indexes.retain(|index| index.predicate.is_none());
            for policy in &mut table.policies {
                (policy.using, policy.with_check) = (None, None);
            }
            for column in &mut table.columns {
                column.default = None;
            }
        }
        self
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

impl Table {
    /// By which name the number of an SQLite row is known, which a column may have taken; `None` if all
    /// are. <https://www.sqlite.org/rowidtable.html>
    #[must_use]
    pub fn rowid(&self) -> Option<&'static str> {
        let is_free =
            |name: &&str| self.columns.iter().all(|column| !column.name.eq_ignore_ascii_case(name));
        ["rowid", "_rowid_", "oid"].into_iter().find(is_free)
    }

    /// A table of that name with nothing in it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            columns: Vec::new(),
            primary_key: None,
            foreign_keys: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            distribution: None,
            row_security: RowSecurity::default(),
            policies: Vec::new(),
            grants: Vec::new(),
        }
    }

    /// Leaves nothing but the columns.
    fn keep_columns_only(&mut self) {
        let columns = std::mem::take(&mut self.columns);
        *self = Self { columns, ..Self::new(std::mem::take(&mut self.name)) };
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl ForeignKey {
    /// Whether it refers to the primary key of `table`.
    #[must_use]
    pub fn is_to_key_of(&self, table: &Table) -> bool {
        self.ref_table == table.name
            && table.primary_key.as_ref().is_some_and(|key| key.columns == self.ref_columns)
    }

    /// Whether the other one has the same columns and target, whatever its name and actions.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.columns, &self.ref_table, &self.ref_columns)
            == (&other.columns, &other.ref_table, &other.ref_columns)
    }
}

impl Index {
    /// Whether an engine that can so much has no index of this kind.
    fn is_left_out(&self, capability: &Capability, table: &Table) -> bool {
        v1::is_left_out(capability, &table.name, self.unique, self.has_expressions(table))
    }

    /// Whether an engine that can so much keeps this unique on that table.
    fn is_unique_kept(&self, capability: &Capability, table: &str) -> bool {
        v1::is_unique_kept(capability, table, self.parts.iter().map(|part| part.expr.clone()))
    }

    /// Whether a part of the key is no column of `table`.
    #[must_use]
    pub fn has_expressions(&self, table: &Table) -> bool {
        self.parts.iter().any(|part| table.column(&part.expr).is_none())
    }
}

impl ColumnType {
    /// The type as SQLite's columns are declared: it has no integer wider than another.
    fn on_sqlite(&self) -> Self {
        match self {
            Self::BigInt => Self::Integer,
            other => other.clone(),
        }
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

    /// Reads a type as PostgreSQL's `format_type` or an SQLite column declaration spells it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lower = text.trim().to_ascii_lowercase();
        match lower.as_str() {
            "uuid" | "uuid_text" => return Self::Uuid,
            "text" => return Self::Text,
            "varchar" | "character varying" => return Self::Varchar(None),
            "smallint" => return Self::SmallInt,
            "integer" => return Self::Integer,
            "bigint" => return Self::BigInt,
            "real" | "float" => return Self::Real,
            "double precision" | "double" => return Self::Double,
            "numeric" | "decimal" | "real_decimal" => return Self::Numeric(None),
            "boolean" | "bool" => return Self::Boolean,
            "date" | "date_text" => return Self::Date,
            "time" | "time without time zone" | "time_text" => return Self::Time,
            "timestamp" | "timestamp without time zone" | "datetime_text" => {
                return Self::Timestamp;
            }
            "timestamptz" | "timestamp with time zone" | "timestamp_with_timezone_text" => {
                return Self::TimestampTz;
            }
            "json" | "json_text" => return Self::Json,
            "jsonb" | "jsonb_text" => return Self::Jsonb,
            "bytea" | "blob" => return Self::Bytea,
            _ => {}
        }
        let numbers = |prefixes: &[&str]| -> Option<Vec<u32>> {
            let inner = prefixes.iter().find_map(|prefix| lower.strip_prefix(prefix))?;
            inner.strip_suffix(')')?.split(',').map(|number| number.trim().parse().ok()).collect()
        };
        if let Some([length]) = numbers(&["varchar(", "character varying("]).as_deref() {
            return Self::Varchar(Some(*length));
        }
        // SQLite's spelling of a decimal is SeaQuery's.
        if let Some([precision, scale]) = numbers(&["numeric(", "decimal(", "real("]).as_deref() {
            return Self::Numeric(Some((*precision, *scale)));
        }
        Self::Other(text.trim().to_owned())
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("uuid"),
            Self::Text => f.write_str("text"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(length)) => write!(f, "varchar({length})"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::BigInt => f.write_str("bigint"),
            Self::Real => f.write_str("real"),
            Self::Double => f.write_str("double precision"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((precision, scale))) => write!(f, "numeric({precision}, {scale})"),
            Self::Boolean => f.write_str("boolean"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::TimestampTz => f.write_str("timestamptz"),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Bytea => f.write_str("bytea"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<String> for ColumnType {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<ColumnType> for String {
    fn from(ty: ColumnType) -> Self {
        ty.to_string()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        })
    }
}

impl fmt::Display for ForeignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "({}) -> {}({}) ON DELETE {} ON UPDATE {}",
            self.columns.join(", "),
            self.ref_table,
            self.ref_columns.join(", "),
            self.on_delete,
            self.on_update
        )
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unique {
            f.write_str("unique ")?;
        }
        if self.method != BTREE {
            write!(f, "{} ", self.method)?;
        }
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!("{}{}", part.expr, if part.descending { " DESC" } else { "" }))
            .collect();
        write!(f, "({})", parts.join(", "))?;
        for option in &self.options {
            write!(f, " {option}")?;
        }
        match &self.predicate {
            Some(predicate) => write!(f, " where {predicate}"),
            None => Ok(()),
        }
    }
}

/// The access method of every index that does not say otherwise.
pub const BTREE: &str = "btree";

/// How an index's option begins that names a column to carry along.
pub const INCLUDE: &str = "INCLUDE ";

/// The option of a unique index for which two NULLs are equal.
pub const NULLS_NOT_DISTINCT: &str = "NULLS NOT DISTINCT";
