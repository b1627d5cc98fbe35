//! One change of a schema, and what it may cost.

use std::fmt;

use serde::Serialize;

use super::conversion;
use crate::schema::{
    Check, Column, Distribution, ForeignKey, Grant, Index, Policy, PrimaryKey, RowSecurity, Table,
    ddl::{LOCAL_NOW, Literal, NOW},
};

/// One change of a schema. [`Display`](fmt::Display) says it in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
#[allow(missing_docs, reason = "each field is what its name says, in its state before or after")]
pub enum Change {
    /// A table is added, with all that belongs to it.
    AddTable { table: Table },
    /// A table is dropped.
    DropTable { table: Table },
    /// An enum type is added.
    AddEnum { name: String, values: Vec<String> },
    /// An enum type is dropped.
    DropEnum { name: String, values: Vec<String> },
    /// An enum type gets other values, or the same in another order.
    AlterEnum { name: String, from: Vec<String>, to: Vec<String> },
    /// Objects are added.
    AddObjects { name: String, sql: String },
    /// Objects are dropped.
    DropObjects { name: String, sql: String },
    /// Objects become others.
    AlterObjects { name: String, from: String, to: String },
    /// A table gets another name.
    RenameTable { from: String, to: String },
    /// A column is added.
    AddColumn { table: String, column: Column },
    /// A column is dropped.
    DropColumn { table: String, column: Column },
    /// A column gets another name.
    RenameColumn { table: String, from: String, to: String },
    /// A column gets another type.
    AlterType { table: String, from: Column, to: Column },
    /// A column may be NULL, or no longer.
    AlterNullable { table: String, from: Column, to: Column },
    /// A column gets another default, or loses or gains one.
    AlterDefault { table: String, from: Column, to: Column },
    /// The database numbers new rows, or no longer.
    AlterAutoIncrement { table: String, from: Column, to: Column },
    /// The database computes a column's values, or from something else, or no longer.
    AlterGenerated { table: String, from: Column, to: Column },
    /// Texts of a column are compared by other rules.
    AlterCollation { table: String, from: Column, to: Column },
    /// Something else is said of a column, or of the table itself, or nothing.
    AlterComment { table: String, column: Option<String>, from: Option<String>, to: Option<String> },
    /// A column, or the table itself, loses what only a live one has, or gains it.
    AlterOptions { table: String, column: Option<String>, from: Vec<String>, to: Vec<String> },
    /// The primary key becomes another.
    AlterPrimaryKey { table: String, from: Option<PrimaryKey>, to: Option<PrimaryKey> },
    /// A foreign key is added.
    AddForeignKey { table: String, key: ForeignKey },
    /// A foreign key is dropped.
    DropForeignKey { table: String, key: ForeignKey },
    /// A foreign key gets other actions.
    AlterForeignKey { table: String, from: ForeignKey, to: ForeignKey },
    /// An index or unique is added.
    AddIndex { table: String, index: Index },
    /// An index or unique is dropped.
    DropIndex { table: String, index: Index },
    /// An index keeps its name and becomes another.
    AlterIndex { table: String, from: Index, to: Index },
    /// An index gets another name.
    RenameIndex { table: String, from: Index, to: Index },
    /// A check is added.
    AddCheck { table: String, check: Check },
    /// A check is dropped.
    DropCheck { table: String, check: Check },
    /// A check keeps its name and becomes another.
    AlterCheck { table: String, from: Check, to: Check },
    /// A key or a check gets another name.
    RenameConstraint { table: String, from: String, to: String },
    /// Rows move to other nodes, where the engine has several.
    AlterDistribution { table: String, from: Option<Distribution>, to: Option<Distribution> },
    /// Row-level security is switched on or off.
    AlterRowSecurity { table: String, from: RowSecurity, to: RowSecurity },
    /// A policy is added.
    AddPolicy { table: String, policy: Policy },
    /// A policy is dropped.
    DropPolicy { table: String, policy: Policy },
    /// A policy keeps its name and becomes another.
    AlterPolicy { table: String, from: Policy, to: Policy },
    /// A policy gets another name.
    RenamePolicy { table: String, from: Policy, to: Policy },
    /// Privileges are granted.
    AddGrant { table: String, grant: Grant },
    /// Privileges are revoked.
    DropGrant { table: String, grant: Grant },
}

/// What a change may cost on a table with rows in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    /// Done in an instant.
    Safe,
    /// Reads or rewrites the table while writers wait.
    BlocksWrites,
    /// The same, and fails where a value does not fit: then nothing is changed.
    Checked,
    /// Rows may be seen or changed afterwards that could not be before.
    WeakensIsolation,
    /// Values are gone afterwards, or a part of what they say.
    LosesData,
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe",
            Self::BlocksWrites => "blocks writes",
            Self::Checked => "checked",
            Self::WeakensIsolation => "weakens isolation",
            Self::LosesData => "loses data",
        })
    }
}

