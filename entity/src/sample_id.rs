//! The ids of sample rows, by which they are told from real ones.
//!
//! A sample id is a UUID of version 8 (RFC 9562, section 5.8), laid out like version 7 so that ids
//! increase in insertion order:
//!
//! ```text
//! tttttttt-tttt-8TTT-b5ed-TTTTxRRRRRRR
//! │             │   │    │   └ row ordinal within tenant and table, 28 bits, after the table code
//! │             │   │    └ tenant ordinal, lower 16 bits; then one hex digit of table code
//! │             │   └ the tag: always b5ed
//! │             └ tenant ordinal, upper 12 bits
//! └ milliseconds since 1970-01-01 UTC, 48 bits
//! ```
//!
//! A tenant's own ordinal is in its id, and of a user that of the tenant he signed up for.
//! Applications make UUIDv7 ids, so version and tag together never occur in a real row.

use uuid::Uuid;

/// The fourth group of every sample id. Its two upper bits are the UUID variant.
pub const TAG: u16 = 0xb5ed;

/// The largest tenant ordinal and the largest row ordinal: 28 bits each.
pub const MAX_ORDINAL: u32 = (1 << 28) - 1;

/// The code of each table within sample ids. Codes are part of every id, so they never change; a
/// new table gets the next one.
const TABLE_CODES: [(&str, u8); 13] = [
    ("tenants", 0),
    ("users", 1),
    ("team_members", 2),
    ("companies", 3),
    ("payments", 4),
    ("domains", 5),
    ("company_settings", 6),
    ("email_accounts", 7),
    ("leads", 8),
    ("campaigns", 9),
    ("templates", 10),
    ("inbox_messages", 11),
    ("email_services", 12),
];

/// The code of `table` within sample ids; `None` for a table that has no sample rows.
#[must_use]
pub const fn table_code(table: &str) -> Option<u8> {
    let mut at = 0;
    while at < TABLE_CODES.len() {
        let (name, code) = TABLE_CODES[at];
        if is_same(name.as_bytes(), table.as_bytes()) {
            return Some(code);
        }
        at += 1;
    }
    None
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The id of the sample row `row` of `tenant` in the table with code `table`.
///
/// `millis` is the row's creation time in milliseconds since 1970-01-01 UTC. Bits that do not fit
/// (48 of `millis`, 28 of `tenant` and `row`, 4 of `table`) are a programming error.
#[must_use]
pub fn sample_id(millis: u64, tenant: u32, table: u8, row: u32) -> Uuid {
    debug_assert!(millis < 1 << 48 && tenant <= MAX_ORDINAL && table < 16 && row <= MAX_ORDINAL);
    let high = (u128::from(millis) << 16) | 0x8000 | u128::from(tenant >> 16);
    let low = (u128::from(TAG) << 48)
        | (u128::from(tenant & 0xffff) << 32)
        | (u128::from(table) << 28)
        | u128::from(row);
    Uuid::from_u128((high << 64) | low)
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
        let id = sample_id(0x0123_4567_89ab, 0xabc_1234, 0xd, 0x765_4321);
        assert_eq!(id.to_string(), "01234567-89ab-8abc-b5ed-1234d7654321");
        assert!(is_sample(id));
    }

    #[test]
    fn every_table_has_a_code_of_its_own() {
        let mut codes: Vec<u8> =
            crate::all().iter().map(|def| table_code(def.name).expect(def.name)).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), crate::all().len());
        assert!(codes.iter().all(|code| *code < 16));
    }

    #[test]
    fn application_ids_are_not_samples() {
        assert!(!is_sample(Uuid::now_v7()));
        assert!(!is_sample(Uuid::nil()));
        // The tag alone is not enough: the version has to be 8 as well.
        assert!(!is_sample(Uuid::from_u128(0x01234567_89ab_7abc_b5ed_1234d7654321)));
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
