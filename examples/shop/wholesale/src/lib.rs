//! Shop in another shape: organizations with keys that count by themselves, primary keys of one column, an enum of the
//! database, and a view and a trigger in `objects/`.

pub mod entity;
mod objects;
pub mod samples;

pub use tenantry_migration::*;

/// How organizations are told apart.
pub const TENANCY: Tenancy = Tenancy {
    root: "organizations",
    column: "organization_id",
    id: IdType::BigInteger,
    setting: "wholesale.organization_id",
    application_role: "wholesale_app",
    keys: Keys::Single,
    tables: &[("order_lines", Scope::Through("order_id")), ("price_lists", Scope::OptionalTenant)],
    ..tenantry_migration::TENANCY
};

/// The tables and migrations, for the engine.
pub static PROJECT: Project = Project {
    name: "wholesale",
    version: env!("CARGO_PKG_VERSION"),
    tables: entity::all,
    schema_name: None,
    tenancy: Some(TENANCY),
    engines: &[Engine::Sqlite, Engine::Postgres],
    migrations,
    bookkeeping: "seaql_migrations",
    accepted_drift: include_str!("../accepted_drift.json"),
    objects: objects::ALL,
    sealed: false,
};

// `generate` puts the next migration at the end.
tenantry_migration::migrations![PROJECT;
    m20261130_145301_create_tables,
];
