//! One builder an entity: a pure function from a tenant's plan and a row's number to a row.
//!
//! Every literal names every column, so a new column is a compile error here. Parents are not
//! looked up: a builder computes their ids the way their own builder does.

pub mod campaign;
pub mod company;
pub mod company_settings;
pub mod domain;
pub mod email_account;
pub mod email_service;
pub mod inbox_message;
pub mod lead;
pub mod payment;
pub mod team_member;
pub mod template;
pub mod tenant;
pub mod user;
mod words;

use crate::plan::TenantPlan;

/// Hands the tenant-scoped tables in foreign-key order to a macro, as lines of entity, factory, and the
/// count of the plan, each of which is one of the entity's rows.
macro_rules! for_each_scoped {
    ($do:ident) => {
        $do! {
            TeamMember, team_member, team_members;
            Company, company, companies;
            Payment, payment, payments;
            Domain, domain, domains;
            CompanySettings, company_settings, companies;
            EmailAccount, email_account, email_accounts;
            Lead, lead, leads;
            Campaign, campaign, campaigns;
            Template, template, templates;
            InboxMessage, inbox_message, inbox_messages;
            EmailService, email_service, email_services;
        }
    };
}
pub(crate) use for_each_scoped;

/// The parent's number for row `n` of a tenant that has `parents` of them: in turn.
fn parent(n: u32, parents: u32) -> u32 {
    n % parents.max(1)
}

/// Picks from a list, going round.
fn pick<T: Copy>(list: &[T], n: u32) -> T {
    list[n as usize % list.len()]
}

/// A number that differs from tenant to tenant, to begin at another place of a list.
fn offset(plan: &TenantPlan) -> u32 {
    plan.ordinal * 7
}
