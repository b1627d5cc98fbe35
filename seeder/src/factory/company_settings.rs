//! Sample rows of `company_settings`: one for each company.

use entity::{company_settings::ActiveModel, prelude::*};
use serde_json::json;

use super::{company, pick, tenant};
use crate::{ids::id as sample, plan::TenantPlan};

/// The settings of the tenant's company `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let created_at = plan.at(25, n * 47);
    let zone = pick(&["Europe/Berlin", "Europe/London", "America/New_York"], plan.ordinal + n);
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<CompanySettings>(plan.ordinal, n, created_at)),
        company_id: Set(company::id(plan, n)),
        settings: Set(json!({
            "timezone": zone,
            "send_window": { "from": "09:00", "to": "17:00", "days": ["mon", "tue", "wed", "thu", "fri"] },
            "daily_cap": 30 + n % 3 * 5,
        })),
        created_at: Set(created_at),
        updated_at: Set(created_at),
    }
}
