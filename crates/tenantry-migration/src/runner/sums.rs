//! Sums over what is in sample rows, by which it is known whether they were edited.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use tenantry_entity::{
    Engine,
    sample_id::{IdKind, SampleId},
};

use super::{
    samples::Samples,
    stored::{Contents, of_text, text_sql},
};
use crate::{
    db::{listed_ids, quoted, read_id_or_null},
    error::Result,
    schema::{Column, Table, names, tenancy},
    sql::quoted_table,
};

/// What is in the sample rows of one table, or of one tenant in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// What is in the columns that it is over.
    pub contents: Contents,
    /// How many rows have anything but the default in a column that it is not over.
    pub beside: i64,
}

/// Rows a time, where rows are fetched.
const PAGE: usize = 2_000;

/// On Nile, a transaction may not look at all tenants and write to the journal beside.
pub(super) fn can_tell(engine: Engine) -> bool {
    engine.capability().writes_across_tenants
}

impl Samples {
    /// Takes the sum over the sample rows of these tables.
    pub(super) async fn all_columns<C: ConnectionTrait>(
        &self,
        tx: &C,
        tables: &[&Table],
    ) -> Result<BTreeMap<String, (Vec<String>, Sum)>> {
        let all = |table: &Table| table.columns.iter().map(|it| it.name.clone()).collect();
        let asked: Vec<(&Table, Vec<String>)> =
            tables.iter().map(|table| (*table, all(table))).collect();
        let sums = self.sums(tx, &asked).await?;
        let samples = asked.into_iter().zip(sums);
        Ok(samples.map(|((table, columns), sum)| (table.name.clone(), (columns, sum))).collect())
    }

    /// Sums up the sample rows of each table, over these of its columns.
    pub(super) async fn sums<C: ConnectionTrait>(
        &self,
        tx: &C,
        asked: &[(&Table, Vec<String>)],
    ) -> Result<Vec<Sum>, DbErr> {
        let engine = self.engine;
        let mut sums = vec![Sum::default(); asked.len()];
        let has_samples = |table: &Table| can_tell(engine) && self.rows(table) != "false";
        let asked = asked.iter().enumerate().filter(|(_, (table, _))| has_samples(table));
        if engine == Engine::Sqlite {
            for (at, (table, columns)) in asked {
                let condition = self.rows(table);
                sums[at] = sum_here(tx, table, columns, &condition).await?;
            }
            return Ok(sums);
        }
        // PostgreSQL sums up by itself.
        let parts: Vec<String> = asked
            .map(|(at, (table, columns))| {
                format!(
                    "SELECT {at}::bigint AS at, {} FROM {} WHERE {}",
                    sum_sql(engine, table, columns),
                    quoted_table(&table.name),
                    self.rows(table)
                )
            })
            .collect();
        if parts.is_empty() {
            return Ok(sums);
        }
        let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
        for row in tx.query_all_raw(stmt).await? {
            let at: i64 = row.try_get("", "at")?;
            let Some(sum) = usize::try_from(at).ok().and_then(|at| sums.get_mut(at)) else {
                continue;
            };
            *sum = summed(&row)?;
        }
        Ok(sums)
    }

    /// What is in the sample rows of a table over these of its columns, tenant by tenant, of all tenants or of
    /// these; under `None` if the table belongs to no tenant. It is for an engine whose transactions write across
    /// tenants.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn sums_by_tenant<C: ConnectionTrait>(
        &self,
        tx: &C,
        table: &Table,
        columns: &[&str],
        tenants: Option<&[SampleId]>,
    ) -> Result<BTreeMap<Option<SampleId>, Sum>> {
        let engine = self.engine;
        let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        let column = tenancy::column_of(&self.tenancy, table).map(names::in_condition);
        let tenant = column.as_deref().unwrap_or("NULL");
        let mut samples = self.rows(table);
        if let Some(tenants) = tenants {
            samples = format!("{tenant} IN ({}) AND {samples}", listed_ids(engine, tenants));
        }
        if engine == Engine::Sqlite {
            let kind = self.codes.kind(self.tenancy.root);
            return Ok(sums_here(tx, table, &columns, &samples, tenant, kind).await?);
        }
        let kind = self.codes.kind(self.tenancy.root);
        let sql = format!(
            "SELECT {tenant}::{} AS tenant, {} FROM {} WHERE {samples} GROUP BY 1",
            self.tenancy.id.name(),
            sum_sql(engine, table, &columns),
            quoted_table(&table.name),
        );
        let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
        let sums = rows.iter().map(|row| Ok((tenant_of(row, kind)?, summed(row)?)));
        Ok(sums.collect::<Result<_, DbErr>>()?)
    }

    /// Sums up the rows of an SQLite table that are not the seeder's.
    pub(super) async fn real_rows<C: ConnectionTrait>(
        &self,
        tx: &C,
        table: &Table,
    ) -> Result<Sum, DbErr> {
        let columns: Vec<String> = table.columns.iter().map(|it| it.name.clone()).collect();
        let condition = format!("({}) IS NOT TRUE", self.rows(table));
        sum_here(tx, table, &columns, &condition).await
    }
}

