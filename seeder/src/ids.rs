//! The ids of sample rows: a table code for each entity, and the functions that make ids with it.

use chrono::{DateTime, Utc};
use entity::sample_id::sample_id;
use uuid::Uuid;

/// A table's code within sample ids. Codes are part of every id, so they never change; a new table
/// gets the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the entity of its name")]
pub enum TableCode {
    Tenant = 0,
    User = 1,
    TeamMember = 2,
    Company = 3,
    Payment = 4,
    Domain = 5,
    CompanySettings = 6,
    EmailAccount = 7,
    Lead = 8,
    Campaign = 9,
    Template = 10,
    InboxMessage = 11,
    EmailService = 12,
}

/// The id of a row: from when it was made, whose it is, and which one of its table it is.
///
/// Users belong to no tenant; their tenant ordinal is 0, and tenants count from 1.
#[must_use]
pub fn id(table: TableCode, tenant: u32, row: u32, created_at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(created_at.timestamp_millis()).unwrap_or_default();
    sample_id(millis, tenant, table as u8, row)
}
