//! What happened to the schema: the migrations of the thirteen tables, in their order.
//!
//! The engine that applies, rolls back, generates and compares them is [`tenantry_migration`], which
//! is here under this crate's name as well.
//!
//! ```no_run
//! use migration::{Migrator, MigratorTrait as _};
//!
//! # async fn example(db: &sea_orm::DatabaseConnection) -> Result<(), sea_orm::DbErr> {
//! Migrator::up(db, None).await?; // at an application's start
//! # Ok(())
//! # }
//! ```
//!
//! # Adding a migration
//!
//! 1. Change the entity.
//! 2. Run `cargo run -p migration -- generate NAME`. It writes `src/mYYYYMMDD_HHMMSS_name.rs`, puts
//!    it at the end of the list below, and brings `schema.json` and `sql/` up to date.
//! 3. Read the file, and the diff of `schema.json`.
//! 4. Run the tests: they prove that all migrations together make what the entities describe, that
//!    each undoes itself, and they pin the SQL of each (`cargo insta review` accepts a new one).
//!
//! By hand, with `generate NAME --empty` and then `generate --adopt`: in SeaQuery's words and those
//! of [`ops`], never in the `entity` crate's, since the entity will change again and the migration
//! must not.

pub use tenantry_migration::*;

/// Tenantry's thirteen tables, for the engine.
pub static PROJECT: Project = Project {
    name: "tenantry",
    version: env!("CARGO_PKG_VERSION"),
    tables: entity::all,
    schema_name: None,
    tenancy: Some(TENANCY),
    engines: &Engine::ALL,
    migrations,
    bookkeeping: "seaql_migrations",
    accepted_drift: include_str!("../accepted_drift.json"),
    objects: &[],
    sealed: false,
};

// The next migration goes at the end.
tenantry_migration::migrations![PROJECT;
    m20261122_000001_create_tenants,
    m20261122_000002_create_users,
    m20261122_000003_create_team_members,
    m20261122_000004_create_companies,
    m20261122_000005_create_payments,
    m20261122_000006_create_domains,
    m20261122_000007_create_company_settings,
    m20261122_000008_create_email_accounts,
    m20261122_000009_create_leads,
    m20261122_000010_create_campaigns,
    m20261122_000011_create_templates,
    m20261122_000012_create_inbox_messages,
    m20261122_000013_create_email_services,
];

/// Asks, in one query, whether the database has what this program needs. For an application's start:
///
/// ```no_run
/// # async fn example(db: &sea_orm::DatabaseConnection) -> migration::Result<()> {
/// use migration::Currency;
///
/// match migration::ensure_current(db).await? {
///     Currency::Current => {}
///     Currency::Ahead(newer) => eprintln!("the database is newer: {}", newer.join(", ")),
///     Currency::Behind(pending) => {
///         let why = format!("not applied yet: {}", pending.join(", "));
///         return Err(migration::Error::unusable("not-current", why));
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// It writes nothing, and needs no right but to read `seaql_migrations`.
///
/// # Errors
///
/// If the database does not answer, or does not let this role read what is applied.
pub async fn ensure_current<C: sea_orm::ConnectionTrait>(db: &C) -> Result<Currency> {
    PROJECT.ensure_current(db).await
}
