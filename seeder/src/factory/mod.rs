//! One factory an entity: a pure function from a tenant and a row's number to a row.
//!
//! ```
//! use entity::{lead, prelude::*};
//! use seeder::{Preset, factory};
//!
//! let tenant = seeder::tenant(Preset::Tiny, 1);
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
