//! One factory an entity: a pure function from a tenant and a row's number to a row.
//!
//! ```
//! use entity::{lead, prelude::*};
//! use seeder::{DataSet, Preset, factory};
//!
//! let tenant = DataSet::from(Preset::Tiny).tenant(1);
//! let lead = lead::ActiveModel {
//!     status: Set(lead::Status::Converted),
//!     ..factory::lead::row(&tenant, 0)
//! };
//! assert!(lead.email.unwrap().ends_with(".example"));
//! ```
//!
//! Every literal names every column, so a new column is a compile error here. Parents are not
//! looked up: a factory computes their ids the way their own factory does. Numbers beyond what
//! [`Counts`](crate::Counts) says give rows that fit as well, but come at the same moment as the last.

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
#[cfg(test)]
mod tests;
pub mod user;

/// Hands the tables of a tenant in foreign-key order to a macro, as lines of entity, factory, and the
/// count of the tenant, each of which is one of the entity's rows.
macro_rules! for_each_scoped {
    ($do:ident) => {
        $do! {
            TeamMember, team_member, team_members;
            Company, company, companies;
            Payment, payment, payments;
            Domain, domain, domains;
            CompanySettings, company_settings, company_settings;
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
