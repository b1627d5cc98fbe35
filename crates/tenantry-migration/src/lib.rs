#![doc = include_str!("../README.md")]

pub mod adopt;
pub mod application_role;
pub mod backup;
mod called;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod db;
pub mod drift;
pub mod error;
pub mod generate;
pub mod isolation;
pub mod lock;
pub mod logging;
mod observer;
mod project;
pub mod prove;
pub mod reach;
pub mod refusal;
pub mod rehearsal;
pub mod report;
pub mod runner;
mod scratch;
pub mod seal;

pub use called::called;
pub use error::{Error, Result};
pub use project::Project;
pub use runner::{Outcome, Runner};
#[doc(hidden)]
pub use sea_orm_migration;
pub use sea_orm_migration::{IntoSchemaManagerConnection, MigrationTrait, MigratorTrait};
pub use tenantry_entity::{Currency, Engine, IdType, Keys, Scope, Tenancy, tenancy::TENANCY};
#[doc(no_inline)]
use tenantry_schema::sql;
pub use tenantry_schema::{diff, lint, ops, plan, schema};

/// Declares the migrations of an application, in the order of their application, and its
/// `Migrator`, whose `up`, `down`, `fresh`, `refresh` and `reset` go through the [`Runner`]. The
/// first argument is the application's [`Project`], which names the function `migrations` that this
/// declares.
///
/// ```ignore
/// tenantry_migration::migrations![PROJECT;
///     m20261122_000001_create_tenants,
///     m20261122_000002_create_products,
/// ];
/// ```
#[macro_export]
macro_rules! migrations {
    ($project:path; $($module:ident),* $(,)?) => {
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

        /// Every migration, in the order of their application.
        fn migrations() -> Vec<Box<dyn $crate::MigrationTrait>> {
            vec![$(Box::new($module::Migration)),*]
        }

        /// The migrations of this schema.
        ///
        /// An ordinary `MigratorTrait`, whose `up`, `down`, `fresh`, `refresh` and `reset` go
        /// through the `Runner` and so have its guarantees: one transaction, and no real row lost
        /// without consent. Consent itself can only be given to the `Runner`.
        #[derive(Clone, Copy, Debug)]
        pub struct Migrator;

        #[$crate::sea_orm_migration::async_trait::async_trait]
        impl $crate::MigratorTrait for Migrator {
            fn migrations() -> Vec<Box<dyn $crate::MigrationTrait>> {
                migrations()
            }

            async fn up<'c, C>(db: C, steps: Option<u32>) -> Result<(), $crate::sea_orm_migration::DbErr>
            where
                C: $crate::IntoSchemaManagerConnection<'c>,
            {
                $project.runner_for(db).await?.up(steps).await?;
                Ok(())
            }

            async fn down<'c, C>(db: C, steps: Option<u32>) -> Result<(), $crate::sea_orm_migration::DbErr>
            where
                C: $crate::IntoSchemaManagerConnection<'c>,
            {
                $project.runner_for(db).await?.down(steps).await?;
                Ok(())
            }

            async fn fresh<'c, C>(db: C) -> Result<(), $crate::sea_orm_migration::DbErr>
            where
                C: $crate::IntoSchemaManagerConnection<'c>,
            {
                $project.runner_for(db).await?.fresh().await?;
                Ok(())
            }

            async fn refresh<'c, C>(db: C) -> Result<(), $crate::sea_orm_migration::DbErr>
            where
                C: $crate::IntoSchemaManagerConnection<'c>,
            {
                $project.runner_for(db).await?.refresh().await?;
                Ok(())
            }

            async fn reset<'c, C>(db: C) -> Result<(), $crate::sea_orm_migration::DbErr>
            where
                C: $crate::IntoSchemaManagerConnection<'c>,
            {
                $project.runner_for(db).await?.reset().await?;
                Ok(())
            }
        }
    };
}
