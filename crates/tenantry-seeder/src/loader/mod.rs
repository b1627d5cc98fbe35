//! How rows reach the database.
//!
//! A unit is a run of tenants that have some thousands of rows together. It is committed whole, so that
//! a few questions tell which units are there, whatever stopped the seeder before.

mod bulk;
mod choice;
mod collision;
mod copy;
mod insert;
mod loading;
mod missing;
mod probe;
mod sink;

pub(crate) use choice::FEW;
pub use choice::Loader;
pub(crate) use loading::{Loading, UNIT};
pub(crate) use missing::Missing;
use sea_orm::{DatabaseConnection, DatabaseConnectionType, sqlx::postgres::PgPool};

pub(crate) use self::{
    collision::explained,
    insert::insertion,
    sink::{Rows, Sink, Tally, everything},
};

/// Whether it is a PostgreSQL server. A rehearsal sees one connection, and in it one transaction.
pub(crate) fn is_server(db: &DatabaseConnection) -> bool {
    matches!(db.inner, DatabaseConnectionType::SqlxPostgresPoolConnection(_))
}

/// Whether it is an SQLite file, and no rehearsal.
pub(crate) fn is_file(db: &DatabaseConnection) -> bool {
    matches!(db.inner, DatabaseConnectionType::SqlxSqlitePoolConnection(_))
}

/// Connections to the same database for so many workers.
pub(crate) fn workers(db: &DatabaseConnection, count: usize) -> PgPool {
    let pool = db.get_postgres_connection_pool();
    let connections = u32::try_from(count).unwrap_or(1).max(1);
    let options = pool.options().clone().min_connections(0).max_connections(connections);
    options.connect_lazy_with(pool.connect_options().as_ref().clone())
}
