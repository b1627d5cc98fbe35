//! What an organization sells.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "products")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique_key = "organization_number")]
    pub organization_id: i64,
    #[sea_orm(unique_key = "organization_number", extra = "COLLATE \"C\"")]
    pub number: String,
    #[sea_orm(column_type = "Decimal(Some((12, 2)))", extra = "CHECK (price >= 0)")]
    pub price: Decimal,
    #[sea_orm(belongs_to, from = "organization_id", to = "id", on_delete = "Cascade")]
    pub organization: HasOne<super::organization::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

tenantry_entity::tenant_scoped!(OrganizationId);
