//! Sample rows of `leads`: imported forty at a time, three or four from each company.

use chrono::{DateTime, Utc};
use entity::{
    lead::{ActiveModel, Status},
    prelude::*,
};
use tenantry_seeder::{Draw, draw, parent};

use super::company;
use crate::{
    tenant::Tenant,
    words::{local_part, person},
};

/// Leads that are imported at once.
const LIST: u32 = 40;

/// How far lead `n` has come. The first four show each state.
#[must_use]
pub fn status(tenant: &Tenant, n: u32) -> Status {
    match (n, draw!(tenant, "leads.status", n).below(1_000)) {
        (0, _) | (4.., ..300) => Status::New,
        (1, _) | (4.., ..820) => Status::Contacted,
        (2, _) | (4.., ..950) => Status::Qualified,
        _ => Status::Converted,
    }
}

/// When lead `n` was imported.
pub(super) fn created_at(tenant: &Tenant, n: u32) -> DateTime<Utc> {
    let first = n / LIST * LIST;
    tenant.slot(26 * 60, first, tenant.counts.leads, Draw::FIRST)
}

/// Given and family name of the tenant's lead `n`.
pub(super) fn names(tenant: &Tenant, n: u32) -> (&'static str, &'static str) {
    person(draw!(tenant, "leads.name", n).below(4_096))
}

/// Where the tenant's lead `n` works.
fn works_at(tenant: &Tenant, n: u32) -> u32 {
    parent(n, tenant.counts.leads, tenant.counts.companies)
}

/// The name of where the tenant's lead `n` works.
pub(super) fn company(tenant: &Tenant, n: u32) -> (&'static str, &'static str) {
    company::name(tenant, works_at(tenant, n))
}

/// The address of the tenant's lead `n`.
#[must_use]
pub fn email(tenant: &Tenant, n: u32) -> String {
    match tenant.twin() {
        Some(twin) => email_of(&twin, n),
        None => email_of(tenant, n),
    }
}

fn email_of(person: &Tenant, n: u32) -> String {
    let domain = company::domain(person, works_at(person, n));
    person.address(&local_part(names(person, n), 0), &domain, 255)
}

/// The tenant's lead `n`.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let twin = tenant.twin();
    let person = twin.as_ref().unwrap_or(tenant);
    let (given, family) = names(person, n);
    let created_at = created_at(tenant, n);
    let status = status(tenant, n);
    let known = draw!(tenant, "leads.company", n);
    let touched = match status {
        Status::New => created_at,
        _ => tenant.later(created_at, 86_400 + i64::from(known.again().below(20 * 86_400))),
    };
    let company = tenant.maybe(twin.is_some() || known.percent(90), || {
        let (first, second) = company(person, n);
        // Where the address is another tenant's, the token is here.
        let token = twin.as_ref().map(|_| format!(" ({})", tenant.token)).unwrap_or_default();
        tenant.text([first, " ", second, &token].concat(), 200)
    });
    let is_named = draw!(tenant, "leads.is_named", n).percent(93);
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<Lead>(n, created_at)),
        email: Set(email_of(person, n)),
        name: Set(tenant.maybe(is_named, || tenant.text([given, " ", family].concat(), 200))),
        company: Set(company),
        status: Set(status),
        created_at: Set(created_at),
        updated_at: Set(touched),
    }
}

/// The latest of the leads up to `n` that were written to, if there is one nearby.
pub(super) fn contacted(tenant: &Tenant, n: u32) -> u32 {
    let near = n.saturating_sub(30)..=n;
    let written = near.rev().find(|lead| status(tenant, *lead) != Status::New);
    written.unwrap_or(1).min(tenant.counts.leads.saturating_sub(1))
}
