//! Sample rows of `payments`: one a month. One of twelve fails and is tried again, and the last is
//! still under way.

use entity::{
    payment::{ActiveModel, Status},
    prelude::*,
};
use tenantry_seeder::{draw, moment};

use super::team_member;
use crate::tenant::Tenant;

/// Payment `n` of the tenant.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let (round, within) = (i64::from(n / 12), i64::from(n % 12));
    let retried = within == 2;
    let month = round * 11 + within - i64::from(within >= 2);
    let due = tenant.signed_up + month * tenant.period();
    let created_at = tenant.later(moment(due), if retried { tenant.period() / 10 } else { 0 });
    let status = match n {
        n if n > 0 && n + 1 == tenant.counts.payments => Status::Pending,
        _ if within == 1 => Status::Failed,
        _ => Status::Completed,
    };
    let took = draw!(tenant, "payments.processed_at", n).below(240);
    let processed_at =
        tenant.maybe(status != Status::Pending, || tenant.later(created_at, 20 + i64::from(took)));
    // Yen have no cents.
    let price = if tenant.currency == "JPY" { 2_900 } else { 1_900 };
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<Payment>(n, created_at)),
        // The owner pays.
        user_id: Set(team_member::user_id(tenant, 0)),
        amount: Set(i64::from(tenant.counts.team_members) * price),
        currency: Set(tenant.currency.to_owned()),
        status: Set(status),
        created_at: Set(created_at),
        processed_at: Set(processed_at),
    }
}
