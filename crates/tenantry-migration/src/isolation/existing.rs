//! Two tenants that exist, and a row of each table that they have.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use tenantry_entity::TenantId;

use super::rows::{Rows, as_sql};
use crate::{
    db::{Database, listed_tenants, quoted, read_tenant},
    schema::{Column, ColumnType, Schema, Table, tenancy},
    sql::quoted_table,
};

/// How many tenants are looked at. The newest ones, which have the fewest rows mostly.
const CANDIDATES: u32 = 16;

/// The two with rows in the most tables; `None` if there are fewer than two tenants.
pub(super) async fn two_tenants(
    db: &Database,
    schema: &Schema,
) -> Result<Option<[Rows; 2]>, DbErr> {
    let backend = db.engine.backend();
    let names = db.project.names();
    let (root, key) = (quoted_table(names.root), quoted(names.root_key));
    let sql = format!("SELECT {key} AS id FROM {root} ORDER BY {key} DESC LIMIT {CANDIDATES}");
    let rows = db.connection.query_all_raw(Statement::from_string(backend, sql)).await?;
    let ids: Result<Vec<_>, DbErr> =
        rows.iter().map(|row| read_tenant(row, "id", names.id)).collect();
    let mut ids: Vec<TenantId> = ids?.into_iter().flatten().collect();
    if ids.len() < 2 {
        return Ok(None);
    }
    let scoped: Vec<&Table> =
        schema.tables.values().filter(|table| tenancy::is_tenant_scoped(&names, table)).collect();
    let mut furnished: BTreeMap<TenantId, u32> = ids.iter().map(|id| (id.clone(), 0)).collect();
    let column = quoted(names.column);
    for table in &scoped {
        let sql = format!(
            "SELECT DISTINCT {column} AS id FROM {} WHERE {column} IN ({})",
            quoted_table(&table.name),
            listed_tenants(db.engine, &ids)
        );
        for row in db.connection.query_all_raw(Statement::from_string(backend, sql)).await? {
            if let Some(id) = read_tenant(&row, "id", names.id)? {
                *furnished.entry(id).or_default() += 1;
            }
        }
    }
    ids.sort_by_key(|id| std::cmp::Reverse((furnished[id], id.clone())));
    let mut found = Vec::with_capacity(2);
    for id in ids.into_iter().take(2) {
        let own = as_sql(&id.to_string(), names.id.name());
        let mut values =
            BTreeMap::from([((names.root.to_owned(), names.root_key.to_owned()), own.clone())]);
        for table in &scoped {
            values.extend(keys_of_a_row(db, table, &column, &own).await?);
        }
        found.push(Rows::existing(schema, &names, values));
    }
    Ok(found.try_into().ok())
}

/// The values by which one row of the tenant is known, and those by which it refers to others.
async fn keys_of_a_row(
    db: &Database,
    table: &Table,
    tenant: &str,
    own: &str,
) -> Result<Vec<((String, String), String)>, DbErr> {
    let is_key = |name: &String| {
        table.primary_key.iter().any(|key| key.columns.contains(name))
            || table.foreign_keys.iter().any(|key| key.columns.contains(name))
    };
    let keys: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| column.ty == ColumnType::Uuid || is_key(&column.name))
        .collect();
    let columns: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{}::text AS c{at}", quoted(&column.name)))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {tenant} = {own} LIMIT 1",
        columns.join(", "),
        quoted_table(&table.name)
    );
    let row = db.connection.query_one_raw(Statement::from_string(db.engine.backend(), sql)).await?;
    let mut found = Vec::new();
    for (at, column) in keys.into_iter().enumerate() {
        let value: Option<String> =
            row.as_ref().map(|row| row.try_get("", &format!("c{at}"))).transpose()?.flatten();
        if let Some(value) = value {
            let place = (table.name.clone(), column.name.clone());
            found.push((place, as_sql(&value, &column.ty.to_string())));
        }
    }
    Ok(found)
}
