//! Sample rows of `templates`.

use entity::{prelude::*, template::ActiveModel};

use super::{
    offset, pick, tenant,
    words::{SUBJECTS, TOPICS},
};
use crate::{ids::id as sample, plan::TenantPlan};

/// The tenant's template `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let created_at = plan.at(30, n * 53);
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<Template>(plan.ordinal, n, created_at)),
        name: Set(format!("{}, step {}", pick(&TOPICS, offset(plan) + n / 3), n % 3 + 1)),
        subject: Set(pick(&SUBJECTS, n).to_owned()),
        content: Set(format!(
            "Hi {{{{first_name}}}},\n\nI am writing from {} because {{{{company}}}} may be about to \
             plan its next quarter. Would a short call next week be of use?\n\nBest wishes,\n\
             {{{{sender}}}}",
            plan.name
        )),
        created_at: Set(created_at),
        updated_at: Set(created_at),
    }
}
