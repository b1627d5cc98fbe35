//! How much of a data set is there, asked in as many questions as there are tables, for some tenants
//! at a time.

use std::collections::HashSet;

use sea_orm::{
    ConnectionTrait, DbErr, QueryResult, Value,
    sea_query::{Condition, Expr, ExprTrait as _, Query},
};
use tenantry_entity::sample_id::{IdKind, SampleId};
use tenantry_migration::{
    Result,
    db::{read_id, table_ref},
};

use crate::{
    samples::{RowId, SampleTenant, TableInfo},
    verify::has_id,
};

/// Tenants asked about at a time.
pub(crate) const PAGE: usize = 200;

/// What is there of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Presence {
    /// Whether the last row that it brings into each shared table is there.
    pub shared: bool,
    pub rest: Rest,
}

/// What is there of what belongs to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: it can be copied.
    Absent,
    /// Something, but not the last row of each table.
    Partial,
    /// The last row of each table.
    Whole,
}

/// Asks for the last row of each table, since a unit is committed whole.
pub(super) async fn presence<C: ConnectionTrait>(
    db: &C,
    tables: &'static [TableInfo],
    tenants: &[SampleTenant],
) -> Result<Vec<Presence>> {
    let has_roots = tables.iter().any(TableInfo::is_root);
    let rest = if has_roots { Rest::Absent } else { Rest::Whole };
    let mut presence = vec![Presence { shared: true, rest }; tenants.len()];
    let mut is_begun = vec![has_roots; tenants.len()];
    // The tenants themselves come first.
    for (at, info) in tables.iter().enumerate().filter(|(_, info)| info.is_root()) {
        let last = last_rows(at, info, tenants, |_| true);
        let found = there(db, info, &last).await?;
        for (tenant, key) in last {
            if found.contains(&key.1) {
                presence[tenant].rest = Rest::Whole;
            }
        }
    }
    for (at, info) in tables.iter().enumerate().filter(|(_, info)| !info.is_root()) {
        let asked = |tenant: usize| {
            info.is_shared() || presence[tenant].rest == Rest::Whole || !is_begun[tenant]
        };
        let last = last_rows(at, info, tenants, asked);
        let found = there(db, info, &last).await?;
        for (tenant, key) in last {
            if found.contains(&key.1) {
                is_begun[tenant] = true;
                continue;
            }
            if info.is_shared() {
                presence[tenant].shared = false;
            } else {
                presence[tenant].rest = Rest::Partial;
            }
        }
    }
    for (presence, is_begun) in presence.iter_mut().zip(is_begun) {
        if presence.rest == Rest::Partial && !is_begun {
            presence.rest = Rest::Absent;
        }
    }
    Ok(presence)
}

/// The place of a tenant, and the key of its last row in a table.
type LastRow = (usize, (SampleId, RowId));

fn last_rows(
    at: usize,
    info: &TableInfo,
    tenants: &[SampleTenant],
    asked: impl Fn(usize) -> bool,
) -> Vec<LastRow> {
    let asked = tenants.iter().enumerate().filter(|(place, _)| asked(*place));
    let last = asked.filter_map(|(place, tenant)| {
        let n = tenant.count(at).checked_sub(1)?;
        Some((place, (tenant.key(), info.id_of(&tenant.row(at, n))?)))
    });
    last.collect()
}

/// The ids of those of these rows that are there.
async fn there<C: ConnectionTrait>(
    db: &C,
    info: &TableInfo,
    rows: &[LastRow],
) -> Result<HashSet<RowId>> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let (columns, kinds): (Vec<&str>, Vec<IdKind>) = info.id_columns().unzip();
    let condition = match (info.tenant_column(), columns.as_slice()) {
        (None, [column]) => {
            let ids = rows.iter().flat_map(|(_, (_, id))| id).map(|id| Value::from(*id));
            Condition::all().add(Expr::col(*column).is_in(ids))
        }
        (tenant_column, _) => rows.iter().fold(Condition::any(), |any, (_, (tenant, id))| {
            let tenant = tenant_column.map(|it| Expr::col(it).eq(Value::from(*tenant)));
            any.add(Condition::all().add_option(tenant).add(has_id(&columns, id)))
        }),
    };
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(table_ref(info.name))
        .cond_where(condition)
        .take();
    let found = db.query_all(&select).await?;
    let id = |row: &QueryResult| {
        let parts = columns.iter().zip(&kinds);
        parts.map(|(column, kind)| read_id(row, column, *kind)).collect()
    };
    Ok(found.iter().map(id).collect::<std::result::Result<_, DbErr>>()?)
}
