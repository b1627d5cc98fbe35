//! The ids of sample rows, by which they are told from real ones.
//!
//! A sample id is a UUID of version 8 (RFC 9562, section 5.8), laid out like version 7 so that ids
//! increase in insertion order:
//!
//! ```text
//! tttttttt-tttt-8TTT-b5ed-TTTTxxRRRRRR
//! │             │   │    │   └ row ordinal within tenant and table, 24 bits, after the table code
//! │             │   │    └ tenant ordinal, lower 16 bits; then two hex digits of table code
//! │             │   └ the tag: always b5ed
//! │             └ tenant ordinal, upper 12 bits
//! └ milliseconds since 1970-01-01 UTC, 48 bits
//! ```
//!
//! A tenant's own ordinal is in its id, and of a user that of the tenant he signed up for.
//! Applications make UUIDv7 ids, so version and tag together never occur in a real row.
//!
//! Where ids are `bigint`, sample ids are negative, which no sequence and no clock makes:
//!
//! ```text
//! 1101 TTTT TTTT TTTT TTTT TTTT TTTT TTTT xxxx xxxx RRRR RRRR RRRR RRRR RRRR RRRR
//! │    └ tenant ordinal, 28 bits          │         └ row ordinal, 24 bits
//! └ the tag, -3 as a number               └ table code
//! ```

use std::{collections::BTreeMap, fmt};

use sea_orm::{Value, sea_query::ColumnType};
use uuid::Uuid;

use crate::{scope::TenantId, tenancy::TableDef};

/// The fourth group of every sample id. Its two upper bits are the UUID variant.
pub const TAG: u16 = 0xb5ed;

/// The largest tenant ordinal: 28 bits.
pub const MAX_TENANT: u32 = (1 << 28) - 1;

/// The largest row ordinal: 24 bits.
pub const MAX_ROW: u32 = (1 << 24) - 1;

/// The upper four bits of every sample id that is a number.
pub const NUMBER_TAG: i64 = -3;

/// A sample id, or any id of a table with sample rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleId {
    /// A uuid.
    Uuid(Uuid),
    /// A `bigint`.
    Number(i64),
}

/// What the ids of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// `uuid`
    Uuid,
    /// `bigint`
    Number,
}

impl IdKind {
    /// What ids of this type of column are; `None` if a column of the type can have no sample ids.
    #[must_use]
    pub fn of(column: &ColumnType) -> Option<Self> {
        match column {
            ColumnType::Uuid => Some(Self::Uuid),
            ColumnType::BigInteger => Some(Self::Number),
            _ => None,
        }
    }
}

impl SampleId {
    /// The id in a value.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Uuid(id) => id.map(Self::Uuid),
            Value::BigInt(id) => id.map(Self::Number),
            _ => None,
        }
    }

    /// Whether it carries the tag.
    #[must_use]
    pub fn is_sample(self) -> bool {
        match self {
            Self::Uuid(id) => is_sample(id),
            Self::Number(id) => id >> 60 == NUMBER_TAG,
        }
    }
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(id) => id.fmt(f),
            Self::Number(id) => id.fmt(f),
        }
    }
}

impl From<SampleId> for Value {
    fn from(id: SampleId) -> Self {
        match id {
            SampleId::Uuid(id) => id.into(),
            SampleId::Number(id) => id.into(),
        }
    }
}

impl From<SampleId> for TenantId {
    fn from(id: SampleId) -> Self {
        match id {
            SampleId::Uuid(id) => id.into(),
            SampleId::Number(id) => id.into(),
        }
    }
}

/// The codes of tables within sample ids, by name, and what their ids are. A table without one has no sample rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleCodes(BTreeMap<&'static str, (u8, Option<IdKind>)>);

impl SampleCodes {
    /// The codes of these tables.
    #[must_use]
    pub fn of(tables: &[TableDef]) -> Self {
        let kind = |def: &TableDef| {
            let at = def.columns.iter().position(|name| *name == "id")?;
            IdKind::of(def.column_types().get(at)?)
        };
        Self(tables.iter().filter_map(|def| Some((def.name, (def.code?, kind(def))))).collect())
    }

