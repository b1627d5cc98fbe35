//! Queries that name the tenant: for the index that begins with it, and because on SQLite nothing
//! else keeps tenants apart.

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue, ColumnTrait as _, DbErr, DeleteMany,
    EntityTrait, InsertMany, IntoActiveModel, ModelTrait, QueryFilter as _, Select, UpdateMany,
    Value, sea_query::Expr,
};

use super::TenantScope;
use crate::tenancy::TenantScoped;

impl TenantScope {
    /// The tenant's rows.
    #[must_use]
    pub fn find<E: TenantScoped>(&self) -> Select<E> {
        E::find().filter(self.owns::<E>())
    }

    /// The tenant's row of that id.
    #[must_use]
    pub fn find_by_id<E: TenantScoped>(&self, id: impl Into<Value>) -> Select<E> {
        self.find::<E>().filter(E::id_column().eq(id.into()))
    }

    /// Updates rows of the tenant.
    #[must_use]
    pub fn update_many<E: TenantScoped>(&self) -> UpdateMany<E> {
        E::update_many().filter(self.owns::<E>())
    }

    /// Deletes rows of the tenant.
    #[must_use]
    pub fn delete_many<E: TenantScoped>(&self) -> DeleteMany<E> {
        E::delete_many().filter(self.owns::<E>())
    }

    /// Inserts a row of the tenant, filling in its tenant column.
    ///
    /// # Errors
    ///
    /// If the row is of another tenant, or the database refuses it.
    pub async fn insert<A>(&self, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        A::Entity: TenantScoped,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        self.own(row)?.insert(self).await
    }

    /// Inserts rows of the tenant, filling in its tenant column; to be given to `exec`.
    ///
    /// # Errors
    ///
    /// If a row is of another tenant.
    pub fn insert_many<A>(&self, rows: impl IntoIterator<Item = A>) -> Result<InsertMany<A>, DbErr>
    where
        A: ActiveModelTrait,
        A::Entity: TenantScoped,
    {
        let rows: Result<Vec<A>, DbErr> = rows.into_iter().map(|row| self.own(row)).collect();
        Ok(<A::Entity as EntityTrait>::insert_many(rows?))
    }

    /// Updates a row of the tenant.
    ///
    /// # Errors
    ///
    /// If the row is of another tenant, does not exist, or the database refuses the change.
    pub async fn update<A>(&self, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
    where
        A: ActiveModelTrait + ActiveModelBehavior + Send,
        A::Entity: TenantScoped,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        self.own(row)?.update(self).await
    }

    /// Deletes a row of the tenant; returns whether it was there.
    ///
    /// # Errors
    ///
    /// If the database refuses it, because other rows refer to the row, say.
    pub async fn delete_by_id<E: TenantScoped>(&self, id: impl Into<Value>) -> Result<bool, DbErr> {
        let deleted =
            self.delete_many::<E>().filter(E::id_column().eq(id.into())).exec(self).await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Whether a row that was read belongs to the tenant.
    pub fn is_owner_of<M>(&self, row: &M) -> bool
    where
        M: ModelTrait,
        M::Entity: TenantScoped,
    {
        row.get(M::Entity::tenant_column()) == self.value_for::<M::Entity>()
    }

    fn owns<E: TenantScoped>(&self) -> Expr {
        E::tenant_column().eq(self.value_for::<E>())
    }

    /// The tenant as a value of the tenant column.
    fn value_for<E: TenantScoped>(&self) -> Value {
        self.tenant().value(E::tenant_column().def().get_column_type())
    }

    /// The row with its tenant column.
    fn own<A>(&self, mut row: A) -> Result<A, DbErr>
    where
        A: ActiveModelTrait,
        A::Entity: TenantScoped,
    {
        let column = A::Entity::tenant_column();
        let tenant = self.value_for::<A::Entity>();
        match row.get(column) {
            ActiveValue::NotSet => row.set(column, tenant),
            ActiveValue::Set(value) | ActiveValue::Unchanged(value) if value == tenant => {}
            _ => {
                return Err(DbErr::Custom(
                    "the row is of another tenant than the scope".to_owned(),
                ));
            }
        }
        Ok(row)
    }
}
