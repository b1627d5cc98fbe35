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
//!
//! Where they are `integer`, there is room for fewer, and none for the code of the table:
//!
//! ```text
//! 10TT TTTT TTTT TTTT RRRR RRRR RRRR RRRR
//! │ └ tenant ordinal, └ row ordinal, 16 bits
//! └ the tag, -2 as a number
//! ```
//!
//! Where they are texts, they say what they are, and the parts follow as hexadecimal digits:
//! `sampleTTTTTTTxxRRRRRR`.

use std::{collections::BTreeMap, fmt};

use sea_orm::{
    DbBackend, Value,
    sea_query::{ColumnType, StringLen},
};
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

/// The upper two bits of every sample id that is an `integer`.
pub const INTEGER_TAG: i32 = -2;

/// The largest tenant ordinal in an `integer`: 14 bits.
pub const MAX_INTEGER_TENANT: u32 = (1 << 14) - 1;

/// The largest row ordinal in an `integer`: 16 bits.
pub const MAX_INTEGER_ROW: u32 = (1 << 16) - 1;

/// So many of the highest tenant ordinals have a place in each kind of id, at its own end.
const LAST_TENANTS: u32 = 16;

/// What every sample id begins with that is a text.
pub const TEXT_TAG: &str = "sample";

/// A sample id, or any id of a table with sample rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleId {
    /// A uuid.
    Uuid(Uuid),
    /// A `bigint`.
    Number(i64),
    /// An `integer`.
    Integer(i32),
    /// A text, which is always that of a sample row.
    Text(SampleText),
}

/// A sample id that is a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleText([u8; Self::LENGTH]);

/// What the ids of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// `uuid`
    Uuid,
    /// `bigint`
    Number,
    /// `integer`
    Integer,
    /// `text`, or `varchar` that is long enough.
    Text,
}

impl IdKind {
    /// What ids of this type of column are; `None` if a column of the type can have no sample ids.
    #[must_use]
    pub fn of(column: &ColumnType) -> Option<Self> {
        match column {
            ColumnType::Uuid => Some(Self::Uuid),
            ColumnType::BigInteger => Some(Self::Number),
            ColumnType::Integer => Some(Self::Integer),
            ColumnType::Text | ColumnType::String(StringLen::None | StringLen::Max) => {
                Some(Self::Text)
            }
            ColumnType::String(StringLen::N(length)) => {
                (*length as usize >= SampleText::LENGTH).then_some(Self::Text)
            }
            _ => None,
        }
    }

    /// The highest ordinals that ids have numbers for, of tenants that are counted and of rows.
    #[must_use]
    pub fn most(self) -> (u32, u32) {
        match self {
            Self::Integer => (MAX_INTEGER_TENANT - LAST_TENANTS, MAX_INTEGER_ROW),
            Self::Uuid | Self::Number | Self::Text => (MAX_TENANT - LAST_TENANTS, MAX_ROW),
        }
    }
}

impl SampleText {
    /// How many characters it has.
    pub const LENGTH: usize = TEXT_TAG.len() + 15;

    /// The id of the sample row `row` of `tenant` in the table with code `table`.
    #[must_use]
    pub fn new(tenant: u32, table: u8, row: u32) -> Self {
        debug_assert!(tenant <= MAX_TENANT && row <= MAX_ROW);
        let text = format!("{TEXT_TAG}{tenant:07x}{table:02x}{row:06x}");
        let mut letters = [b'0'; Self::LENGTH];
        letters.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Self(letters)
    }

    /// The sample id that a text is; `None` if it is another id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; Self::LENGTH] = text.as_bytes().try_into().ok()?;
        let digits = text.strip_prefix(TEXT_TAG)?;
        let is_digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
        digits.bytes().all(is_digit).then_some(Self(letters))
    }

    /// The same as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for SampleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SampleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl SampleId {
    /// The id in a value.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Uuid(id) => id.map(Self::Uuid),
            Value::BigInt(id) => id.map(Self::Number),
            Value::Int(id) => id.map(Self::Integer),
            Value::String(Some(id)) => SampleText::parse(id).map(Self::Text),
            _ => None,
        }
    }

    /// Whether it carries the tag.
    #[must_use]
    pub fn is_sample(self) -> bool {
        match self {
            Self::Uuid(id) => is_sample(id),
            Self::Number(id) => id >> 60 == NUMBER_TAG,
            Self::Integer(id) => id >> 30 == INTEGER_TAG,
            Self::Text(_) => true,
        }
    }
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(id) => id.fmt(f),
            Self::Number(id) => id.fmt(f),
            Self::Integer(id) => id.fmt(f),
            Self::Text(id) => id.fmt(f),
        }
    }
}

impl From<SampleId> for Value {
    fn from(id: SampleId) -> Self {
        match id {
            SampleId::Uuid(id) => id.into(),
            SampleId::Number(id) => id.into(),
            SampleId::Integer(id) => id.into(),
            SampleId::Text(id) => id.as_str().into(),
        }
    }
}

impl From<SampleId> for TenantId {
    fn from(id: SampleId) -> Self {
        match id {
            SampleId::Uuid(id) => id.into(),
            SampleId::Number(id) => id.into(),
            SampleId::Integer(id) => id.into(),
            SampleId::Text(id) => id.as_str().into(),
        }
    }
}

