//! Sample rows of `tenants`.

use entity::{prelude::*, tenant::ActiveModel};
use tenantry_seeder::moment;

use crate::tenant::Tenant as Owner;

/// The tenant itself.
#[must_use]
pub fn row(tenant: &Owner) -> ActiveModel {
    let created = tenant.created().naive_utc();
    let left = tenant.closed.then(|| moment(tenant.ends).naive_utc());
    ActiveModel {
        id: Set(tenant.id),
        name: Set(tenant.text(tenant.name.clone(), 100)),
        slug: Set(tenant.maybe(true, || tenant.slug.clone())),
        created: Set(created),
        updated: Set(left.unwrap_or(created)),
        deleted: Set(left),
    }
}
