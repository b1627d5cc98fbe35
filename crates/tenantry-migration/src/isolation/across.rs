//! What can be asked of an engine that keeps tenants apart by itself, where two tenants cannot be
//! made up and taken back: whether one sees rows of another that are there.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::{
    AttackResult, Line, Matrix,
    attack::{Attempt, CATALOGUE},
    stage::{Owner, filled},
};
use crate::{
    db::{Database, begin_for_tenant, literal},
    error::{Result, explain},
    schema::{Schema, tenancy},
    sql::quoted_table,
};

/// The attack that needs no rows of its own.
const READ_ANY: &str = "read-any";

/// Works for each of two tenants that are there, and looks for rows that are not theirs. `None` if
/// there are fewer than two.
///
/// # Errors
///
/// If the tenants cannot be read.
pub async fn look_across(db: &Database, schema: &Schema) -> Result<Option<Matrix>> {
    let backend = db.engine.backend();
    let names = db.project.names();
    let sql = format!(
        "SELECT id FROM {} WHERE deleted IS NULL ORDER BY id LIMIT 2",
        quoted_table(names.root)
    );
    let rows = db.connection.query_all_raw(Statement::from_string(backend, sql)).await?;
    let tenants: std::result::Result<Vec<Uuid>, _> =
        rows.iter().map(|row| row.try_get("", "id")).collect();
    let (tenants, attack) = (tenants?, CATALOGUE.iter().find(|attack| attack.code == READ_ANY));
    let Some((attack, Attempt::Sql(template))) = attack.map(|attack| (attack, attack.attempt))
    else {
        return Ok(None);
    };
    let [_, _] = tenants[..] else { return Ok(None) };
    let mut outcomes: BTreeMap<String, AttackResult> = BTreeMap::new();
    for tenant in tenants {
        for table in schema.tables.values().filter(|table| tenancy::is_tenant_scoped(&names, table))
        {
            let a = literal(&tenant.to_string());
            let owner = Owner { column: names.column, a: &a, b: "NULL", may_be_null: false };
            let sql = filled(template, table, Some(owner));
            let read = async {
                let tx = begin_for_tenant(&db.connection, names.setting, tenant).await?;
                let found = tx.query_one_raw(Statement::from_string(backend, sql)).await;
                // Nothing was changed, so there is nothing to keep.
                let _ = tx.rollback().await;
                found
            };
            let outcome = match read.await {
                Ok(None) => AttackResult::NoRow,
                Ok(Some(_)) => AttackResult::Through,
                Err(error) => AttackResult::Unknown(explain(&error)),
            };
            let known = outcomes.entry(table.name.clone()).or_insert(AttackResult::NoRow);
            if *known == AttackResult::NoRow {
                *known = outcome;
            }
        }
    }
    let line = Line { attack: attack.code, expected: attack.expect, tables: outcomes };
    Ok(Some(Matrix::of(vec![line], BTreeMap::new())))
}
