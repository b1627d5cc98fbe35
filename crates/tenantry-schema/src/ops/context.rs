//! What the runner tells the operations, which see a `SchemaManager` only: to that, every engine
//! that speaks PostgreSQL's protocol looks alike, and no role has a name.

use std::future::Future;

use tenantry_entity::{Engine, Tenancy, tenancy::TENANCY};

/// What operations need to know beside their connection.
#[derive(Clone, Debug)]
pub struct Context {
    /// The engine that is worked on.
    pub engine: Engine,
    /// The role that applications work as.
    pub application_role: ApplicationRole,
    /// How tenants are told apart.
    pub tenancy: Tenancy,
}

/// The role that applications work as, and whether there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRole {
    /// Its name.
    pub name: String,
    /// Whether it exists, so that it can be granted something.
    pub exists: bool,
}

tokio::task_local! {
    static CONTEXT: Context;
}

impl Context {
    /// What is assumed where nothing is known: an usual names of tenancy.
    #[must_use]
    pub fn usual(engine: Engine) -> Self {
        let name = TENANCY.application_role.to_owned();
        Self { engine, application_role: ApplicationRole { name, exists: true }, tenancy: TENANCY }
    }

    /// Does `work`, whose operations then know this.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> T {
        CONTEXT.scope(self, work).await
    }

    /// What the runner has said; `None` outside of it.
    pub fn current() -> Option<Self> {
        CONTEXT.try_with(Clone::clone).ok()
    }
}
