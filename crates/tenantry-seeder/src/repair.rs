//! Puts back sample rows that were changed or deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, sea_query::OnConflict};
use tenantry_entity::Engine;
use tenantry_migration::{
    Result,
    db::{begin_for_tenant, finish, listed_ids, quoted, quoted_table},
    runner::Contents,
    schema::{self, ColumnType, Schema},
};

use crate::{
    compare::{Comparison, Found, Row},
    loader::{explained, insertion},
    samples::{RowId, SampleTenant, TableInfo},
    seeder::Bound,
    set::DataSet,
    verify::{in_order, of_tenant, shared_samples},
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
    on: &Bound,
    set: &DataSet,
) -> Result<Mendings> {
    let mut mending = Mending::new(on)?;
    mending.shared_tables(tx, set).await?;
    for tenant in set.tenants() {
        mending.tenant(tx, &tenant).await?;
    }
    Ok(mending.mendings)
}

/// The same on an engine that lets a transaction write to one tenant, or to what is shared.
pub(crate) async fn by_tenant(
    db: &DatabaseConnection,
    on: &Bound,
    set: &DataSet,
) -> Result<Mendings> {
    let mut mending = Mending::new(on)?;
    mending.shared_tables(db, set).await?;
    for tenant in set.tenants() {
        let tx = begin_for_tenant(db, on.names().setting, tenant.id).await?;
        let mended = mending.tenant(&tx, &tenant).await;
        finish(tx, mended).await?;
    }
    Ok(mending.mendings)
}

struct Mending<'o> {
    on: &'o Bound,
    schema: Schema,
    mendings: Mendings,
}

impl<'o> Mending<'o> {
    fn new(on: &'o Bound) -> Result<Self> {
        Ok(Self { on, schema: on.seeder.project.schema()?, mendings: Mendings::new() })
    }

    async fn shared_tables<C: ConnectionTrait>(&mut self, db: &C, set: &DataSet) -> Result<()> {
        let shared = set.tables().iter().enumerate();
        for (at, info) in shared.filter(|(_, info)| info.tenant_column().is_none()) {
            let (journal, table) = (&self.on.journal, self.schema.tables.get(info.name));
            let samples = shared_samples(journal, info, table, set, in_order(set, at));
            let rows = || Comparison::new(db, info, samples.clone(), in_order(set, at));
            self.table(db, info, rows).await?;
        }
        Ok(())
    }

    async fn tenant<C: ConnectionTrait>(&mut self, db: &C, tenant: &SampleTenant) -> Result<()> {
        let own = self.on.tables().iter().enumerate();
        for (at, info) in own.filter(|(_, info)| info.tenant_column().is_some()) {
            let (journal, table) = (&self.on.journal, self.schema.tables.get(info.name));
            let own = of_tenant(journal, info, table, tenant.key());
            let rows = || Comparison::new(db, info, own.clone(), tenant.in_order_of_ids(at));
            self.table(db, info, rows).await?;
        }
        Ok(())
    }

    async fn table<'c, C, I>(
        &mut self,
        db: &'c C,
        info: &'static TableInfo,
        compared: impl Fn() -> Comparison<'c, C, I>,
    ) -> Result<()>
    where
        C: ConnectionTrait,
        I: Iterator<Item = Row>,
    {
        let engine = self.on.engine;
        if let Some(known) = self.schema.tables.get(info.name) {
            let unique = unique_texts(known);
            if !unique.is_empty() {
                self.park(db, info, compared(), known, &unique).await?;
            }
        }
        let mut rows = compared();
        let mended = self.mendings.entry(info.name).or_default();
        let mut wrong = Vec::new();
        while let Some(found) = rows.next().await? {
            let row = match found {
                Found::Same(row, _) => {
                    mended.contents.add(engine, &row);
                    continue;
                }
                // It is not known what it should be.
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
            mended.contents.add(engine, &row);
            wrong.push(row);
            if wrong.len() == CHUNK {
                put(db, info, mem::take(&mut wrong)).await?;
            }
        }
        put(db, info, wrong).await
    }

    /// Gives changed rows their ids for what has to be unique of them, since they may have exchanged it.
    async fn park<C, I>(
        &self,
        db: &C,
        info: &'static TableInfo,
        mut rows: Comparison<'_, C, I>,
        table: &schema::Table,
        unique: &[&str],
    ) -> Result<()>
    where
        C: ConnectionTrait,
        I: Iterator<Item = Row>,
    {
        let mut changed = Vec::new();
        while let Some(found) = rows.next().await? {
            if let Found::Changed { made, .. } = found {
                changed.extend(info.id_of(&made));
            }
        }
        let engine = self.on.engine;
        let own: Vec<String> = info.id_columns().map(|(column, _)| quoted(column)).collect();
        let texts = own.iter().map(|column| match engine {
            Engine::Sqlite => format!("lower(hex({column}))"),
            _ => format!("{column}::text"),
        });
        let text = texts.collect::<Vec<_>>().join(" || ");
        let set: Vec<String> = unique.iter().map(|it| format!("{} = {text}", quoted(it))).collect();
        for ids in changed.chunks(CHUNK) {
            let sql = format!(
                // A row of a real tenant may have the same id.
                "UPDATE {} SET {} WHERE {} AND {}",
                quoted_table(&table.name),
                set.join(", "),
                listed(engine, &own, ids),
                self.on.journal.rows(table)
            );
            db.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// SQL that is true for the rows with these ids.
fn listed(engine: Engine, own: &[String], ids: &[RowId]) -> String {
    if let [column] = own {
        return format!("{column} IN ({})", listed_ids(engine, &ids.concat()));
    }
    let row = |id: &RowId| {
        let same = own.iter().zip(id);
        let same = same.map(|(column, id)| format!("{column} = {}", listed_ids(engine, &[*id])));
        same.collect::<Vec<_>>().join(" AND ")
    };
    format!("({})", ids.iter().map(row).collect::<Vec<_>>().join(" OR "))
}

/// The text columns of a table that have to be unique, but for those that say whose a row is or what it refers to.
fn unique_texts(table: &schema::Table) -> Vec<&str> {
    let is_unique = |name: &str| {
        let mut uniques = table.indexes.iter().filter(|index| index.unique);
        uniques.any(|index| index.parts.iter().any(|part| part.expr == name))
    };
    let is_text = |ty: &ColumnType| matches!(ty, ColumnType::Text | ColumnType::Varchar(_));
    let keys = table.foreign_keys.iter().map(|key| &key.columns);
    let keys = keys.chain(table.primary_key.iter().map(|key| &key.columns)).flatten();
    let keys: BTreeSet<&str> = keys.map(String::as_str).collect();
    let texts = table.columns.iter().filter(|column| {
        is_text(&column.ty) && is_unique(&column.name) && !keys.contains(column.name.as_str())
    });
    texts.map(|column| column.name.as_str()).collect()
}

/// Inserts rows, and updates those that are there.
async fn put<C: ConnectionTrait>(db: &C, info: &TableInfo, rows: Vec<Row>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let others = info.columns.iter().copied().filter(|column| !info.key.contains(column));
    let others: Vec<&str> = others.collect();
    let mut on_conflict = OnConflict::columns(info.key.iter().copied());
    if others.is_empty() {
        on_conflict.do_nothing();
    } else {
        on_conflict.update_columns(others);
    }
    let insert = insertion(info, rows).on_conflict(on_conflict).take();
    db.execute(&insert).await.map_err(|error| explained(error, info.name))?;
    Ok(())
}
