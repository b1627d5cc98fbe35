//! Ready databases for tests of applications: migrated and seeded once, and copied for each test.
//!
//! ```no_run
//! # async fn example() -> migration::Result<()> {
//! use entity::prelude::*;
//! use seeder::{Preset, testing::seeded_db};
//!
//! // A server on which the role may create databases; `None` for an SQLite file.
//! let db = seeded_db(Some("postgres://me:secret@localhost/postgres"), &Preset::Tiny.into()).await?;
//! let tenants = Tenant::find().all(&db.connection).await?;
//! assert_eq!(tenants.len(), 2);
//! db.close().await;
//! # Ok(())
//! # }
//! ```

use migration::Result;
pub use tenantry_seeder::testing::SeededDb;

use crate::{SEEDER, Spec};

/// A database with the tables and with these sample rows, of its own; see
/// [`Seeder::seeded_db`](crate::Seeder::seeded_db).
///
/// # Errors
///
/// As [`Seeder::seeded_db`](crate::Seeder::seeded_db).
pub async fn seeded_db(server: Option<&str>, spec: &Spec) -> Result<SeededDb> {
    SEEDER.seeded_db(server, spec).await
}
