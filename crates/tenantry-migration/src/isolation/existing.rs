//! Two tenants that exist, and a row of each table that they have.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use tenantry_entity::tenancy::TENANT_ID;
use uuid::Uuid;

use super::rows::Rows;
use crate::{
    db::{Database, listed, quoted},
    schema::{ColumnType, Schema, Table, tenancy},
};

/// How many tenants are looked at. The newest ones, which have the fewest rows mostly.
const CANDIDATES: u32 = 16;

/// The two with rows in the most tables; `None` if there are fewer than two tenants.
pub(super) async fn two_tenants(
    db: &Database,
    schema: &Schema,
) -> Result<Option<[Rows; 2]>, DbErr> {
    let backend = db.engine.backend();
    let sql =
        format!("SELECT id FROM {} ORDER BY id DESC LIMIT {CANDIDATES}", quoted(tenancy::ROOT));
    let rows = db.connection.query_all_raw(Statement::from_string(backend, sql)).await?;
    let ids: Vec<Uuid> =
        rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, DbErr>>()?;
    if ids.len() < 2 {
        return Ok(None);
    }
    let scoped: Vec<&Table> =
        schema.tables.values().filter(|table| tenancy::is_tenant_scoped(table)).collect();
    let mut furnished: BTreeMap<Uuid, u32> = ids.iter().map(|id| (*id, 0)).collect();
    for table in &scoped {
        let sql = format!(
            "SELECT DISTINCT {TENANT_ID} FROM {} WHERE {TENANT_ID} IN ({})",
            quoted(&table.name),
            listed(db.engine, &ids)
        );
        for row in db.connection.query_all_raw(Statement::from_string(backend, sql)).await? {
            *furnished.entry(row.try_get("", TENANT_ID)?).or_default() += 1;
        }
    }
    let mut ids = ids;
    ids.sort_by_key(|id| std::cmp::Reverse((furnished[id], *id)));
    let mut found = Vec::with_capacity(2);
    for id in ids.into_iter().take(2) {
        let mut values =
            BTreeMap::from([((tenancy::ROOT.to_owned(), "id".to_owned()), as_sql(id))]);
        for table in &scoped {
            values.extend(ids_of_a_row(db, table, id).await?);
        }
        found.push(Rows::existing(schema, values));
    }
    Ok(found.try_into().ok())
}

/// The ids in one row of the tenant: its own, and those that it refers to.
async fn ids_of_a_row(
    db: &Database,
    table: &Table,
    tenant: Uuid,
) -> Result<Vec<((String, String), String)>, DbErr> {
    let ids: Vec<&String> = table
        .columns
        .iter()
        .filter(|column| column.ty == ColumnType::Uuid)
        .map(|column| &column.name)
        .collect();
    let columns: Vec<String> = ids.iter().map(|name| quoted(name)).collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {TENANT_ID} = '{tenant}' LIMIT 1",
        columns.join(", "),
        quoted(&table.name)
    );
    let row = db.connection.query_one_raw(Statement::from_string(db.engine.backend(), sql)).await?;
    let mut found = Vec::new();
    for name in ids {
        let value: Option<Uuid> =
            row.as_ref().map(|row| row.try_get("", name)).transpose()?.flatten();
        if let Some(value) = value {
            found.push(((table.name.clone(), name.clone()), as_sql(value)));
        }
    }
    Ok(found)
}

fn as_sql(id: Uuid) -> String {
    format!("'{id}'::uuid")
}