impl Change {
    /// The table, enum type or file of objects that changes, by the name it has afterwards.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Self::AddTable { table } | Self::DropTable { table } => &table.name,
            Self::RenameTable { to, .. } => to,
            Self::AddEnum { name, .. }
            | Self::DropEnum { name, .. }
            | Self::AlterEnum { name, .. }
            | Self::AddObjects { name, .. }
            | Self::DropObjects { name, .. }
            | Self::AlterObjects { name, .. } => name,
            Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::RenameColumn { table, .. }
            | Self::AlterType { table, .. }
            | Self::AlterNullable { table, .. }
            | Self::AlterDefault { table, .. }
            | Self::AlterAutoIncrement { table, .. }
            | Self::AlterGenerated { table, .. }
            | Self::AlterCollation { table, .. }
            | Self::AlterComment { table, .. }
            | Self::AlterOptions { table, .. }
            | Self::AlterPrimaryKey { table, .. }
            | Self::AddForeignKey { table, .. }
            | Self::DropForeignKey { table, .. }
            | Self::AlterForeignKey { table, .. }
            | Self::AddIndex { table, .. }
            | Self::DropIndex { table, .. }
            | Self::AlterIndex { table, .. }
            | Self::RenameIndex { table, .. }
            | Self::AddCheck { table, .. }
            | Self::DropCheck { table, .. }
            | Self::AlterCheck { table, .. }
            | Self::RenameConstraint { table, .. }
            | Self::AlterDistribution { table, .. }
            | Self::AlterRowSecurity { table, .. }
            | Self::AddPolicy { table, .. }
            | Self::DropPolicy { table, .. }
            | Self::AlterPolicy { table, .. }
            | Self::RenamePolicy { table, .. }
            | Self::AddGrant { table, .. }
            | Self::DropGrant { table, .. } => table,
        }
    }

    /// The column that changes, if it is one.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::AddColumn { column, .. } | Self::DropColumn { column, .. } => Some(&column.name),
            Self::RenameColumn { to, .. } => Some(to),
            Self::AlterType { to, .. }
            | Self::AlterNullable { to, .. }
            | Self::AlterDefault { to, .. }
            | Self::AlterGenerated { to, .. }
            | Self::AlterCollation { to, .. }
            | Self::AlterAutoIncrement { to, .. } => Some(&to.name),
            Self::AlterOptions { column, .. } | Self::AlterComment { column, .. } => {
                column.as_deref()
            }
            _ => None,
        }
    }

    /// Whether a column goes, or its values become others: what is built on it has to follow.
    pub(crate) fn disturbs_column(&self) -> bool {
        matches!(
            self,
            Self::AlterType { .. }
                | Self::AlterGenerated { .. }
                | Self::AlterCollation { .. }
                | Self::DropColumn { .. }
        )
    }

    /// What the change may cost.
    #[must_use]
    pub fn hazard(&self) -> Hazard {
        match self {
            // Computed values are computed again.
            Self::DropColumn { column, .. } if column.generated.is_some() => Hazard::Safe,
            Self::AlterType { from, to, .. }
                if from.generated.is_some() && to.generated.is_some() =>
            {
                Hazard::BlocksWrites
            }
            Self::AlterGenerated { from, to, .. }
                if from.generated.is_none() && to.generated.is_some() =>
            {
                Hazard::LosesData
            }
            // What is not stored, is gone where it is not computed.
            Self::AlterGenerated { from, to, .. } if to.generated.is_none() => {
                if from.generated.as_ref().is_some_and(|it| it.stored) {
                    Hazard::Safe
                } else {
                    Hazard::LosesData
                }
            }
            Self::DropTable { .. } | Self::DropColumn { .. } => Hazard::LosesData,
            Self::AlterType { from, to, .. } => conversion(&to.name, &from.ty, &to.ty)
                .map_or(Hazard::LosesData, |conversion| conversion.hazard()),
            Self::AlterRowSecurity { from, to, .. } if to < from => Hazard::WeakensIsolation,
            Self::AddPolicy { policy, .. } if !policy.narrows() => Hazard::WeakensIsolation,
            Self::DropPolicy { policy, .. } if policy.restrictive => Hazard::WeakensIsolation,
            Self::AlterPolicy { from, to, .. } if !to.is_as_strict_as(from) => {
                Hazard::WeakensIsolation
            }
            Self::AddGrant { .. } => Hazard::WeakensIsolation,
            Self::AlterNullable { to, .. } if to.nullable => Hazard::Safe,
            Self::AlterEnum { from, to, .. } if is_part(from, to) => Hazard::Safe,
            // Columns are rewritten, and a row may have a value that goes.
            Self::AlterEnum { .. } => Hazard::Checked,
            Self::AddColumn { column, .. } if fills_itself(column) => Hazard::Safe,
            Self::AddTable { .. }
            | Self::AddEnum { .. }
            | Self::AddObjects { .. }
            | Self::DropObjects { .. }
            | Self::AlterObjects { .. }
            | Self::DropEnum { .. }
            | Self::AlterAutoIncrement { .. }
            | Self::AlterComment { .. }
            | Self::RenameTable { .. }
            | Self::RenameColumn { .. }
            | Self::RenameIndex { .. }
            | Self::RenameConstraint { .. }
            | Self::AlterDefault { .. }
            | Self::DropForeignKey { .. }
            | Self::DropIndex { .. }
            | Self::DropCheck { .. }
            | Self::AlterRowSecurity { .. }
            | Self::AddPolicy { .. }
            | Self::DropPolicy { .. }
            | Self::AlterPolicy { .. }
            | Self::RenamePolicy { .. }
            | Self::DropGrant { .. } => Hazard::Safe,
            Self::AddColumn { .. }
            | Self::AlterNullable { .. }
            | Self::AlterGenerated { .. }
            | Self::AlterCollation { .. }
            | Self::AlterOptions { .. }
            | Self::AlterPrimaryKey { .. }
            | Self::AddForeignKey { .. }
            | Self::AlterForeignKey { .. }
            | Self::AddIndex { .. }
            | Self::AlterIndex { .. }
            | Self::AddCheck { .. }
            | Self::AlterDistribution { .. }
            | Self::AlterCheck { .. } => Hazard::BlocksWrites,
        }
    }
}

