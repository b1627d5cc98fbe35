//! The ids of sample rows; [`entity::sample_id`] has their layout.

use chrono::{DateTime, Utc};
use entity::{
    Table,
    sample_id::{sample_id, table_code},
};
use uuid::Uuid;

/// The id of a row of `E`: from when it was made, whose it is, and which one of its table it is.
///
/// Users belong to no tenant; their tenant ordinal is 0, and tenants count from 1.
#[must_use]
pub fn id<E: Table>(tenant: u32, row: u32, created_at: DateTime<Utc>) -> Uuid {
    let table = E::default();
    let code = table_code(table.table_name());
    debug_assert!(code.is_some(), "{} has no code in entity::sample_id", table.table_name());
    let millis = u64::try_from(created_at.timestamp_millis()).unwrap_or_default();
    sample_id(millis, tenant, code.unwrap_or_default(), row)
}
