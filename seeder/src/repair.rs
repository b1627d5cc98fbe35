//! Puts back sample rows that were changed or deleted.

use std::{collections::BTreeMap, mem};

use entity::prelude::*;
use migration::{
    Result,
    db::{begin_for_tenant, listed, quoted},
    runner::{Contents, sample_rows},
    schema::{self, ColumnType, Schema},
};
use sea_orm::{
    Condition, ConnectionTrait, DatabaseConnection, DatabaseTransaction, Iterable,
    PrimaryKeyToColumn, sea_query::OnConflict,
};

use crate::{
    compare::{Comparison, Found, id_of},
    factory,
    loader::{explained, values},
    set::DataSet,
    tenant::Tenant as Owner,
    verify::{roots, shared_samples, users},
};

/// Rows a statement.
const CHUNK: usize = 500;

/// What became of the rows of one table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mended {
    /// Rows that were not there.
    pub created: u64,
    /// Rows that had something else in them.
    pub updated: u64,
    /// What is in the rows now.
    pub contents: Contents,
}

/// What became of the rows of each table.
pub(crate) type Mendings = BTreeMap<&'static str, Mended>;

/// Puts everything back inside of a transaction.
pub(crate) async fn within(
    tx: &DatabaseTransaction,
    engine: Engine,
    set: &DataSet,
) -> Result<Mendings> {
    let mut mending = Mending::new(engine)?;
    mending.shared_tables(tx, set).await?;
    for tenant in set.tenants() {
        mending.tenant(tx, &tenant).await?;
    }
    Ok(mending.mendings)
}

/// The same on an engine that lets a transaction write to one tenant, or to what is shared.
pub(crate) async fn by_tenant(
    db: &DatabaseConnection,
    engine: Engine,
    set: &DataSet,
) -> Result<Mendings> {
    let mut mending = Mending::new(engine)?;
    mending.shared_tables(db, set).await?;
    for tenant in set.tenants() {
        let tx = begin_for_tenant(db, tenant.id).await?;
        let mended = mending.tenant(&tx, &tenant).await;
        migration::db::finish(tx, mended).await?;
    }
    Ok(mending.mendings)
}

struct Mending {
    engine: Engine,
    schema: Schema,
    mendings: Mendings,
}

impl Mending {
    fn new(engine: Engine) -> Result<Self> {
        Ok(Self { engine, schema: Schema::from_entities()?, mendings: Mendings::new() })
    }

    async fn shared_tables<C: ConnectionTrait>(&mut self, db: &C, set: &DataSet) -> Result<()> {
        let id = tenant::Column::Id;
        let samples = shared_samples::<Tenant>(self.engine, id, set, roots(set));
        let tenants = || Comparison::new(db, id, samples.clone(), roots(set));
        self.table::<Tenant, C, _>(db, id, tenants).await?;
        let id = user::Column::Id;
        let samples = shared_samples::<User>(self.engine, id, set, users(set));
        let users = || Comparison::new(db, id, samples.clone(), users(set));
        self.table::<User, C, _>(db, id, users).await
    }

    async fn tenant<C: ConnectionTrait>(&mut self, db: &C, tenant: &Owner) -> Result<()> {
        macro_rules! tables {
            ($($entity:ident, $factory:ident, $count:ident;)*) => {$(
                let own = Condition::all().add(<$entity as TenantScoped>::tenant_column().eq(tenant.id));
                let id = <$entity as TenantScoped>::id_column();
                let rows = || {
                    let made = (0..tenant.counts.$count).map(|n| factory::$factory::row(tenant, n));
                    Comparison::new(db, id, own.clone(), made)
                };
                self.table::<$entity, C, _>(db, id, rows).await?;
            )*};
        }
        factory::for_each_scoped!(tables);
        Ok(())
    }

    async fn table<'c, E, C, I>(
        &mut self,
        db: &'c C,
        id: E::Column,
        compared: impl Fn() -> Comparison<'c, C, E, I>,
    ) -> Result<()>
    where
        E: Table,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
        E::ActiveModel: Send,
        C: ConnectionTrait,
        I: Iterator<Item = E::ActiveModel>,
    {
        let table = E::default().table_name();
        if let Some(known) = self.schema.tables.get(table) {
            let unique = unique_texts(known);
            if !unique.is_empty() {
                self.park(db, id, compared(), known, &unique).await?;
            }
        }
        let mut rows = compared();
        let mended = self.mendings.entry(table).or_default();
        let mut wrong = Vec::new();
        while let Some(found) = rows.next().await? {
            let row = match found {
                Found::Same(row, _) => {
                    mended.contents.add(self.engine, &values(row));
                    continue;
                }
                // Nobody knows what it should be.
                Found::Unknown(_) => continue,
                Found::Missing(row, _) => {
                    mended.created += 1;
                    row
                }
                Found::Changed { made, .. } => {
                    mended.updated += 1;
                    made
                }
            };
            mended.contents.add(self.engine, &values(row.clone()));
            wrong.push(row);
            if wrong.len() == CHUNK {
                put::<E, C>(db, mem::take(&mut wrong)).await?;
            }
        }
        put::<E, C>(db, wrong).await
    }

    /// Gives changed rows their ids for what has to be unique of them, since they may have exchanged it.
    async fn park<E, C, I>(
        &self,
        db: &C,
        id: E::Column,
        mut rows: Comparison<'_, C, E, I>,
        table: &schema::Table,
        unique: &[&str],
    ) -> Result<()>
    where
        E: Table,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
        C: ConnectionTrait,
        I: Iterator<Item = E::ActiveModel>,
    {
        let mut changed = Vec::new();
        while let Some(found) = rows.next().await? {
            if let Found::Changed { made, .. } = found {
                changed.extend(id_of(&made, id));
            }
        }
        let own = if self.engine == Engine::Sqlite { "lower(hex(id))" } else { "id::text" };
        let set: Vec<String> = unique.iter().map(|it| format!("{} = {own}", quoted(it))).collect();
        for ids in changed.chunks(CHUNK) {
            let sql = format!(
                // A row of somebody's own tenant may have the same id.
                "UPDATE {} SET {} WHERE id IN ({}) AND {}",
                quoted(&table.name),
                set.join(", "),
                listed(self.engine, ids),
                sample_rows(self.engine, table)
            );
            db.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// The text columns of a table that have to be unique.
fn unique_texts(table: &schema::Table) -> Vec<&str> {
    let is_unique = |name: &str| {
        let mut uniques = table.indexes.iter().filter(|index| index.unique);
        uniques.any(|index| index.parts.iter().any(|part| part.expr == name))
    };
    let is_text = |ty: &ColumnType| matches!(ty, ColumnType::Text | ColumnType::Varchar(_));
    let texts = table.columns.iter().filter(|it| is_text(&it.ty) && is_unique(&it.name));
    texts.map(|column| column.name.as_str()).collect()
}

/// Inserts rows, and updates those that are there.
async fn put<E, C>(db: &C, rows: Vec<E::ActiveModel>) -> Result<()>
where
    E: Table,
    E::ActiveModel: Send,
    C: ConnectionTrait,
{
    if rows.is_empty() {
        return Ok(());
    }
    let key = || E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let in_key = |column: &E::Column| key().any(|it| it.as_str() == column.as_str());
    let others = E::Column::iter().filter(|column| !in_key(column));
    E::insert_many(rows)
        .on_conflict(OnConflict::columns(key()).update_columns(others).to_owned())
        .exec_without_returning(db)
        .await
        .map_err(|error| explained(error, E::default().table_name()))?;
    Ok(())
}
