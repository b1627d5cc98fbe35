//! The schema as plain data: tables and what belongs to them.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use tenantry_entity::Tenancy;

use super::{
    access::{Grant, Policy, RowSecurity},
    expr, tenancy,
    types::ColumnType,
};
use crate::sql::parts;

/// A whole schema: its tables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
    /// The values of each enum type of the database, in their order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub enums: BTreeMap<String, Vec<String>>,
    /// What entities cannot say: the text of each file of objects, by its name without `.sql`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<String, String>,
}

/// A table with everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The table's name, with its schema where the entity says one: see [`parts`](crate::sql::parts).
    #[serde(default)]
    pub name: String,
    /// What is said of it in the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What a live one has besides, as SQL: `STRICT`, `WITHOUT ROWID`, `UNLOGGED`, `INHERITS (parent)`.
    /// Entities have no words for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
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
    /// Old names of columns whose rename is done, by their new names, as long as the entities go on
    /// telling it: see [`Renames`](crate::diff::Renames). Only a snapshot has any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed: BTreeMap<String, String>,
    /// Where its rows are, on an engine with several nodes; `None` if it is a plain table on one of
    /// them. Of a neutral schema it follows from tenancy, and a snapshot tells it where tenancy has other names than
    /// the usual ones.
    #[serde(default, skip_serializing)]
    pub distribution: Option<Distribution>,
}

/// Where the rows of a table are, on an engine with several nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether the database gives each new row the next number: an identity column, `serial`, or the rowid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_increment: bool,
    /// From what the database computes its values, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
    /// The collation, where it is not the type's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// What is said of it in the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What a live one has besides, as SQL: `GENERATED ALWAYS AS IDENTITY`, `ON CONFLICT IGNORE`. Entities
    /// have no words for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// How the database computes the values of a generated column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// The expression over the other columns of the row, as SQL.
    pub expr: String,
    /// Whether the values are stored, and not computed whenever they are read.
    pub stored: bool,
}

impl fmt::Display for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = if self.stored { "STORED" } else { "VIRTUAL" };
        write!(f, "GENERATED ALWAYS AS ({}) {kept}", self.expr)
    }
}

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryKey {
    /// The constraint's name, where the engine keeps it.
    pub name: Option<String>,
    /// Columns in key order.
    pub columns: Vec<String>,
    /// What a live one has besides, as SQL: `DEFERRABLE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
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
    /// What a live one has besides, as SQL: `DEFERRABLE INITIALLY DEFERRED`, `MATCH FULL`, `NOT VALID`.
    /// Entities have no words for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
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
    /// A column's name, or an expression as SQL; with the place of NULLs where it is not the usual one.
    pub expr: String,
    /// The collation, where it is not the column's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// The operator class, where it is not the default one of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_class: Option<String>,
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

impl Column {
    /// A column without a default.
    #[must_use]
    pub fn new(name: impl Into<String>, ty: ColumnType, nullable: bool) -> Self {
        Self {
            name: name.into(),
            ty,
            nullable,
            default: None,
            auto_increment: false,
            generated: None,
            collation: None,
            comment: None,
            options: Vec::new(),
        }
    }

    /// The expression from which its values are computed, if they are.
    #[must_use]
    pub fn computed(&self) -> Option<&str> {
        self.generated.as_ref().map(|generated| generated.expr.as_str())
    }
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

    /// The schemas of the database in which tables are whose entities say `schema_name`.
    #[must_use]
    pub fn schemas(&self) -> BTreeSet<String> {
        self.tables.keys().filter_map(|name| Some(parts(name).0?.into_owned())).collect()
    }

    /// Whether tables belong to tenants, or may: those of a project without tenancy are nowhere but where they are.
    #[must_use]
    pub fn has_tenancy(&self) -> bool {
        self.tables.is_empty() || self.tables.values().any(|table| table.distribution.is_some())
    }

    /// Says of every table where its rows belong.
    pub(super) fn distribute(&mut self, tenancy: &Tenancy) {
        for table in self.tables.values_mut() {
            table.distribution = Some(tenancy::distribution(tenancy, table));
        }
    }

    /// Only the tables that `keep` accepts.
    #[must_use]
    pub fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.tables.retain(|name, _| keep(name));
        self.without_unused_enums()
    }

    /// Only the enums that a column has.
    #[must_use]
    pub(crate) fn without_unused_enums(mut self) -> Self {
        let columns = || self.tables.values().flat_map(|table| &table.columns);
        let used: BTreeSet<&str> = columns().filter_map(|column| column.ty.enum_name()).collect();
        let unused = self.enums.keys().filter(|name| !used.contains(name.as_str()));
        let unused: Vec<String> = unused.cloned().collect();
        self.enums.retain(|name, _| !unused.contains(name));
        self
    }

    /// Tables in foreign-key order: each after those it refers to. Tables in a cycle come last,
    /// by name.
    #[must_use]
    pub fn in_foreign_key_order(&self) -> Vec<&Table> {
        let mut ordered: Vec<&Table> = Vec::with_capacity(self.tables.len());
        let mut done: HashSet<&str> = HashSet::new();
        let mut left: Vec<&Table> = self.tables.values().collect();
        while !left.is_empty() {
            let ready = |table: &Table| {
                table.foreign_keys.iter().all(|key| {
                    key.ref_table == table.name
                        || !self.tables.contains_key(&key.ref_table)
                        || done.contains(key.ref_table.as_str())
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
            done.extend(now.iter().map(|table| table.name.as_str()));
            ordered.append(&mut now);
        }
        ordered
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
                if let Some(generated) = &mut column.generated {
                    generated.expr.clear();
                }
            }
        }
        self
    }
}

impl Table {
    /// Whether each row is a tenant: rows are spread by their own key.
    #[must_use]
    pub fn is_root(&self) -> bool {
        let own = matches!((&self.distribution, self.key()), (Some(Distribution::By(by)), [key]) if by == key);
        own && self.beside().is_none()
    }

    /// The table of which a distributed one is beside: the one to which the column refers by which it is
    /// distributed.
    #[must_use]
    pub fn beside(&self) -> Option<&str> {
        let Some(Distribution::By(column)) = &self.distribution else { return None };
        let mut keys = self.foreign_keys.iter();
        keys.find(|key| key.columns == [column.as_str()]).map(|key| key.ref_table.as_str())
    }

    /// By which name the number of an SQLite row is known, which a column may have taken; `None` if all
    /// are. <https://www.sqlite.org/rowidtable.html>
    #[must_use]
    pub fn rowid(&self) -> Option<&'static str> {
        let is_free =
            |name: &&str| self.columns.iter().all(|column| !column.name.eq_ignore_ascii_case(name));
        ["rowid", "_rowid_", "oid"].into_iter().find(is_free)
    }

    /// The names of its keys and checks, where the engine keeps them.
    pub(crate) fn constraint_names(&self) -> impl Iterator<Item = &String> {
        let primary = self.primary_key.iter().filter_map(|key| key.name.as_ref());
        let foreign = self.foreign_keys.iter().filter_map(|key| key.name.as_ref());
        primary.chain(foreign).chain(self.checks.iter().filter_map(|check| check.name.as_ref()))
    }

    /// A table of that name with nothing in it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            comment: None,
            options: Vec::new(),
            columns: Vec::new(),
            primary_key: None,
            foreign_keys: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            distribution: None,
            renamed: BTreeMap::new(),
            row_security: RowSecurity::default(),
            policies: Vec::new(),
            grants: Vec::new(),
        }
    }

    /// The comments on the table and its columns, which is `None` for the table itself.
    pub(crate) fn comments(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let table = self.comment.iter().map(|text| (None, text.as_str()));
        let columns = self.columns.iter().filter_map(|column| {
            column.comment.as_deref().map(|text| (Some(column.name.as_str()), text))
        });
        table.chain(columns)
    }

    /// Leaves nothing but the columns.
    pub(super) fn keep_columns_only(&mut self) {
        let columns = std::mem::take(&mut self.columns);
        *self = Self { columns, ..Self::new(std::mem::take(&mut self.name)) };
    }

    /// The columns of the primary key in key order; none if there is no key.
    #[must_use]
    pub fn key(&self) -> &[String] {
        self.primary_key.as_ref().map_or(&[], |key| &key.columns)
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

    /// Whether it does the same as another one that is like it.
    #[must_use]
    pub(crate) fn acts_like(&self, other: &Self) -> bool {
        (self.on_delete, self.on_update, &self.options)
            == (other.on_delete, other.on_update, &other.options)
    }
}

