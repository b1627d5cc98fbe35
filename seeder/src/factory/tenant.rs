//! Sample rows of `tenants`.

use entity::{prelude::*, tenant::ActiveModel};

use crate::{ids::id as sample, plan::TenantPlan};

/// Days after which the tenant that leaves has left.
const STAY: u32 = 60;

/// The tenant's id.
#[must_use]
pub fn id(plan: &TenantPlan) -> Uuid {
    sample::<Tenant>(plan.ordinal, 0, plan.at(0, 0))
}

/// The tenant itself.
#[must_use]
pub fn row(plan: &TenantPlan) -> ActiveModel {
    let left = plan.closed.then(|| plan.at(STAY * 24, 0).naive_utc());
    ActiveModel {
        id: Set(id(plan)),
        name: Set(plan.name.to_owned()),
        slug: Set(Some(plan.slug.to_owned())),
        created: Set(plan.at(0, 0).naive_utc()),
        updated: Set(left.unwrap_or_else(|| plan.at(0, 0).naive_utc())),
        deleted: Set(left),
    }
}
