//! What the data set consists of: its tenants and how much each of them has.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

/// One sample tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantPlan {
    /// The tenant's number, from 1.
    pub ordinal: u32,
    /// Display name.
    pub name: &'static str,
    /// Name in URLs and in addresses.
    pub slug: &'static str,
    /// The currency in which the tenant pays, as ISO 4217 code.
    pub currency: &'static str,
    /// When the tenant signed up, in seconds since 1970-01-01 UTC.
    pub signed_up: i64,
    /// Whether the tenant has closed its account since.
    pub closed: bool,
    /// The number of the first user with a seat; the others follow. Ranges of tenants overlap,
    /// which makes users with seats in several tenants.
    pub first_user: u32,
    /// How many rows of each kind.
    pub counts: Counts,
}

/// How many rows a tenant has of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each counts the rows of the table of its name")]
pub struct Counts {
    pub team_members: u32,
    pub companies: u32,
    pub payments: u32,
    pub domains: u32,
    pub email_accounts: u32,
    pub leads: u32,
    pub campaigns: u32,
    pub templates: u32,
    pub inbox_messages: u32,
    pub email_services: u32,
}

impl TenantPlan {
    /// The moment `hours` and `minutes` after the tenant signed up.
    #[must_use]
    pub fn at(&self, hours: u32, minutes: u32) -> DateTime<Utc> {
        let start = DateTime::from_timestamp(self.signed_up, 0).unwrap_or_default();
        start + Duration::hours(hours.into()) + Duration::minutes(minutes.into())
    }
}

/// The demo data set: a large, a medium and a small tenant, and one that has left.
#[must_use]
pub fn demo() -> Vec<TenantPlan> {
    vec![
        TenantPlan {
            ordinal: 1,
            name: "Brightwater Outreach",
            slug: "brightwater",
            currency: "USD",
            signed_up: 1_736_154_000, // 2025-01-06 09:00 UTC
            closed: false,
            first_user: 0,
            counts: Counts {
                team_members: 9,
                companies: 8,
                payments: 12,
                domains: 4,
                email_accounts: 10,
                leads: 80,
                campaigns: 12,
                templates: 10,
                inbox_messages: 30,
                email_services: 3,
            },
        },
        TenantPlan {
            ordinal: 2,
            name: "Fernhill Studio",
            slug: "fernhill",
            currency: "EUR",
            signed_up: 1_741_597_200, // 2025-03-10 09:00 UTC
            closed: false,
            first_user: 7,
            counts: Counts {
                team_members: 5,
                companies: 4,
                payments: 6,
                domains: 2,
                email_accounts: 5,
                leads: 30,
                campaigns: 6,
                templates: 5,
                inbox_messages: 12,
                email_services: 2,
            },
        },
        TenantPlan {
            ordinal: 3,
            name: "Kestrel & Pine",
            slug: "kestrel-pine",
            currency: "GBP",
            signed_up: 1_746_090_000, // 2025-05-01 09:00 UTC
            closed: false,
            first_user: 11,
            counts: Counts {
                team_members: 3,
                companies: 2,
                payments: 3,
                domains: 1,
                email_accounts: 2,
                leads: 10,
                campaigns: 4,
                templates: 3,
                inbox_messages: 4,
                email_services: 1,
            },
        },
        TenantPlan {
            ordinal: 4,
            name: "Old Quarry Media",
            slug: "old-quarry",
            currency: "USD",
            signed_up: 1_748_854_800, // 2025-06-02 09:00 UTC
            closed: true,
            first_user: 14,
            counts: Counts {
                team_members: 1,
                companies: 1,
                payments: 1,
                domains: 1,
                email_accounts: 1,
                leads: 3,
                campaigns: 1,
                templates: 1,
                inbox_messages: 1,
                email_services: 1,
            },
        },
    ]
}

/// How many users the tenants have together.
#[must_use]
pub fn users(tenants: &[TenantPlan]) -> u32 {
    tenants.iter().map(|tenant| tenant.first_user + tenant.counts.team_members).max().unwrap_or(0)
}

/// How many rows each table gets.
#[must_use]
pub fn planned(tenants: &[TenantPlan]) -> BTreeMap<&'static str, u64> {
    let sum =
        |of: fn(&Counts) -> u32| tenants.iter().map(|tenant| u64::from(of(&tenant.counts))).sum();
    BTreeMap::from([
        ("tenants", tenants.len() as u64),
        ("users", u64::from(users(tenants))),
        ("team_members", sum(|counts| counts.team_members)),
        ("companies", sum(|counts| counts.companies)),
        ("payments", sum(|counts| counts.payments)),
        ("domains", sum(|counts| counts.domains)),
        ("company_settings", sum(|counts| counts.companies)),
        ("email_accounts", sum(|counts| counts.email_accounts)),
        ("leads", sum(|counts| counts.leads)),
        ("campaigns", sum(|counts| counts.campaigns)),
        ("templates", sum(|counts| counts.templates)),
        ("inbox_messages", sum(|counts| counts.inbox_messages)),
        ("email_services", sum(|counts| counts.email_services)),
    ])
}
