//! Sample rows of `companies`: the organisations whose people the tenant writes to.

use chrono::{DateTime, Utc};
use entity::{company::ActiveModel, prelude::*};
use tenantry_seeder::draw;

use crate::{
    tenant::Tenant,
    words::{COMPANY_FIRST, COMPANY_SECOND, push_plain},
};

/// When the tenant's company `n` was entered.
pub(super) fn created_at(tenant: &Tenant, n: u32) -> DateTime<Utc> {
    tenant.slot(24 * 60, n, tenant.counts.companies, draw!(tenant, "companies.created_at", n))
}

/// The id of the tenant's company `n`.
#[must_use]
pub fn id(tenant: &Tenant, n: u32) -> Uuid {
    id_at(tenant, n, created_at(tenant, n))
}

fn id_at(tenant: &Tenant, n: u32, created_at: DateTime<Utc>) -> Uuid {
    tenant.row_id::<Company>(n, created_at)
}

/// The two words of the company's name.
pub(super) fn name(tenant: &Tenant, n: u32) -> (&'static str, &'static str) {
    let draw = draw!(tenant, "companies.name", n);
    (draw.pick(&COMPANY_FIRST), draw.again().pick(&COMPANY_SECOND))
}

/// `harborrobotics.k7x2qd.example`
pub(super) fn domain(tenant: &Tenant, n: u32) -> String {
    let (first, second) = name(tenant, n);
    let mut domain = String::with_capacity(40);
    push_plain(&mut domain, first);
    push_plain(&mut domain, second);
    domain.push('.');
    domain.push_str(&tenant.token);
    domain.push_str(".example");
    domain
}

/// The tenant's company `n`.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let (first, second) = name(tenant, n);
    let created_at = created_at(tenant, n);
    let domain =
        tenant.maybe(draw!(tenant, "companies.domain", n).percent(88), || domain(tenant, n));
    let name = match domain {
        Some(_) => [first, " ", second].concat(),
        // The token has to be somewhere.
        None => [first, " ", second, " (", &tenant.token, ")"].concat(),
    };
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(id_at(tenant, n, created_at)),
        name: Set(tenant.text(name, 100)),
        domain: Set(domain),
        created_at: Set(created_at),
        updated_at: Set(created_at),
    }
}
