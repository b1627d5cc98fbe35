//! Sample rows of `email_services`. Their credentials are placeholders.

use entity::{
    email_service::{ActiveModel, Config},
    prelude::*,
};
use serde_json::json;
use tenantry_seeder::draw;

use crate::{tenant::Tenant, words::SERVICES};

/// The tenant's connection `n`.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let jitter = draw!(tenant, "email_services.created_at", n);
    let created_at = tenant.slot(90, n, tenant.counts.email_services, jitter);
    let first = draw!(tenant, "email_services.provider", 0).below(4);
    let provider = SERVICES[(first + n) as usize % SERVICES.len()];
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<EmailService>(n, created_at)),
        provider: Set(provider.to_owned()),
        config: Set(Config(json!({
            "account": tenant.token,
            "host": format!("{provider}.example"),
            "api_key": "placeholder-not-a-key",
        }))),
        created_at: Set(created_at),
    }
}