/// The parts of a sum that PostgreSQL takes; see [`summed`].
fn sum_sql(engine: Engine, table: &Table, columns: &[String]) -> String {
    // The first 15 hexadecimal digits, so that each is a positive number.
    let content =
        format!("('x0' || left(md5({}), 15))::bit(64)::bigint", text_sql(engine, table, columns));
    format!(
        "count(*) AS rows, (coalesce(sum({content}), 0) % 18446744073709551616)::text AS content, \
         count(*) FILTER (WHERE {}) AS beside",
        beside(engine, table, columns)
    )
}

/// What [`sum_sql`] came to.
fn summed(row: &QueryResult) -> Result<Sum, DbErr> {
    let content: String = row.try_get("", "content")?;
    let contents =
        Contents { rows: row.try_get("", "rows")?, sum: content.parse().unwrap_or_default() };
    Ok(Sum { contents, beside: row.try_get("", "beside")? })
}

async fn sum_here<C: ConnectionTrait>(
    tx: &C,
    table: &Table,
    columns: &[String],
    condition: &str,
) -> Result<Sum, DbErr> {
    let mut sums = sums_here(tx, table, columns, condition, "NULL", None).await?;
    Ok(sums.remove(&None).unwrap_or_default())
}

/// SQLite has nothing to sum up with, so the rows come here, some at a time. `tenant` is SQL for the id of
/// a row's tenant.
async fn sums_here<C: ConnectionTrait>(
    tx: &C,
    table: &Table,
    columns: &[String],
    condition: &str,
    tenant: &str,
    kind: Option<IdKind>,
) -> Result<BTreeMap<Option<SampleId>, Sum>, DbErr> {
    let engine = Engine::Sqlite;
    let mut sums: BTreeMap<Option<SampleId>, Sum> = BTreeMap::new();
    let Some(number) = table.rowid() else {
        // All three names of the rowid are columns, so rows cannot be paged: count the table as edited.
        sums.insert(None, Sum { contents: Contents { rows: 1, sum: 0 }, beside: 1 });
        return Ok(sums);
    };
    let mut last = i64::MIN;
    loop {
        let sql = format!(
            "SELECT {number} AS row, {tenant} AS tenant, {} AS content, ({}) AS beside FROM {} \
             WHERE {number} > {last} AND {} ORDER BY {number} LIMIT {PAGE}",
            text_sql(engine, table, columns),
            beside(engine, table, columns),
            quoted_table(&table.name),
            condition
        );
        let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
        for row in &rows {
            last = row.try_get("", "row")?;
            let content: String = row.try_get("", "content")?;
            let sum = sums.entry(tenant_of(row, kind)?).or_default();
            sum.contents.extend(Contents { rows: 1, sum: of_text(&content) });
            sum.beside += i64::from(row.try_get::<bool>("", "beside")?);
        }
        if rows.len() < PAGE {
            return Ok(sums);
        }
    }
}

fn tenant_of(row: &QueryResult, kind: Option<IdKind>) -> Result<Option<SampleId>, DbErr> {
    read_id_or_null(row, "tenant", kind.unwrap_or(IdKind::Uuid))
}

/// A condition that is true for a row with anything but the default in a column that is none of these.
fn beside(engine: Engine, table: &Table, columns: &[String]) -> String {
    let differs = if engine == Engine::Sqlite { "IS NOT" } else { "IS DISTINCT FROM" };
    let is_other = |column: &&Column| column.generated.is_none() && !columns.contains(&column.name);
    let others = table.columns.iter().filter(is_other);
    let conditions: Vec<String> = others
        .map(|column| {
            let default = column.default.as_deref().unwrap_or("NULL");
            format!("{} {differs} ({default})", quoted(&column.name))
        })
        .collect();
    if conditions.is_empty() { "1 = 0".to_owned() } else { conditions.join(" OR ") }
}
