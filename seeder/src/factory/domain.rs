//! Sample rows of `domains`.

use chrono::{DateTime, Utc};
use entity::{domain::ActiveModel, prelude::*};

use super::{pick, tenant};
use crate::{ids::id as sample, plan::TenantPlan};

fn created_at(plan: &TenantPlan, n: u32) -> DateTime<Utc> {
    plan.at(3, n * 21)
}

/// The id of the tenant's domain `n`.
#[must_use]
pub fn id(plan: &TenantPlan, n: u32) -> Uuid {
    sample::<Domain>(plan.ordinal, n, created_at(plan, n))
}

/// The name of the tenant's domain `n`.
#[must_use]
pub fn name(plan: &TenantPlan, n: u32) -> String {
    let prefix = pick(&["mail", "hello", "team", "try"], n);
    format!("{prefix}.{}.example", plan.slug)
}

/// The tenant's domain `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(id(plan, n)),
        name: Set(name(plan, n)),
        verified: Set(n % 4 != 3),
        created_at: Set(created_at(plan, n)),
    }
}
