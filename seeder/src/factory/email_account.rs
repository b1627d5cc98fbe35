//! Sample rows of `email_accounts`: about three for each domain.

use entity::{email_account::ActiveModel, prelude::*};
use tenantry_seeder::{draw, parent};

use super::domain;
use crate::{
    tenant::Tenant,
    words::{PROVIDERS, local_part, person},
};

/// Which of the tenant's domains mailbox `n` is at.
fn home(tenant: &Tenant, n: u32) -> u32 {
    parent(n, tenant.counts.email_accounts, tenant.counts.domains)
}

/// The address of the tenant's mailbox `n`: of 4,096 names, each of the tenant's mailboxes has another.
#[must_use]
pub fn email(tenant: &Tenant, n: u32) -> String {
    let first = draw!(tenant, "email_accounts.email", 0).below(4_096);
    let local = local_part(person(first.wrapping_add(n.wrapping_mul(1_229))), n / 4_096);
    tenant.address(&local, &domain::name(tenant, home(tenant, n)), 255)
}

/// The tenant's mailbox `n`.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let jitter = draw!(tenant, "email_accounts.created_at", n);
    let created_at = tenant.slot(3 * 60, n, tenant.counts.email_accounts, jitter);
    let provider = draw!(tenant, "email_accounts.provider", n).pick(&PROVIDERS);
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<EmailAccount>(n, created_at)),
        domain_id: Set(domain::id(tenant, home(tenant, n))),
        email: Set(email(tenant, n)),
        provider: Set(provider.to_owned()),
        created_at: Set(created_at),
    }
}
