//! What happened to Shop's schema.

pub use tenantry_migration::*;

/// Shop's tables and migrations, for the engine.
pub static PROJECT: Project = Project {
    name: "shop",
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

// `generate` puts the next migration at the end.
tenantry_migration::migrations![PROJECT;
    m20261129_053436_create_tables,
];
