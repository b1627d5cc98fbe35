//! Multi-row INSERTs through SeaORM: right for thousands of rows, on every engine.

use entity::prelude::*;
use migration::db::begin_for_tenant;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, Iterable, PrimaryKeyToColumn, sea_query::OnConflict,
};

use crate::{
    Report, TableReport, factory,
    plan::{self, TenantPlan},
};

/// Rows a statement. The widest table has 15 columns, and SQLite takes 32,766 values a statement.
const CHUNK: usize = 500;

/// Inserts every row that is not there yet, parents first.
pub(crate) async fn insert<C: ConnectionTrait>(
    db: &C,
    tenants: &[TenantPlan],
) -> Result<Report, DbErr> {
    let rows = tenants.iter().map(factory::tenant::row).collect();
    let mut tables = vec![table::<Tenant, C>(db, rows).await?, users(db, tenants).await?];
    tables.extend(scoped(db, tenants).await?);
    Ok(Report { tables })
}

/// The same on an engine that lets a transaction write to one tenant or to what is shared, and whose
/// tenants come one by one, each before anything else in its transaction.
pub(crate) async fn insert_by_tenant(
    db: &DatabaseConnection,
    tenants: &[TenantPlan],
) -> Result<Report, DbErr> {
    let users = users(db, tenants).await?;
    let mut tables: Vec<TableReport> = Vec::new();
    for plan in tenants {
        let mut reports = vec![table::<Tenant, _>(db, vec![factory::tenant::row(plan)]).await?];
        let tx = begin_for_tenant(db, factory::tenant::id(plan)).await?;
        reports.extend(scoped(&tx, std::slice::from_ref(plan)).await?);
        tx.commit().await?;
        tracing::debug!(tenant = plan.name, "seeded");
        for report in reports {
            match tables.iter_mut().find(|sum| sum.table == report.table) {
                Some(sum) => {
                    sum.changed += report.changed;
                    sum.planned += report.planned;
                }
                None => tables.push(report),
            }
        }
    }
    // In foreign-key order, as everywhere.
    tables.insert(tables.len().min(1), users);
    Ok(Report { tables })
}

async fn users<C: ConnectionTrait>(db: &C, tenants: &[TenantPlan]) -> Result<TableReport, DbErr> {
    let rows = (0..plan::users(tenants)).map(factory::user::row).collect();
    table::<User, C>(db, rows).await
}

/// Inserts the rows of tenant-scoped tables.
async fn scoped<C: ConnectionTrait>(
    db: &C,
    tenants: &[TenantPlan],
) -> Result<Vec<TableReport>, DbErr> {
    let mut reports = Vec::new();
    /// For each table, the rows of all tenants: as many as the plan counts, each made by the factory.
    macro_rules! insert {
        ($($entity:ident, $factory:ident, $count:ident;)*) => {$(
            let rows = tenants.iter().flat_map(|plan| {
                (0..plan.counts.$count).map(move |n| factory::$factory::row(plan, n))
            });
            reports.push(table::<$entity, C>(db, rows.collect()).await?);
        )*};
    }
    factory::for_each_scoped!(insert);
    Ok(reports)
}

/// Inserts into one table. A row whose key is there already is left as it is.
async fn table<E, C>(db: &C, rows: Vec<E::ActiveModel>) -> Result<TableReport, DbErr>
where
    E: Table,
    E::ActiveModel: Send,
    C: ConnectionTrait,
{
    let mut report =
        TableReport { table: E::default().table_name(), changed: 0, planned: rows.len() as u64 };
    for chunk in rows.chunks(CHUNK) {
        let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
        report.changed += E::insert_many(chunk.iter().cloned())
            .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
            .exec_without_returning(db)
            .await?;
    }
    tracing::debug!(table = report.table, rows = report.changed, "inserted");
    Ok(report)
}
