//! Sample rows of `team_members`: the users who signed up for the tenant, then guests, who have a seat
//! in another one as well.

use chrono::{DateTime, Utc};
use entity::{
    prelude::*,
    team_member::{ActiveModel, Permissions, Role, Status},
};
use serde_json::json;
use tenantry_seeder::draw;

use super::user;
use crate::{tenant::Tenant, words::local_part};

/// Whose user has seat `n`, and which one.
fn occupant(tenant: &Tenant, n: u32) -> (Option<Tenant>, u32) {
    let Some(guest) = n.checked_sub(tenant.counts.users) else { return (None, n) };
    let draw = draw!(tenant, "team_members.user_id", 0);
    // Guests come from different tenants, so that none comes twice.
    let earlier = if tenant.edge.is_some() { 1 } else { tenant.ordinal.saturating_sub(1).max(1) };
    let home = tenant.other(1 + (draw.below(earlier) + guest) % earlier);
    let users = home.counts.users;
    (Some(home), draw.again().below(users))
}

/// The user in seat `n`.
#[must_use]
pub fn user_id(tenant: &Tenant, n: u32) -> Uuid {
    match occupant(tenant, n) {
        (None, n) => user::id(tenant, n),
        (Some(home), n) => user::id(&home, n),
    }
}

/// When seat `n` was taken: after its user signed up, and after the seats before.
fn taken(tenant: &Tenant, n: u32) -> DateTime<Utc> {
    let own = |n| tenant.later(user::since(tenant, n), if n == 0 { 11 * 60 } else { 5 * 60 });
    let users = tenant.counts.users;
    if n < users {
        return own(n);
    }
    let guests = (users..=n).filter_map(|seat| match occupant(tenant, seat) {
        (Some(home), n) => Some(tenant.later(user::since(&home, n), 7 * 60)),
        (None, _) => None,
    });
    let last = guests.fold(own(users.saturating_sub(1)), DateTime::max);
    tenant.later(last, i64::from(n - users) + 1)
}

/// Seat `n` of the tenant. The first is the owner's.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let created_at = taken(tenant, n);
    let (home, user) = occupant(tenant, n);
    let home = home.as_ref().unwrap_or(tenant);
    let (given, family) = user::names(home, user);
    let role = match (n, draw!(tenant, "team_members.role", n).below(100)) {
        (0, _) => Role::Owner,
        (1, _) | (4.., ..15) => Role::Admin,
        (3, _) | (4.., 85..) => Role::Viewer,
        _ => Role::Member,
    };
    let status = match (n, draw!(tenant, "team_members.status", n).below(100)) {
        (3, _) | (5.., ..5) => Status::Pending,
        (4, _) | (5.., 5..11) => Status::Inactive,
        _ => Status::Active,
    };
    let permissions: &[&str] = match role {
        Role::Owner | Role::Admin => &["billing", "members"],
        Role::Member if draw!(tenant, "team_members.permissions", n).percent(50) => &["export"],
        Role::Member | Role::Viewer => &[],
    };
    let seen = draw!(tenant, "team_members.last_active_at", n);
    let last_active_at = tenant.maybe(status != Status::Pending, || {
        let span = (tenant.ends - created_at.timestamp()).max(0);
        // An active member was here lately.
        let parts = if status == Status::Active { 950 + seen.below(50) } else { seen.below(900) };
        tenant.later(created_at, span / 1_000 * i64::from(parts))
    });
    let is_guest = home.ordinal != tenant.ordinal;
    let local = local_part((given, family), if is_guest { home.ordinal } else { user / 4_096 });
    let domain = format!("{}.example", tenant.slug);
    let extra = draw!(tenant, "team_members.metadata", n);
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<TeamMember>(n, created_at)),
        user_id: Set(user::id(home, user)),
        email: Set(tenant.address(&local, &domain, 255)),
        name: Set(tenant.text(format!("{given} {family}"), 200)),
        role: Set(role),
        status: Set(status),
        avatar: Set(tenant.maybe(extra.again().percent(40), || {
            format!("https://pictures.example/{}/seat-{n}.png", tenant.token)
        })),
        joined_at: Set(created_at),
        last_active_at: Set(last_active_at),
        permissions: Set(Permissions(permissions.iter().map(|&it| it.to_owned()).collect())),
        two_factor_enabled: Set(draw!(tenant, "team_members.two_factor_enabled", n).percent(35)),
        metadata: Set(tenant.maybe(
            extra.percent(30),
            || json!({ "theme": extra.pick(&["dark", "light"]), "timezone": tenant.zone }),
        )),
        created_at: Set(created_at),
        updated_at: Set(last_active_at.unwrap_or(created_at)),
    }
}
