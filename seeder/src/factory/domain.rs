//! Sample rows of `domains`: those that the tenant sends from.

use chrono::{DateTime, Utc};
use entity::{domain::ActiveModel, prelude::*};
use tenantry_seeder::{Draw, draw};

use crate::{tenant::Tenant, words::SUBDOMAINS};

/// At the beginning of its part of the time, so that its mailboxes come later.
fn created_at(tenant: &Tenant, n: u32) -> DateTime<Utc> {
    tenant.slot(2 * 60, n, tenant.counts.domains, Draw::FIRST)
}

/// The id of the tenant's domain `n`.
#[must_use]
pub fn id(tenant: &Tenant, n: u32) -> Uuid {
    id_at(tenant, n, created_at(tenant, n))
}

fn id_at(tenant: &Tenant, n: u32, created_at: DateTime<Utc>) -> Uuid {
    tenant.row_id::<Domain>(n, created_at)
}

/// The name of the tenant's domain `n`.
#[must_use]
pub fn name(tenant: &Tenant, n: u32) -> String {
    let prefix = SUBDOMAINS[n as usize % SUBDOMAINS.len()];
    match n as usize / SUBDOMAINS.len() {
        0 => format!("{prefix}.{}.example", tenant.slug),
        more => format!("{prefix}{}.{}.example", more + 1, tenant.slug),
    }
}

/// The tenant's domain `n`.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let created_at = created_at(tenant, n);
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(id_at(tenant, n, created_at)),
        name: Set(name(tenant, n)),
        verified: Set(n == 0 || draw!(tenant, "domains.verified", n).percent(88)),
        created_at: Set(created_at),
    }
}