impl Index {
    /// Whether it has to do with the column: as a part of its key or an option, or in an expression.
    #[must_use]
    pub fn mentions(&self, column: &str) -> bool {
        let included = self.options.iter().filter_map(|option| option.strip_prefix(INCLUDE));
        self.parts.iter().any(|part| part.mentions(column))
            || included.into_iter().any(|name| name == column)
            || self.predicate.iter().any(|text| expr::mentions(text, column))
    }

    /// Whether a part of the key is no column of `table`.
    #[must_use]
    pub fn has_expressions(&self, table: &Table) -> bool {
        self.parts.iter().any(|part| table.column(&part.expr).is_none())
    }

    /// Whether SeaQuery has no words for a part of it on every engine.
    #[must_use]
    pub(crate) fn is_written_as_text(&self, table: &Table) -> bool {
        self.has_expressions(table) || self.parts.iter().any(|part| part.collation.is_some())
    }
}

impl IndexPart {
    /// Whether it is the column, or an expression that names it. The name of a column is not quoted here, and
    /// may be no word of SQL.
    #[must_use]
    pub fn mentions(&self, column: &str) -> bool {
        self.expr == column || expr::mentions(&self.expr, column)
    }

    /// A column or an expression in ascending order.
    #[must_use]
    pub fn new(expr: impl Into<String>) -> Self {
        Self { expr: expr.into(), collation: None, operator_class: None, descending: false }
    }
}

impl Action {
    /// Each of them.
    pub(super) const ALL: [Self; 5] =
        [Self::NoAction, Self::Restrict, Self::Cascade, Self::SetNull, Self::SetDefault];

    /// The action as SQL.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
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
        )?;
        self.options.iter().try_for_each(|option| write!(f, " {option}"))
    }
}

impl fmt::Display for IndexPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expr)?;
        if let Some(collation) = &self.collation {
            write!(f, " COLLATE {collation}")?;
        }
        if let Some(class) = &self.operator_class {
            write!(f, " {class}")?;
        }
        f.write_str(if self.descending { " DESC" } else { "" })
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
        let parts: Vec<String> = self.parts.iter().map(ToString::to_string).collect();
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
