//! Sample rows of `campaigns`.

use entity::{
    campaign::{ActiveModel, Status},
    prelude::*,
};
use tenantry_seeder::{draw, earlier_parent};

use super::company;
use crate::{tenant::Tenant, words::TOPICS};

/// The tenant's campaign `n`. The first four show each state.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let counts = tenant.counts;
    let jitter = draw!(tenant, "campaigns.created_at", n);
    let created_at = tenant.slot(3 * 24 * 60, n, counts.campaigns, jitter);
    let status = match (n, draw!(tenant, "campaigns.status", n).below(100)) {
        (0, _) | (4.., ..36) => Status::Active,
        (1, _) | (4.., ..74) => Status::Completed,
        (2, _) | (4.., ..86) => Status::Paused,
        _ => Status::Draft,
    };
    let touched = match status {
        Status::Draft => created_at,
        _ => tenant.later(created_at, 86_400 + i64::from(jitter.again().below(14 * 86_400))),
    };
    let topic = draw!(tenant, "campaigns.name", n).pick(&TOPICS);
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<Campaign>(n, created_at)),
        company_id: Set(company::id(tenant, earlier_parent(n, counts.campaigns, counts.companies))),
        name: Set(tenant.text(format!("{topic} {} [{}]", n + 1, tenant.token), 200)),
        status: Set(status),
        created_at: Set(created_at),
        updated_at: Set(touched),
    }
}
