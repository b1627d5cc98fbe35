//! Sample rows of `payments`: one a month, of which one in six fails and the last is
//! still under way.

use chrono::Duration;
use entity::{
    payment::{ActiveModel, Status},
    prelude::*,
};

use super::{team_member, tenant};
use crate::{ids::id as sample, plan::TenantPlan};

/// Payment `n` of the tenant.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let created_at = plan.at(n * 24 * 30 + 2, 0);
    let status = match n {
        n if n > 0 && n + 1 == plan.counts.payments => Status::Pending,
        n if n % 6 == 1 => Status::Failed,
        _ => Status::Completed,
    };
    let processed_at = (status != Status::Pending).then(|| created_at + Duration::minutes(3));
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<Payment>(plan.ordinal, n, created_at)),
        // The owner pays.
        user_id: Set(team_member::user_id(plan, 0)),
        amount: Set(i64::from(plan.counts.team_members) * 1_900),
        currency: Set(plan.currency.to_owned()),
        status: Set(status),
        created_at: Set(created_at),
        processed_at: Set(processed_at),
    }
}
