//! Rows that are not the seeder's and belong to sample rows.

use entity::{Engine, tenancy::TENANT_ID};
use migration::{
    Result,
    db::{count_rows, quoted},
    refusal::Refusal,
    runner::{Dependent, dependents, sample_rows},
    schema::{Schema, tenancy::ROOT},
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Refuses where rows that the seeder did not make belong to sample rows: to any, or to those of these
/// tenants.
pub(crate) async fn check_hanging<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tenants: Option<&[Uuid]>,
) -> Result<()> {
    let hanging = hanging(db, engine, tenants).await?;
    if hanging.is_empty() {
        return Ok(());
    }
    Err(Refusal::plain(format!(
        "refused, because rows that the seeder did not make belong to sample rows, in {}: move or \
         delete them first; {} changed",
        hanging.join(", "),
        if tenants.is_some() { "no tenant that is still there was" } else { "nothing was" }
    ))
    .into())
}

/// The tables with rows that the seeder did not make and that refer to sample rows.
async fn hanging<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tenants: Option<&[Uuid]>,
) -> Result<Vec<String>> {
    let schema = Schema::from_entities()?;
    let ours: Vec<String> = schema.tables.keys().cloned().collect();
    let mut tables = Vec::new();
    let mut conditions = Vec::new();
    let mut heirs = Vec::new();
    // Every key that there is, also those that somebody made by hand, in this schema or another;
    // and those that the engine does not take.
    let left_out = schema.left_out(engine).foreign_keys.into_iter();
    let left_out = left_out.map(|(table, key)| Dependent::foreign_key(&table, &key));
    for dependent in dependents(db, engine, &ours).await?.into_iter().chain(left_out) {
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
            Some(own) => format!("({}) IS NOT TRUE", sample_rows(engine, own)),
            // In a table that is not ours, no row is the seeder's.
            None => "true".to_owned(),
        };
        let joined: Vec<String> = columns
            .iter()
            .zip(&ref_columns)
            .map(|(from, to)| format!("p.{} = c.{}", quoted(to), quoted(from)))
            .collect();
        // What refers to a tenant's row names the tenant, too.
        let owner = if target == ROOT { "id" } else { TENANT_ID };
        let owner = columns.iter().zip(&ref_columns).find(|(_, to)| *to == owner);
        let only = match (tenants, owner) {
            (None, _) => String::new(),
            (Some(tenants), Some((from, _))) => {
                format!("c.{} IN ({}) AND ", quoted(from), listed(engine, tenants))
            }
            // Of what belongs to no tenant, nothing goes with one.
            (Some(_), None) => continue,
        };
        let condition = format!(
            "{only}{real} AND EXISTS (SELECT 1 FROM {} p WHERE {} AND {})",
            quoted(&target),
            joined.join(" AND "),
            sample_rows(engine, parent)
        );
        tables.push(table);
        conditions.push((format!("{sql_name} c"), condition));
    }
    let counts = count_rows(db, engine, &conditions).await?;
    let hanging = tables.into_iter().zip(counts).filter(|(_, rows)| *rows > 0);
    let mut hanging: Vec<String> = hanging.map(|(table, _)| table).chain(heirs).collect();
    hanging.sort();
    hanging.dedup();
    Ok(hanging)
}

/// SQL for these ids, one after the other.
pub(crate) fn listed(engine: Engine, ids: &[Uuid]) -> String {
    let listed = ids.iter().map(|id| match engine {
        Engine::Sqlite => format!("X'{}'", id.simple()),
        _ => format!("'{id}'"),
    });
    listed.collect::<Vec<_>>().join(", ")
}
