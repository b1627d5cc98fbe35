//! Every environment variable that the binaries read.

/// The database: `postgres://user:password@host:port/name` or `sqlite://path`. Without it, the
/// SQLite file `<name>.db` in the current folder, by the name of the project.
pub const DATABASE_URL: &str = "DATABASE_URL";
/// The PostgreSQL schema to work in. Without it, the connection's own `search_path` decides.
pub const DATABASE_SCHEMA: &str = "DATABASE_SCHEMA";
/// `production` makes every destructive command ask for consent and keeps the seeder away.
pub const APP_ENV: &str = "APP_ENV";
/// The role that applications work as. Without it, `tenantry_app`.
pub const TENANTRY_APP_ROLE: &str = "TENANTRY_APP_ROLE";
/// The engine behind a PostgreSQL URL: `postgres`, `nile` or `citus`. Without it, the server is asked.
pub const TENANTRY_ENGINE: &str = "TENANTRY_ENGINE";
/// The shards into which tables are divided, on Citus.
pub const TENANTRY_SHARDS: &str = "TENANTRY_SHARDS";
/// How many sample rows, as the seeder's `--preset` says it.
pub const SEED_PRESET: &str = "SEED_PRESET";
/// Set by `generate` for a process of its own, which only reads the relations of the entities and ends.
pub const TENANTRY_ONLY_RELATIONS: &str = "TENANTRY_ONLY_RELATIONS";
/// Who the journal says it was; without it, the user of the operating system.
pub const TENANTRY_ACTOR: &str = "TENANTRY_ACTOR";
/// The folder of the migration crate, for `generate` and `diff`.
pub const MIGRATION_DIR: &str = "MIGRATION_DIR";
/// What is logged, in the syntax of tracing's `EnvFilter`.
pub const RUST_LOG: &str = "RUST_LOG";
/// Any value but the empty one switches colour off.
pub const NO_COLOR: &str = "NO_COLOR";