/// The codes of tables within sample ids, by name. A table without one has no sample rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleCodes(BTreeMap<&'static str, Coded>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Coded {
    code: u8,
    id: Option<(&'static str, IdKind)>,
}

impl SampleCodes {
    /// The codes of these tables, where rows of tenants name them in `tenant_column`.
    #[must_use]
    pub fn of(tables: &[TableDef], tenant_column: &str) -> Self {
        let coded = |def: &TableDef| {
            let id = id_column(def, tenant_column);
            Some((def.name, Coded { code: def.code?, id }))
        };
        Self(tables.iter().filter_map(coded).collect())
    }

    /// The code of a table.
    #[must_use]
    pub fn code(&self, table: &str) -> Option<u8> {
        self.0.get(table).map(|it| it.code)
    }

    /// The column with the sample ids of a table, and what they are. `None` if sample rows are told by what they
    /// refer to.
    #[must_use]
    pub fn id(&self, table: &str) -> Option<(&'static str, IdKind)> {
        self.0.get(table).and_then(|it| it.id)
    }

    /// What the ids of a table are.
    #[must_use]
    pub fn kind(&self, table: &str) -> Option<IdKind> {
        self.id(table).map(|(_, kind)| kind)
    }
}

/// The column `id`; or where there is none, the column that is the primary key beside the tenant column, unless it
/// refers to another table.
fn id_column(def: &TableDef, tenant_column: &str) -> Option<(&'static str, IdKind)> {
    let column =
        if def.columns.contains(&"id") { "id" } else { own_key(&def.key(), tenant_column)? };
    let at = def.columns.iter().position(|name| *name == column)?;
    let kind = IdKind::of(def.column_types().get(at)?)?;
    let refers = || {
        let create = def.create_table(DbBackend::Postgres);
        let keys = create.get_foreign_key_create_stmts();
        keys.iter().any(|key| key.get_foreign_key().get_columns().iter().any(|it| *it == column))
    };
    (column == "id" || !refers()).then_some((column, kind))
}

/// The one column of a primary key beside the tenant column, if there is one.
fn own_key(key: &[&'static str], tenant_column: &str) -> Option<&'static str> {
    let mut own = key.iter().filter(|column| **column != tenant_column);
    match (own.next(), own.next()) {
        (Some(column), None) => Some(column),
        _ => None,
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

/// The `integer` of the sample row `row` of `tenant`, in whichever table.
#[must_use]
pub fn sample_integer(tenant: u32, row: u32) -> i32 {
    // Those at the end of the ordinals are at the end of these.
    let tenant = match MAX_TENANT.checked_sub(tenant) {
        Some(before) if before < LAST_TENANTS => MAX_INTEGER_TENANT - before,
        _ => tenant,
    };
    debug_assert!(tenant <= MAX_INTEGER_TENANT && row <= MAX_INTEGER_ROW);
    let (tenant, row) = (tenant & MAX_INTEGER_TENANT, row & MAX_INTEGER_ROW);
    (INTEGER_TAG << 30) | i32::try_from((tenant << 16) | row).unwrap_or_default()
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
    fn an_integer_carries_its_tag_and_its_parts() {
        let id = sample_integer(0x1234, 0x5678);
        assert_eq!(format!("{id:x}"), "92345678");
        assert!(id < 0 && SampleId::Integer(id).is_sample());
        for other in [0, 1, -1, i32::MAX, i32::MIN >> 1] {
            assert!(!SampleId::Integer(other).is_sample(), "{other}");
        }
        let last = sample_integer(MAX_TENANT, MAX_INTEGER_ROW);
        assert_eq!(last, (i32::MIN >> 1) - 1);
        let ordered = [
            sample_integer(0, 0),
            sample_integer(0, 1),
            sample_integer(1, 0),
            sample_integer(IdKind::Integer.most().0, 0),
            sample_integer(MAX_TENANT - 6, 0),
            last,
        ];
        assert!(ordered.is_sorted_by(|one, other| one < other), "{ordered:?}");
    }

    #[test]
    fn a_text_carries_its_tag_and_its_parts() {
        let id = SampleText::new(0xabc_1234, 0xd0, 0x65_4321);
        assert_eq!(id.as_str(), "sampleabc1234d0654321");
        assert_eq!(SampleText::parse(id.as_str()), Some(id));
        for other in ["", "sample", "sampleabc1234d06543210", "sampleABC1234d0654321", "samples"] {
            assert_eq!(SampleText::parse(other), None, "{other}");
        }
        let ordered =
            [SampleText::new(0, 0, 1), SampleText::new(0, 1, 0), SampleText::new(10, 0, 0)];
        assert!(ordered.is_sorted());
    }

    #[test]
    fn a_column_has_room_for_its_ids() {
        let text = |length| IdKind::of(&ColumnType::String(StringLen::N(length)));
        assert_eq!((text(20), text(21)), (None, Some(IdKind::Text)));
        assert_eq!(IdKind::of(&ColumnType::Integer), Some(IdKind::Integer));
        assert_eq!(IdKind::of(&ColumnType::SmallInteger), None);
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
