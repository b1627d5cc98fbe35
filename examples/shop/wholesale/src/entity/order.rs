//! Orders of customers.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub organization_id: i64,
    pub customer_id: i64,
    #[sea_orm(default_value = "open")]
    pub state: State,
    /// When it was last changed: a trigger says so.
    pub changed_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "organization_id", to = "id", on_delete = "Cascade")]
    pub organization: HasOne<super::organization::Entity>,
    #[sea_orm(
        belongs_to,
        relation_enum = "Customer",
        from = "(customer_id, organization_id)",
        to = "(id, organization_id)"
    )]
    pub customer: HasOne<super::customer::Entity>,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "order_state")]
pub enum State {
    #[sea_orm(string_value = "open")]
    Open,
    #[sea_orm(string_value = "paid")]
    Paid,
    #[sea_orm(string_value = "sent")]
    Sent,
}

impl ActiveModelBehavior for ActiveModel {}

tenantry_entity::tenant_scoped!(OrganizationId);
