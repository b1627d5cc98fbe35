//! Sample rows of `email_services`. Their credentials are placeholders.

use entity::{
    email_service::{ActiveModel, Config},
    prelude::*,
};
use serde_json::json;

use super::{pick, tenant};
use crate::{ids::id as sample, plan::TenantPlan};

/// The tenant's connection `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let created_at = plan.at(2, n * 19);
    let provider = pick(&["smtp-relay", "transactional-api", "mailbox-sync"], n);
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<EmailService>(plan.ordinal, n, created_at)),
        provider: Set(provider.to_owned()),
        config: Set(Config(json!({
            "host": format!("{provider}.example"),
            "api_key": "placeholder-not-a-key",
        }))),
        created_at: Set(created_at),
    }
}
