//! One change of a schema, and what it may cost.

use serde::Serialize;

use crate::schema::{Check, Column, ColumnType, ForeignKey, Index, PrimaryKey, Table};

/// One change of a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
#[allow(missing_docs, reason = "each field is what its name says, in its state before or after")]
pub enum Change {
    /// A table is added, with all that belongs to it.
    AddTable { table: Table },
    /// A table is dropped.
    DropTable { table: Table },
    /// A column is added.
    AddColumn { table: String, column: Column },
    /// A column is dropped.
    DropColumn { table: String, column: Column },
    /// A column gets another type.
    AlterType { table: String, from: Column, to: Column },
    /// A column may be NULL, or no longer.
    AlterNullable { table: String, from: Column, to: Column },
    /// A column gets another default, or loses or gains one.
    AlterDefault { table: String, from: Column, to: Column },
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
    /// A check is added.
    AddCheck { table: String, check: Check },
    /// A check is dropped.
    DropCheck { table: String, check: Check },
    /// A check keeps its name and becomes another.
    AlterCheck { table: String, from: Check, to: Check },
}

/// What a change may cost on a table with rows in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    /// Done in an instant.
    Safe,
    /// Reads or rewrites the table while writers wait.
    BlocksWrites,
    /// Values are gone afterwards.
    LosesData,
}

impl Change {
    /// The table that changes.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Self::AddTable { table } | Self::DropTable { table } => &table.name,
            Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::AlterType { table, .. }
            | Self::AlterNullable { table, .. }
            | Self::AlterDefault { table, .. }
            | Self::AlterPrimaryKey { table, .. }
            | Self::AddForeignKey { table, .. }
            | Self::DropForeignKey { table, .. }
            | Self::AlterForeignKey { table, .. }
            | Self::AddIndex { table, .. }
            | Self::DropIndex { table, .. }
            | Self::AlterIndex { table, .. }
            | Self::AddCheck { table, .. }
            | Self::DropCheck { table, .. }
            | Self::AlterCheck { table, .. } => table,
        }
    }

    /// What the change may cost.
    #[must_use]
    pub fn hazard(&self) -> Hazard {
        match self {
            Self::DropTable { .. } | Self::DropColumn { .. } => Hazard::LosesData,
            Self::AlterType { from, to, .. } => type_hazard(&from.ty, &to.ty),
            Self::AlterNullable { to, .. } if to.nullable => Hazard::Safe,
            Self::AddColumn { column, .. } if column.nullable || column.default.is_some() => {
                Hazard::Safe
            }
            Self::AddTable { .. }
            | Self::AlterDefault { .. }
            | Self::DropForeignKey { .. }
            | Self::DropIndex { .. }
            | Self::DropCheck { .. } => Hazard::Safe,
            Self::AddColumn { .. }
            | Self::AlterNullable { .. }
            | Self::AlterPrimaryKey { .. }
            | Self::AddForeignKey { .. }
            | Self::AlterForeignKey { .. }
            | Self::AddIndex { .. }
            | Self::AlterIndex { .. }
            | Self::AddCheck { .. }
            | Self::AlterCheck { .. } => Hazard::BlocksWrites,
        }
    }
}

/// What becomes of the values. PostgreSQL widens a varchar without touching the table; an integer
/// that grows rewrites it; everything else may not hold what was there.
fn type_hazard(from: &ColumnType, to: &ColumnType) -> Hazard {
    use ColumnType::{BigInt, Integer, SmallInt, Text, Varchar};
    match (from, to) {
        (Varchar(_), Text | Varchar(None)) => Hazard::Safe,
        (Varchar(Some(from)), Varchar(Some(to))) if from <= to => Hazard::Safe,
        (SmallInt, Integer | BigInt) | (Integer, BigInt) => Hazard::BlocksWrites,
        _ => Hazard::LosesData,
    }
}
