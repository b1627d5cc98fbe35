//! Sample rows of the thirteen tables.
//!
//! The rows are SeaORM `ActiveModels`, made by pure functions of a [`Spec`]: the same ones every time, on
//! every engine, without a clock or a random generator. Their ids carry a tag
//! ([`entity::sample_id`]), by which they are told from real rows. What inserts them, removes exactly
//! them and compares them is [`tenantry_seeder`].
//!
//! ```no_run
//! # async fn example(db: &sea_orm::DatabaseConnection) -> migration::Result<()> {
//! let report = seeder::seed(db, &seeder::Options::default()).await?;
//! println!("{} rows inserted", report.changed());
//! # Ok(())
//! # }
//! ```

pub mod factory;
mod tenant;
pub mod testing;
mod words;

use std::sync::Arc;

use migration::Result;
use sea_orm::DatabaseConnection;
pub use tenant::{Counts, Tenant};
pub use tenantry_seeder::{
    DataSet, Difference, Edge, Loader, NodeReport, Options, Preset, Progress, Report, Seeder,
    SeedingPlan, Skew, SoFar, Spec, Stop, TableDigest, TableReport, Verification, Vocabulary, cli,
    digest, export, spec,
};
use tenantry_seeder::{SampleTable, Samples, Set};

/// The sample rows of the thirteen tables.
#[derive(Debug)]
pub struct Tenantry;

impl Samples for Tenantry {
    type Tenant = Tenant;

    fn tenant(tenant: tenantry_seeder::Tenant) -> Tenant {
        Tenant::of(tenant)
    }

    // A new table goes here, in the order of the list of entities.
    fn tables() -> Vec<SampleTable<Self>> {
        type Table = SampleTable<Tenantry>;
        use entity::{
            campaign, company, company_settings, domain, email_account, email_service,
            inbox_message, lead, payment, team_member, template, tenant, user,
        };
        vec![
            Table::of::<tenant::Entity>(|_| 1, |tenant, _| factory::tenant::row(tenant)),
            Table::of::<user::Entity>(|t| t.counts.users, factory::user::row),
            // Every user has a seat.
            Table::of::<team_member::Entity>(|t| t.counts.team_members, factory::team_member::row)
                .fixed(),
            Table::of::<company::Entity>(|t| t.counts.companies, factory::company::row),
            Table::of::<payment::Entity>(|t| t.counts.payments, factory::payment::row),
            Table::of::<domain::Entity>(|t| t.counts.domains, factory::domain::row),
            Table::of::<company_settings::Entity>(
                |t| t.counts.company_settings,
                factory::company_settings::row,
            ),
            Table::of::<email_account::Entity>(
                |t| t.counts.email_accounts,
                factory::email_account::row,
            ),
            Table::of::<lead::Entity>(|t| t.counts.leads, factory::lead::row),
            Table::of::<campaign::Entity>(|t| t.counts.campaigns, factory::campaign::row),
            Table::of::<template::Entity>(|t| t.counts.templates, factory::template::row),
            Table::of::<inbox_message::Entity>(
                |t| t.counts.inbox_messages,
                factory::inbox_message::row,
            ),
            Table::of::<email_service::Entity>(
                |t| t.counts.email_services,
                factory::email_service::row,
            ),
        ]
    }
}

/// The thirteen tables and their sample rows, for the engine.
pub static SEEDER: Seeder = Seeder { project: &migration::PROJECT, samples: &SAMPLES };

static SAMPLES: Set<Tenantry> = Set::new();

/// The rows that a spec describes.
#[must_use]
pub fn data_set(spec: impl Into<Spec>) -> DataSet {
    DataSet::new(&SAMPLES, spec)
}

/// Tenant `ordinal` of what a spec describes, for the factories: tests make rows of it.
#[must_use]
pub fn tenant(spec: impl Into<Spec>, ordinal: u32) -> Tenant {
    Tenant::of(tenantry_seeder::Tenant::new::<entity::tenant::Entity>(
        &Arc::new(spec.into()),
        ordinal,
    ))
}

/// Inserts the sample rows that are not there yet; see [`Seeder::seed`].
///
/// # Errors
///
/// As [`Seeder::seed`].
pub async fn seed(db: &DatabaseConnection, options: &Options) -> Result<Report> {
    SEEDER.seed(db, options).await
}

/// Takes exactly the sample rows away; see [`Seeder::clean`].
///
/// # Errors
///
/// As [`Seeder::clean`].
pub async fn clean(db: &DatabaseConnection, options: &Options) -> Result<Report> {
    SEEDER.clean(db, options).await
}

/// Puts back sample rows that were changed or deleted; see [`Seeder::repair`].
///
/// # Errors
///
/// As [`Seeder::repair`].
pub async fn repair(db: &DatabaseConnection, options: &Options) -> Result<Report> {
    SEEDER.repair(db, options).await
}

/// Compares the sample rows with what the factories make; see [`Seeder::verify`].
///
/// # Errors
///
/// As [`Seeder::verify`].
pub async fn verify(db: &DatabaseConnection, options: &Options) -> Result<Verification> {
    SEEDER.verify(db, options).await
}
