//! Who buys from an organization.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    // The second unique is what orders refer to, so that they name a customer of their own organization.
    #[sea_orm(primary_key, unique_key = "organization_customer")]
    pub id: i64,
    #[sea_orm(unique_key = "organization_customer")]
    pub organization_id: i64,
    #[sea_orm(indexed)]
    pub name: String,
    #[sea_orm(belongs_to, from = "organization_id", to = "id", on_delete = "Cascade")]
    pub organization: HasOne<super::organization::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

tenantry_entity::tenant_scoped!(OrganizationId);
