//! Sample rows of `company_settings`: of the companies that were entered first.

use entity::{company_settings::ActiveModel, prelude::*};
use serde_json::json;
use tenantry_seeder::draw;

use super::company;
use crate::tenant::Tenant;

/// The settings of the tenant's company `n`.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let created_at = tenant.later(company::created_at(tenant, n), 40);
    let cap = draw!(tenant, "company_settings.settings", n);
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<CompanySettings>(n, created_at)),
        company_id: Set(company::id(tenant, n)),
        settings: Set(json!({
            "account": tenant.token,
            "timezone": tenant.zone,
            "send_window": { "from": "09:00", "to": "17:00", "days": ["mon", "tue", "wed", "thu", "fri"] },
            "daily_cap": 20 + 5 * cap.below(7),
            "signature": tenant.text(format!("{}, {}", tenant.name, tenant.zone), 200),
        })),
        created_at: Set(created_at),
        updated_at: Set(created_at),
    }
}
