//! Rows that are not the seeder's and belong to sample rows.

use sea_orm::ConnectionTrait;
use tenantry_entity::sample_id::SampleId;
use tenantry_migration::{
    Result,
    db::{count_rows, listed_ids, quoted, quoted_table},
    refusal::Refusal,
    runner::{Dependent, dependents},
    schema::tenancy,
};

use crate::seeder::Bound;

/// Refuses where rows that the seeder did not make belong to sample rows: to any, or to those of these
/// tenants. `goes_on` if some are gone already.
pub(super) async fn check_dependents<C: ConnectionTrait>(
    db: &C,
    on: &Bound,
    tenants: Option<&[SampleId]>,
    goes_on: bool,
) -> Result<()> {
    let hanging = referring(db, on, tenants).await?;
    if hanging.is_empty() {
        return Ok(());
    }
    Err(Refusal::plain("real-rows-attached", format!(
        "refused, because rows that the seeder did not make belong to sample rows, in {}: move or \
         delete them first; nothing {}was changed",
        hanging.join(", "),
        if goes_on { "else " } else { "" }
    ))
    .into())
}

/// The tables with rows that the seeder did not make and that refer to sample rows.
async fn referring<C: ConnectionTrait>(
    db: &C,
    on: &Bound,
    tenants: Option<&[SampleId]>,
) -> Result<Vec<String>> {
    let schema = on.seeder.project.schema()?;
    let ours: Vec<String> = schema.tables.keys().cloned().collect();
    let mut tables = Vec::new();
    let mut conditions = Vec::new();
    let mut heirs = Vec::new();
    // Every key that there is, also those that were made by hand, in this schema or another;
    // and those that the engine does not take.
    let left_out = schema.left_out(on.engine).foreign_keys.into_iter();
    let left_out = left_out.map(|(table, key)| Dependent::foreign_key(&table, &key));
    for dependent in dependents(db, on.engine, &ours).await?.into_iter().chain(left_out) {
        let Dependent::ForeignKey { table, sql_name, columns, target, ref_columns, .. } = dependent
        else {
            // What is in a table that inherits would be deleted through ours.
            if let Dependent::Heir { table, .. } = dependent {
                heirs.push(table);
            }
            continue;
        };
        let Some(parent) = schema.tables.get(&target) else { continue };
        let real = match schema.tables.get(&table) {
            Some(own) => format!("({}) IS NOT TRUE", on.journal.rows(own)),
            // In a table that is not ours, no row is the seeder's.
            None => "true".to_owned(),
        };
        let joined: Vec<String> = columns
            .iter()
            .zip(&ref_columns)
            .map(|(from, to)| format!("p.{} = c.{}", quoted(to), quoted(from)))
            .collect();
        let mut only = String::new();
        if let Some(tenants) = tenants {
            // What has no owner goes with no tenant.
            let Some(owner) = tenancy::column_of(&on.names(), parent) else { continue };
            let listed = listed_ids(on.engine, tenants);
            // By the referring row where it names the tenant, too, as ours do, since that has an index.
            only = match columns.iter().zip(&ref_columns).find(|(_, to)| *to == owner) {
                Some((from, _)) => format!("c.{} IN ({listed}) AND ", quoted(from)),
                None => format!("p.{} IN ({listed}) AND ", quoted(owner)),
            };
        }
        let condition = format!(
            "{real} AND EXISTS (SELECT 1 FROM {} p WHERE {only}{} AND {})",
            quoted_table(&target),
            joined.join(" AND "),
            on.journal.rows(parent)
        );
        tables.push(table);
        conditions.push((format!("{sql_name} c"), condition));
    }
    let counts = count_rows(db, on.engine, &conditions).await?;
    let hanging = tables.into_iter().zip(counts).filter(|(_, rows)| *rows > 0);
    let mut hanging: Vec<String> = hanging.map(|(table, _)| table).chain(heirs).collect();
    hanging.sort();
    hanging.dedup();
    Ok(hanging)
}
