//! The entities in an application: make a tenant, a company and a campaign, and load the campaign
//! with its company.
//!
//! Runs in memory, so it leaves nothing behind: `cargo run --example quickstart`.

use entity::prelude::*;
use migration::{Migrator, MigratorTrait as _};
use sea_orm::Database;

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::disallowed_methods, reason = "an application connects as SeaORM's users do")]
#[allow(clippy::print_stdout, reason = "an example shows what it found")]
async fn main() -> Result<(), DbErr> {
    let db = Database::connect("sqlite::memory:").await?;
    Migrator::up(&db, None).await?;

    // new() makes the id; saving sets the timestamps.
    let tenant = tenant::ActiveModel {
        name: Set("Acme Outreach".to_owned()),
        slug: Set(Some("acme".to_owned())),
        ..ActiveModelBehavior::new()
    };
    let tenant = tenant.insert(&db).await?;

    let company = company::ActiveModel {
        tenant_id: Set(tenant.id),
        name: Set("Harbor Robotics".to_owned()),
        ..ActiveModelBehavior::new()
    };
    let company = company.insert(&db).await?;

    let campaign = campaign::ActiveModel {
        tenant_id: Set(tenant.id),
        company_id: Set(company.id),
        name: Set("Spring introduction".to_owned()),
        ..ActiveModelBehavior::new()
    };
    let campaign = campaign.insert(&db).await?;

    // The key is (tenant_id, id): a query that forgets the tenant does not compile.
    let loaded = Campaign::load()
        .filter_by_id((tenant.id, campaign.id))
        .with(Company)
        .one(&db)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the campaign".to_owned()))?;

    println!("tenant    {} ({})", tenant.name, tenant.id);
    println!("campaign  {} is {:?}", loaded.name, loaded.status);
    println!("company   {}", loaded.company.as_ref().map_or("none", |company| &company.name));
    db.close().await
}
