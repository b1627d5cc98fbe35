//! Sample rows of `leads`.

use chrono::Duration;
use entity::{
    lead::{ActiveModel, Status},
    prelude::*,
};

use super::{
    offset, tenant,
    words::{self, address, person},
};
use crate::{ids::id as sample, plan::TenantPlan};

/// How far lead `n` has come: of ten leads, four are new, four contacted, one each is further.
#[must_use]
pub fn status(n: u32) -> Status {
    match n % 10 {
        0 | 2 | 4 | 6 => Status::New,
        8 => Status::Qualified,
        9 => Status::Converted,
        _ => Status::Contacted,
    }
}

/// The address of the tenant's lead `n`.
#[must_use]
pub fn email(plan: &TenantPlan, n: u32) -> String {
    address(person(seed(plan, n)), &format!("{}.example", words::slug(&company(plan, n))))
}

fn seed(plan: &TenantPlan, n: u32) -> u32 {
    offset(plan) * 13 + n
}

/// The given name of the tenant's lead `n`.
pub(super) fn given_name(plan: &TenantPlan, n: u32) -> &'static str {
    person(seed(plan, n)).0
}

/// Where the tenant's lead `n` works.
pub(super) fn company(plan: &TenantPlan, n: u32) -> String {
    // Three or four colleagues each.
    words::company(seed(plan, n / 3))
}

/// The tenant's lead `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let (given, family) = person(seed(plan, n));
    let created_at = plan.at(48, n * 37);
    let status = status(n);
    let touched = if status == Status::New { created_at } else { created_at + Duration::days(2) };
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<Lead>(plan.ordinal, n, created_at)),
        email: Set(email(plan, n)),
        name: Set((n % 9 != 5).then(|| format!("{given} {family}"))),
        company: Set((n % 7 != 6).then(|| company(plan, n))),
        status: Set(status),
        created_at: Set(created_at),
        updated_at: Set(touched),
    }
}