/// Whether rows that exist get the new column without being touched: NULL, or one value that is
/// the same for all of them.
fn fills_itself(column: &Column) -> bool {
    if column.auto_increment || column.generated.is_some() {
        return false;
    }
    match column.default.as_deref() {
        None => column.nullable,
        Some(NOW | LOCAL_NOW) => true,
        Some(default) => Literal::of(default).is_some(),
    }
}

/// What becomes of the values of an enum type, in words.
fn new_values(name: &str, from: &[String], to: &[String]) -> String {
    let only = |these: &[String], those: &[String]| {
        let only = these.iter().filter(|value| !those.contains(value));
        only.cloned().collect::<Vec<_>>().join(", ")
    };
    let (new, gone) = (only(to, from), only(from, to));
    let what = match (new.is_empty(), gone.is_empty()) {
        (true, true) => format!("gets another order: {}", to.join(", ")),
        (false, true) => format!("gets {new}"),
        (true, false) => format!("loses {gone}, which no row may have"),
        (false, false) => format!("gets {new} and loses {gone}, which no row may have"),
    };
    format!("the enum type {name} {what}")
}

/// Whether `from` is `to` without some of its values, in the same order.
#[must_use]
pub(crate) fn is_part(from: &[String], to: &[String]) -> bool {
    let mut left = to.iter();
    from.iter().all(|value| left.any(|other| other == value))
}

/// The collation of a column, in words.
#[must_use]
pub fn collation(column: &Column) -> String {
    match &column.collation {
        Some(name) => format!("the collation {name}"),
        None => "the collation of its type".to_owned(),
    }
}

/// A table, or a column with its table.
#[must_use]
pub fn place(table: &str, column: Option<&str>) -> String {
    column.map_or_else(|| table.to_owned(), |column| format!("{table}.{column}"))
}

/// What only a live column or table has, in words.
#[must_use]
pub fn options(options: &[String]) -> String {
    if options.is_empty() { "plain".to_owned() } else { options.join(", ") }
}

