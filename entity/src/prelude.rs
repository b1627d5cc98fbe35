//! What application code needs: the entity modules and SeaORM's traits.
//!
//! ```
//! use entity::prelude::*;
//! # async fn example(db: &DatabaseConnection, tenant: Uuid) -> Result<(), DbErr> {
//! let active: Vec<campaign::Model> = Campaign::find()
//!     .filter(campaign::COLUMN.tenant_id.eq(tenant))
//!     .filter(campaign::COLUMN.status.eq(campaign::Status::Active))
//!     .all(db)
//!     .await?;
//! # Ok(())
//! # }
//! ```

pub use sea_orm::{
    ActiveValue::{self, NotSet, Set, Unchanged},
    EntityLoaderTrait, IntoActiveModel, QueryOrder, TransactionTrait,
    entity::prelude::*,
};

pub use tenantry_entity::{Engine, SampleCode, Scope, Table, TenantScope, TenantScoped};

pub use crate::{
    campaign::{self, Entity as Campaign},
    company::{self, Entity as Company},
    company_settings::{self, Entity as CompanySettings},
    domain::{self, Entity as Domain},
    email_account::{self, Entity as EmailAccount},
    email_service::{self, Entity as EmailService},
    inbox_message::{self, Entity as InboxMessage},
    lead::{self, Entity as Lead},
    payment::{self, Entity as Payment},
    team_member::{self, Entity as TeamMember},
    template::{self, Entity as Template},
    tenant::{self, Entity as Tenant},
    user::{self, Entity as User},
};
