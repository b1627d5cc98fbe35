//! Sample rows of `users`. They belong to no tenant, but each has signed up for one.

use chrono::{DateTime, Utc};
use entity::{prelude::*, user::ActiveModel};
use tenantry_seeder::{draw, moment};

use crate::{
    tenant::Tenant,
    words::{local_part, person},
};

/// The owner signs up ten minutes before there is a tenant, the others come later.
fn created(tenant: &Tenant, n: u32) -> DateTime<Utc> {
    match n {
        0 => moment(tenant.signed_up - 600),
        _ => tenant.slot(60, n - 1, tenant.counts.users, draw!(tenant, "users.created", n)),
    }
}

/// The id of user `n` of those who signed up for the tenant.
#[must_use]
pub fn id(tenant: &Tenant, n: u32) -> Uuid {
    id_at(tenant, n, created(tenant, n))
}

fn id_at(tenant: &Tenant, n: u32, created: DateTime<Utc>) -> Uuid {
    tenant.row_id::<User>(n, created)
}

/// When user `n` signed up.
pub(super) fn since(tenant: &Tenant, n: u32) -> DateTime<Utc> {
    created(tenant, n)
}

/// Given and family name of user `n`: of 4,096, each of the tenant's users has another one.
pub(super) fn names(tenant: &Tenant, n: u32) -> (&'static str, &'static str) {
    person(draw!(tenant, "users.name", 0).below(4_096).wrapping_add(n.wrapping_mul(1_229)))
}

/// User `n` of those who signed up for the tenant.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let (given, family) = names(tenant, n);
    let at = created(tenant, n);
    let confirmed = draw!(tenant, "users.email_verified", n);
    let verified = tenant.maybe(n == 0 || confirmed.percent(92), || {
        tenant.later(at, 60 + i64::from(confirmed.again().below(3_000))).naive_utc()
    });
    let picture = draw!(tenant, "users.picture", n);
    let domain = format!("{}.example", tenant.slug);
    ActiveModel {
        id: Set(id_at(tenant, n, at)),
        email: Set(tenant.address(&local_part((given, family), n / 4_096), &domain, 254)),
        name: Set(tenant.maybe(true, || tenant.text(format!("{given} {family}"), 1_000))),
        given_name: Set(tenant.maybe(true, || tenant.text(given.to_owned(), 1_000))),
        family_name: Set(tenant.maybe(true, || tenant.text(family.to_owned(), 1_000))),
        picture: Set(tenant.maybe(picture.percent(40), || {
            format!("https://pictures.example/{}/{n}.png", tenant.token)
        })),
        email_verified: Set(verified),
        created: Set(at.naive_utc()),
        updated: Set(verified.unwrap_or_else(|| at.naive_utc())),
        deleted: Set(None),
    }
}
