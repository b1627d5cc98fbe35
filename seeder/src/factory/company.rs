//! Sample rows of `companies`.

use chrono::{DateTime, Utc};
use entity::{company::ActiveModel, prelude::*};

use super::{offset, tenant, words};
use crate::{ids::id as sample, plan::TenantPlan};

fn created_at(plan: &TenantPlan, n: u32) -> DateTime<Utc> {
    plan.at(24, n * 47)
}

/// The id of the tenant's company `n`.
#[must_use]
pub fn id(plan: &TenantPlan, n: u32) -> Uuid {
    sample::<Company>(plan.ordinal, n, created_at(plan, n))
}

/// The tenant's company `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let name = words::company(offset(plan) + n);
    let created_at = created_at(plan, n);
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(id(plan, n)),
        domain: Set((n % 4 != 3).then(|| format!("{}.example", words::slug(&name)))),
        name: Set(name),
        created_at: Set(created_at),
        updated_at: Set(created_at),
    }
}
