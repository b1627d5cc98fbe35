//! Sample rows of `email_accounts`.

use entity::{email_account::ActiveModel, prelude::*};

use super::{
    domain, offset, parent, pick, tenant,
    words::{address, person},
};
use crate::{ids::id as sample, plan::TenantPlan};

/// The address of the tenant's mailbox `n`.
#[must_use]
pub fn email(plan: &TenantPlan, n: u32) -> String {
    address(person(offset(plan) + n), &domain::name(plan, parent(n, plan.counts.domains)))
}

/// The tenant's mailbox `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let created_at = plan.at(6, n * 13);
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<EmailAccount>(plan.ordinal, n, created_at)),
        domain_id: Set(domain::id(plan, parent(n, plan.counts.domains))),
        email: Set(email(plan, n)),
        provider: Set(pick(&["imap", "smtp", "api"], n).to_owned()),
        created_at: Set(created_at),
    }
}
