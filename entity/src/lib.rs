//! The schema, as SeaORM 2.0 entities.
//!
//! Thirteen models are Tenantry's one source of truth: the migrations make what they describe, the
//! seeder fills them and the validator compares a live database with them. Applications
//! import this crate and nothing else:
//!
//! ```
//! use entity::prelude::*;
//!
//! let company = company::ActiveModel {
//!     tenant_id: Set(Uuid::now_v7()),
//!     name: Set("Acme".to_owned()),
//!     ..ActiveModelBehavior::new()
//! };
//! assert!(company.id.is_set(), "new() makes the id");
//! ```
//!
//! # Tenancy
//!
//! A table with a `tenant_id` column is [tenant-scoped](Scope::Tenant), every other one is
//! [shared](Scope::Shared), but for `tenants` itself; see [`tenancy`] for the rules that follow from it. How to add a table
//! is written in the README, under "Add a table".

#![allow(
    clippy::disallowed_methods,
    reason = "what SeaORM derives calls `find`, and scoped queries are made of it"
)]

pub mod prelude;

pub use tenantry_entity::{
    Capability, Currency, Engine, SampleCode, Scope, SealKey, Table, TableDef, TenantScope,
    TenantScoped, engine, ensure_current, sample_id, scope, tenancy,
};

// A new entity goes here, after the entities that its foreign keys name. Its code is the next one:
// codes are part of every sample id, so they never change.
tenantry_entity::entities![
    0 => tenant,
    1 => user,
    2 => team_member,
    3 => company,
    4 => payment,
    5 => domain,
    6 => company_settings,
    7 => email_account,
    8 => lead,
    9 => campaign,
    10 => template,
    11 => inbox_message,
    12 => email_service,
];
