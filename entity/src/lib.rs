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
//! [shared](Scope::Shared); see [`tenancy`] for the rules that follow from it. How to add a table
//! is written in the README, under "Add a table".

#![allow(
    clippy::disallowed_methods,
    reason = "what SeaORM derives calls `find`, and scoped queries are made of it"
)]

mod behavior;
pub mod engine;
pub mod prelude;
pub mod sample_id;
pub mod scope;
pub mod tenancy;

pub use engine::{Capability, Engine};
pub use scope::TenantScope;
pub use tenancy::{Scope, Table, TenantScoped};

/// Declares the entity modules and builds the one list of them.
macro_rules! entities {
    ($($module:ident),* $(,)?) => {
        $(pub mod $module;)*

        /// Every entity, in foreign-key order: a table comes after all tables it refers to.
        #[must_use]
        pub fn all() -> Vec<tenancy::TableDef> {
            vec![$(tenancy::TableDef::of::<$module::Entity>()),*]
        }
    };
}

// A new entity goes here, after the entities that its foreign keys name.
entities![
    tenant,
    user,
    team_member,
    company,
    payment,
    domain,
    company_settings,
    email_account,
    lead,
    campaign,
    template,
    inbox_message,
    email_service,
];
