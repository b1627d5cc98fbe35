//! Where rows go.

use std::collections::BTreeMap;

use entity::{Engine, Table, prelude::*};
use migration::{Result, runner::Contents};
use sea_orm::{ActiveModelTrait, ActiveValue, Iterable, Value};

use crate::{factory, set::DataSet, tenant::Tenant};

/// Takes the rows of a table.
pub(crate) trait Sink {
    /// Takes rows; returns how many were inserted. What is in them is added to `contents`.
    async fn take<E>(
        &mut self,
        rows: impl Iterator<Item = E::ActiveModel> + Send,
        contents: &mut Contents,
    ) -> Result<u64>
    where
        E: Table,
        E::ActiveModel: Send;
}

/// What became of the rows of each table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(pub BTreeMap<&'static str, (u64, Contents)>);

impl Tally {
    /// Adds what became of others.
    pub(super) fn extend(&mut self, other: &Self) {
        for (table, (inserted, contents)) in &other.0 {
            let sum = self.0.entry(table).or_default();
            sum.0 += inserted;
            sum.1.extend(*contents);
        }
    }

    async fn add<E>(
        &mut self,
        sink: &mut impl Sink,
        rows: impl Iterator<Item = E::ActiveModel> + Send,
    ) -> Result<()>
    where
        E: Table,
        E::ActiveModel: Send,
    {
        let (inserted, contents) = self.0.entry(E::default().table_name()).or_default();
        *inserted += sink.take::<E>(rows, contents).await?;
        Ok(())
    }
}

/// The users who signed up for these tenants.
pub(super) async fn users(sink: &mut impl Sink, tenants: &[Tenant]) -> Result<Tally> {
    let mut tally = Tally::default();
    let rows = tenants
        .iter()
        .flat_map(|tenant| (0..tenant.counts.users).map(move |n| factory::user::row(tenant, n)));
    tally.add::<User>(sink, rows).await?;
    Ok(tally)
}

/// The tenants themselves.
pub(super) async fn roots(sink: &mut impl Sink, tenants: &[Tenant]) -> Result<Tally> {
    let mut tally = Tally::default();
    tally.add::<entity::prelude::Tenant>(sink, tenants.iter().map(factory::tenant::row)).await?;
    Ok(tally)
}

/// Everything that belongs to them, parents first.
pub(super) async fn scoped(sink: &mut impl Sink, tenants: &[Tenant]) -> Result<Tally> {
    let mut tally = Tally::default();
    macro_rules! tables {
        ($($entity:ident, $factory:ident, $count:ident;)*) => {$(
            let rows = tenants.iter().flat_map(|tenant| {
                (0..tenant.counts.$count).map(move |n| factory::$factory::row(tenant, n))
            });
            tally.add::<$entity>(sink, rows).await?;
        )*};
    }
    factory::for_each_scoped!(tables);
    Ok(tally)
}

/// The tenants themselves, and everything that belongs to them.
pub(super) async fn whole(sink: &mut impl Sink, tenants: &[Tenant]) -> Result<Tally> {
    let mut tally = roots(sink, tenants).await?;
    tally.extend(&scoped(sink, tenants).await?);
    Ok(tally)
}

/// All rows of a data set, table by table.
pub(crate) async fn everything(sink: &mut impl Sink, set: &DataSet) -> Result<Tally> {
    let tenants: Vec<Tenant> = set.tenants().collect();
    let mut tally = roots(sink, &tenants).await?;
    tally.extend(&users(sink, &tenants).await?);
    tally.extend(&scoped(sink, &tenants).await?);
    Ok(tally)
}

/// The values of a row in the order of the entity's columns.
pub(crate) fn values<A: ActiveModelTrait>(mut row: A) -> Vec<Value> {
    <A::Entity as EntityTrait>::Column::iter()
        .map(|column| match row.take(column) {
            ActiveValue::Set(value) | ActiveValue::Unchanged(value) => value,
            // Factories set everything.
            ActiveValue::NotSet => Value::Bool(None),
        })
        .collect()
}

/// Takes rows nowhere: what is in them is to be known, and they are there.
pub(super) struct Nowhere(pub Engine);

impl Sink for Nowhere {
    async fn take<E>(
        &mut self,
        rows: impl Iterator<Item = E::ActiveModel> + Send,
        contents: &mut Contents,
    ) -> Result<u64>
    where
        E: Table,
        E::ActiveModel: Send,
    {
        for row in rows {
            contents.add(self.0, &values(row));
        }
        Ok(0)
    }
}
