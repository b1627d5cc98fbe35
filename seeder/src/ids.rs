//! The ids of sample rows; [`entity::sample_id`] has their layout.

use chrono::{DateTime, Utc};
use entity::sample_id::{sample_id, table_code};
use uuid::Uuid;

/// The code of a table within ids. One that has none does not compile.
pub(crate) const fn code(table: &str) -> u8 {
    match table_code(table) {
        Some(code) => code,
        #[allow(clippy::panic, reason = "it is the compiler who panics")]
        None => panic!("the table has no code in entity::sample_id"),
    }
}

/// The id of a row: from when it was made, whose it is, and which one of its table it is. Tenants count
/// from 1; a user's is the one that the user signed up for.
#[must_use]
pub(crate) fn id(tenant: u32, code: u8, row: u32, created_at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(created_at.timestamp_millis()).unwrap_or_default();
    sample_id(millis, tenant, code, row)
}