impl fmt::Display for Change {
    #[allow(clippy::too_many_lines, reason = "a sentence each")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddTable { table } => write!(f, "the table {} is added", table.name),
            Self::DropTable { table } => write!(f, "the table {} is dropped", table.name),
            Self::AddObjects { name, .. } => write!(f, "objects/{name}.sql is added"),
            Self::DropObjects { name, .. } => write!(f, "objects/{name}.sql is gone"),
            Self::AlterObjects { name, .. } => write!(f, "objects/{name}.sql is another"),
            Self::AddEnum { name, values } => {
                write!(f, "the enum type {name} is added: {}", values.join(", "))
            }
            Self::DropEnum { name, .. } => write!(f, "the enum type {name} is dropped"),
            Self::AlterEnum { name, from, to } => f.write_str(&new_values(name, from, to)),
            Self::RenameTable { from, to } => write!(f, "the table {from} is renamed to {to}"),
            Self::AddColumn { table, column } => {
                write!(f, "the column {table}.{} is added", column.name)
            }
            Self::DropColumn { table, column } => {
                write!(f, "the column {table}.{} is dropped", column.name)
            }
            Self::RenameColumn { table, from, to } => {
                write!(f, "the column {table}.{from} is renamed to {to}")
            }
            Self::AlterType { table, from, to } => {
                write!(f, "{table}.{} becomes {} instead of {}", to.name, to.ty, from.ty)
            }
            Self::AlterNullable { table, to, .. } if to.nullable => {
                write!(f, "{table}.{} takes NULL", to.name)
            }
            Self::AlterNullable { table, to, .. } => {
                write!(f, "{table}.{} refuses NULL", to.name)
            }
            Self::AlterDefault { table, to, .. } => match &to.default {
                Some(default) => write!(f, "the default of {table}.{} is {default}", to.name),
                None => write!(f, "{table}.{} loses its default", to.name),
            },
            Self::AlterAutoIncrement { table, to, .. } if to.auto_increment => {
                write!(f, "{table}.{} is numbered by the database", to.name)
            }
            Self::AlterAutoIncrement { table, to, .. } => {
                write!(f, "{table}.{} is no longer numbered by the database", to.name)
            }
            Self::AlterGenerated { table, to, .. } => match &to.generated {
                Some(generated) => write!(f, "{table}.{} becomes {generated}", to.name),
                None => write!(f, "{table}.{} is no longer computed by the database", to.name),
            },
            Self::AlterCollation { table, to, .. } => {
                write!(f, "{table}.{} gets {}", to.name, collation(to))
            }
            Self::AlterComment { table, column, to, .. } => {
                let place = place(table, column.as_deref());
                match to {
                    Some(text) => write!(f, "the comment on {place} is {text:?}"),
                    None => write!(f, "{place} has no comment any more"),
                }
            }
            Self::AlterOptions { table, column, from, to } => {
                let place = place(table, column.as_deref());
                write!(f, "{place} is {} instead of {}", options(to), options(from))
            }
            Self::AlterPrimaryKey { table, to, .. } => match to {
                Some(key) => {
                    write!(f, "the primary key of {table} is ({})", key.columns.join(", "))
                }
                None => write!(f, "{table} loses its primary key"),
            },
            Self::AddForeignKey { table, key } => {
                write!(f, "the foreign key {table}{key} is added")
            }
            Self::DropForeignKey { table, key } => {
                write!(f, "the foreign key {table}{key} is dropped")
            }
            Self::AlterForeignKey { table, to, .. } => {
                write!(f, "the foreign key becomes {table}{to}")
            }
            Self::AddIndex { table, index } => {
                write!(f, "the index {} on {table} is added", index.name)
            }
            Self::DropIndex { table, index } => {
                write!(f, "the index {} on {table} is dropped", index.name)
            }
            Self::AlterIndex { table, to, .. } => {
                write!(f, "the index {} on {table} becomes {to}", to.name)
            }
            Self::RenameIndex { table, from, to } => {
                write!(f, "the index {} on {table} is renamed to {}", from.name, to.name)
            }
            Self::AddCheck { table, check } => {
                write!(f, "the check ({}) on {table} is added", check.expr)
            }
            Self::DropCheck { table, check } => {
                write!(f, "the check ({}) on {table} is dropped", check.expr)
            }
            Self::AlterCheck { table, to, .. } => {
                write!(f, "the check on {table} becomes ({})", to.expr)
            }
            Self::RenameConstraint { table, from, to } => {
                write!(f, "the constraint {from} on {table} is renamed to {to}")
            }
            Self::AlterDistribution { table, to, .. } => match to {
                Some(to) => write!(f, "where the engine has several nodes, {table} is {to}"),
                None => write!(f, "{table} is on one node"),
            },
            Self::AlterRowSecurity { table, to, .. } => {
                write!(f, "row-level security of {table} is {to}")
            }
            Self::AddPolicy { table, policy } => {
                write!(f, "the policy {} on {table} is added", policy.name)
            }
            Self::DropPolicy { table, policy } => {
                write!(f, "the policy {} on {table} is dropped", policy.name)
            }
            Self::AlterPolicy { table, to, .. } => {
                write!(f, "the policy {} on {table} becomes {}", to.name, to.definition())
            }
            Self::RenamePolicy { table, from, to } => {
                write!(f, "the policy {} on {table} is renamed to {}", from.name, to.name)
            }
            Self::AddGrant { table, grant } => {
                write!(f, "{} gets {} on {table}", grant.grantee, grant.privileges.join(", "))
            }
            Self::DropGrant { table, grant } => {
                write!(f, "{} loses {} on {table}", grant.grantee, grant.privileges.join(", "))
            }
        }
    }
}
