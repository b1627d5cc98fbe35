//! A small service over the entities, in which each request works for one tenant.
//!
//! ```sh
//! cargo run --example tenant_api
//! curl -s localhost:3000/tenants -H 'content-type: application/json' \
//!   -d '{"name": "Acme", "owner": {"email": "ada@example.com", "name": "Ada"}}'
//! curl -s localhost:3000/leads -H 'x-tenant-id: …' -H 'content-type: application/json' \
//!   -d '{"email": "grace@example.org"}'
//! curl -s localhost:3000/leads -H 'x-tenant-id: …'
//! ```
//!
//! It takes `DATABASE_URL`, `TENANTRY_APP_ROLE` and `TENANTRY_ENGINE` as the other commands do;
//! without a database, the SQLite file `tenantry.db` in the current folder. `PORT` is 3000 unless
//! something else is said.

mod app;

use std::{env, error::Error};

use entity::TenantScope;
use migration::{Migrator, MigratorTrait as _, PROJECT, config};
use sea_orm::{ConnectOptions, Database};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::disallowed_methods, reason = "an application connects as SeaORM's users do")]
#[allow(clippy::print_stderr, reason = "an example says where it listens")]
async fn main() -> Result<(), Box<dyn Error>> {
    config::load_dotenv()?;
    let url = env::var("DATABASE_URL").unwrap_or_else(|_| "sqlite://tenantry.db?mode=rwc".into());
    let mut options = ConnectOptions::new(url);
    options.max_connections(10);
    let db = Database::connect(options).await?;
    Migrator::up(&db, None).await?;

    let mut scopes = TenantScope::options().role(config::application_role(&PROJECT)?);
    if let Some(engine) = config::engine()? {
        scopes = scopes.engine(engine);
    }
    let port = env::var("PORT").map_or(Ok(3000), |port| port.parse::<u16>())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app::router(db, scopes)).await?;
    Ok(())
}
