//! Sample rows of `campaigns`.

use chrono::Duration;
use entity::{
    campaign::{ActiveModel, Status},
    prelude::*,
};

use super::{company, offset, parent, pick, tenant, words::TOPICS};
use crate::{ids::id as sample, plan::TenantPlan};

/// The tenant's campaign `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let created_at = plan.at(72 + n * 31, 0);
    let status = pick(&[Status::Active, Status::Completed, Status::Draft, Status::Paused], n);
    let touched = if status == Status::Draft { created_at } else { created_at + Duration::days(5) };
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<Campaign>(plan.ordinal, n, created_at)),
        company_id: Set(company::id(plan, parent(n, plan.counts.companies))),
        name: Set(format!("{} {}", pick(&TOPICS, offset(plan) + n), n + 1)),
        status: Set(status),
        created_at: Set(created_at),
        updated_at: Set(touched),
    }
}