    /// The code of a table.
    #[must_use]
    pub fn code(&self, table: &str) -> Option<u8> {
        self.0.get(table).map(|(code, _)| *code)
    }

    /// What the ids of a table are.
    #[must_use]
    pub fn kind(&self, table: &str) -> Option<IdKind> {
        self.0.get(table).and_then(|(_, kind)| *kind)
    }
}

/// The id of the sample row `row` of `tenant` in the table with code `table`.
///
/// `millis` is the row's creation time in milliseconds since 1970-01-01 UTC. Bits that do not fit
/// (48 of `millis`, 28 of `tenant`, 24 of `row`) are a programming error.
#[must_use]
pub fn sample_id(millis: u64, tenant: u32, table: u8, row: u32) -> Uuid {
    debug_assert!(millis < 1 << 48 && tenant <= MAX_TENANT && row <= MAX_ROW);
    let high = (u128::from(millis) << 16) | 0x8000 | u128::from(tenant >> 16);
    let low = (u128::from(TAG) << 48)
        | (u128::from(tenant & 0xffff) << 32)
        | (u128::from(table) << 24)
        | u128::from(row);
    Uuid::from_u128((high << 64) | low)
}

/// The number of the sample row `row` of `tenant` in the table with code `table`, where ids are numbers.
#[must_use]
pub fn sample_number(tenant: u32, table: u8, row: u32) -> i64 {
    debug_assert!(tenant <= MAX_TENANT && row <= MAX_ROW);
    (NUMBER_TAG << 60) | (i64::from(tenant) << 32) | (i64::from(table) << 24) | i64::from(row)
}

/// Stops the compiler where two tables have one code.
///
/// # Panics
///
/// If a code is in the list twice.
pub const fn assert_distinct(codes: &[u8]) {
    let mut at = 0;
    while at < codes.len() {
        let mut other = at + 1;
        while other < codes.len() {
            assert!(codes[at] != codes[other], "two tables have the same code within sample ids");
            other += 1;
        }
        at += 1;
    }
}

/// Whether `id` carries the sample tag.
#[must_use]
pub fn is_sample(id: Uuid) -> bool {
    id.get_version_num() == 8 && u16::from_be_bytes([id.as_bytes()[8], id.as_bytes()[9]]) == TAG
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_tag_and_its_parts() {
        let id = sample_id(0x0123_4567_89ab, 0xabc_1234, 0xd0, 0x65_4321);
        assert_eq!(id.to_string(), "01234567-89ab-8abc-b5ed-1234d0654321");
        assert!(is_sample(id));
    }

    #[test]
    fn application_ids_are_not_samples() {
        assert!(!is_sample(Uuid::now_v7()));
        assert!(!is_sample(Uuid::nil()));
        // The tag alone is not enough: the version has to be 8 as well.
        assert!(!is_sample(Uuid::from_u128(0x01234567_89ab_7abc_b5ed_1234d7654321)));
    }

    #[test]
    fn a_number_carries_its_tag_and_its_parts() {
        let id = sample_number(0xabc_1234, 0xd0, 0x65_4321);
        assert_eq!(format!("{id:x}"), "dabc1234d0654321");
        assert!(id < 0 && SampleId::Number(id).is_sample());
        assert!(SampleId::Number(sample_number(MAX_TENANT, 255, MAX_ROW)).is_sample());
        for other in [0, 1, -1, i64::MAX, i64::MIN, 0x5abc_1234_d065_4321] {
            assert!(!SampleId::Number(other).is_sample(), "{other}");
        }
        let ordered = [
            sample_number(0, 0, 0),
            sample_number(0, 0, 1),
            sample_number(0, 1, 0),
            sample_number(1, 0, 0),
        ];
        assert!(ordered.is_sorted());
    }

    #[test]
    fn ids_increase_with_time_then_tenant_then_table_then_row() {
        let ids = [
            sample_id(1, 0, 0, 0),
            sample_id(1, 0, 0, 1),
            sample_id(1, 0, 1, 0),
            sample_id(1, 1, 0, 0),
            sample_id(1, 1 << 16, 0, 0),
            sample_id(2, 0, 0, 0),
        ];
        assert!(ids.is_sorted());
    }
}
