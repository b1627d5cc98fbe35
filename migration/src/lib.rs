//! What happened to the schema, and what should happen next.
//!
//! This crate holds the migrations and everything that looks after them: the [schema model](schema)
//! with its readers, the [diff] of two schemas, the [plan] that makes one of the other, the
//! [generator](generate) that writes it down, the [drift] of a live database, the
//! [safe runner](runner), and what the binaries share (settings, connection, logging, command
//! line).
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

pub mod application_role;
pub mod backup;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod db;
pub mod diff;
mod direction;
pub mod drift;
pub mod error;
mod fingerprint;
pub mod generate;
pub mod isolation;
pub mod lint;
mod list;
pub mod lock;
pub mod logging;
mod observer;
pub mod ops;
pub mod plan;
pub mod prove;
pub mod refusal;
pub mod rehearsal;
pub mod report;
pub mod runner;
pub mod schema;

pub use error::{Error, Result};
pub use runner::{Currency, Outcome, Runner, ensure_current};
pub use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait};

use sea_orm_migration::{DbErr, MigrationTrait, async_trait};

/// Declares the migrations and lists them in the order of their application.
macro_rules! migrations {
    ($($module:ident),* $(,)?) => {
        $(
            #[allow(
                clippy::doc_markdown,
                clippy::too_many_lines,
                clippy::wildcard_imports,
                missing_docs,
                unreachable_pub,
                reason = "the shape that SeaORM's migrations have, and comments that name columns"
            )]
            mod $module;
        )*

        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![$(Box::new($module::Migration)),*]
        }
    };
}

// The next migration goes at the end.
migrations![
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

/// The migrations of this schema.
///
/// An ordinary [`MigratorTrait`], whose `up`, `down`, `fresh`, `refresh` and `reset` go through the
/// [`Runner`] and so have its guarantees: one transaction, and no real row lost without consent.
/// Consent itself can only be given to the [`Runner`].
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

impl Migrator {
    /// The name of the table in which applied migrations are recorded.
    #[must_use]
    pub fn bookkeeping() -> String {
        Self::migration_table_name().to_string()
    }

    /// Whether a table is the one of [`bookkeeping`](Self::bookkeeping), or the journal beside it.
    #[must_use]
    pub fn is_bookkeeping(table: &str) -> bool {
        let bookkeeping = Self::bookkeeping();
        table == bookkeeping || table == runner::journal_beside(&bookkeeping)
    }
}

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        migrations()
    }

    async fn up<'c, C>(db: C, steps: Option<u32>) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        runner(db).await?.up(steps).await?;
        Ok(())
    }

    async fn down<'c, C>(db: C, steps: Option<u32>) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        runner(db).await?.down(steps).await?;
        Ok(())
    }

    async fn fresh<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        runner(db).await?.fresh().await?;
        Ok(())
    }

    async fn refresh<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        runner(db).await?.refresh().await?;
        Ok(())
    }

    async fn reset<'c, C>(db: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        runner(db).await?.reset().await?;
        Ok(())
    }
}

/// The runner of this schema's migrations on an open database.
///
/// # Errors
///
/// As [`Runner::new`].
pub fn runner_on(db: &db::Database) -> Result<Runner<'_>> {
    Ok(Runner::new::<Migrator>(&db.connection)?
        .on(db.engine)
        .application_role(&db.application_role)
        .environment(config::environment())
        .patience(db.patience))
}

/// The runner of this schema's migrations for an application, with what the environment says.
async fn runner<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<Runner<'c>> {
    let runner = Runner::new::<Migrator>(db)?;
    let engine = match config::engine()? {
        Some(engine) if engine.backend() == runner.engine().backend() => engine,
        _ => runner.detect().await?,
    };
    Ok(runner
        .on(engine)
        .environment(config::environment())
        .application_role(config::application_role()?))
}
