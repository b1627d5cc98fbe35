//! Multi-row INSERTs through SeaORM: right for thousands of rows, on every engine.

use entity::prelude::*;
use sea_orm::{ConnectionTrait, DbErr, Iterable, PrimaryKeyToColumn, sea_query::OnConflict};

use crate::{
    Report, TableReport, factory,
    plan::{TenantPlan, users},
};

/// Rows a statement. The widest table has 15 columns, and SQLite takes 32,766 values a statement.
const CHUNK: usize = 500;

/// Inserts every row that is not there yet, parents first.
pub(crate) async fn insert<C: ConnectionTrait>(
    db: &C,
    tenants: &[TenantPlan],
) -> Result<Report, DbErr> {
    let each = |count: u32| 0..count;
    let users: Vec<user::ActiveModel> = each(users(tenants)).map(factory::user::row).collect();
    /// The rows of one table for all tenants: `count` of the plan, each made by `row`.
    macro_rules! rows {
        ($factory:ident, $count:ident) => {
            tenants
                .iter()
                .flat_map(|plan| {
                    each(plan.counts.$count).map(move |n| factory::$factory::row(plan, n))
                })
                .collect::<Vec<_>>()
        };
    }
    let tables = vec![
        table::<Tenant, C>(db, tenants.iter().map(factory::tenant::row).collect()).await?,
        table::<User, C>(db, users).await?,
        table::<TeamMember, C>(db, rows!(team_member, team_members)).await?,
        table::<Company, C>(db, rows!(company, companies)).await?,
        table::<Payment, C>(db, rows!(payment, payments)).await?,
        table::<Domain, C>(db, rows!(domain, domains)).await?,
        table::<CompanySettings, C>(db, rows!(company_settings, companies)).await?,
        table::<EmailAccount, C>(db, rows!(email_account, email_accounts)).await?,
        table::<Lead, C>(db, rows!(lead, leads)).await?,
        table::<Campaign, C>(db, rows!(campaign, campaigns)).await?,
        table::<Template, C>(db, rows!(template, templates)).await?,
        table::<InboxMessage, C>(db, rows!(inbox_message, inbox_messages)).await?,
        table::<EmailService, C>(db, rows!(email_service, email_services)).await?,
    ];
    Ok(Report { tables })
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
