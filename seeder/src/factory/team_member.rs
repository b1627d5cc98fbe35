//! Sample rows of `team_members`.

use chrono::{DateTime, Utc};
use entity::{
    prelude::*,
    team_member::{ActiveModel, Permissions, Role, Status},
};
use serde_json::json;

use super::{pick, tenant, user};
use crate::{ids::id as sample, plan::TenantPlan};

fn created_at(plan: &TenantPlan, n: u32) -> DateTime<Utc> {
    plan.at(1, n * 9)
}

/// The user in seat `n`.
#[must_use]
pub fn user_id(plan: &TenantPlan, n: u32) -> Uuid {
    user::id(plan.first_user + n)
}

/// Seat `n` of the tenant. The first is the owner's.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    let created_at = created_at(plan, n);
    let (name, email) = user::identity(plan.first_user + n);
    let role = match n {
        0 => Role::Owner,
        1 => Role::Admin,
        _ => pick(&[Role::Member, Role::Viewer, Role::Member], n),
    };
    let status = match n {
        3 => Status::Pending,
        4 => Status::Inactive,
        _ => Status::Active,
    };
    let permissions = match role {
        Role::Owner | Role::Admin => vec!["billing".to_owned(), "members".to_owned()],
        Role::Member if n.is_multiple_of(2) => vec!["export".to_owned()],
        Role::Member | Role::Viewer => Vec::new(),
    };
    let seen = status != Status::Pending;
    let last_active_at = seen.then(|| plan.at(24 * (20 + n), 15));
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<TeamMember>(plan.ordinal, n, created_at)),
        user_id: Set(user_id(plan, n)),
        email: Set(email),
        name: Set(name),
        role: Set(role),
        status: Set(status),
        avatar: Set(n.is_multiple_of(3).then(|| format!("https://pictures.example/seat-{n}.png"))),
        joined_at: Set(created_at),
        last_active_at: Set(last_active_at),
        permissions: Set(Permissions(permissions)),
        two_factor_enabled: Set(n.is_multiple_of(2)),
        metadata: Set((n % 4 == 1).then(|| json!({ "theme": "dark", "locale": "en-GB" }))),
        created_at: Set(created_at),
        updated_at: Set(last_active_at.unwrap_or(created_at)),
    }
}
