//! Whether sample rows are still as the seeder made them.
//!
//! An id tells a sample row from a real one, but not whether somebody has worked with it since. So
//! the seeder notes in the journal which data set it inserts and, for each table, how many rows there
//! are of it and a sum over what is in them, which it knows without reading them; and before anything
//! is dropped, the database takes the sum. It is over the columns
//! that there were at seeding; in a column that came later, anything but the default counts as
//! somebody's.

use std::{collections::BTreeMap, fmt::Write as _};

use entity::{Engine, tenancy::TENANT_ID};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, prelude::Uuid};

use super::{
    bookkeeping::{self, identity},
    journal::{self, Event, Note},
    permit::Destructive,
    sample_rows::sample_rows,
    stored::{Contents, of_text, text_sql},
};
use crate::{
    Migrator,
    config::PRODUCTION,
    db::{listed, quoted},
    error::Result,
    fingerprint::sha256,
    refusal::{Loss, Refusal},
    schema::{Table, tenancy::ROOT},
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

/// Takes the sum over the sample rows of these tables.
async fn samples<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    tables: &[&Table],
) -> Result<BTreeMap<String, (Vec<String>, Sum)>> {
    let all = |table: &Table| table.columns.iter().map(|it| it.name.clone()).collect();
    let asked: Vec<(&Table, Vec<String>)> =
        tables.iter().map(|table| (*table, all(table))).collect();
    let sums = sums(tx, engine, &asked).await?;
    let samples = asked.into_iter().zip(sums);
    Ok(samples.map(|((table, columns), sum)| (table.name.clone(), (columns, sum))).collect())
}

/// What the journal says of the sample rows of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeding {
    /// Which rows, in the seeder's words.
    pub spec: String,
    /// How far they have come.
    pub stage: Stage,
}

/// How far sample rows have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Inserting them has begun.
    Begun,
    /// All of them are there.
    Done,
    /// Removing them has begun.
    Leaving,
}

impl Stage {
    fn text(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Leaving => "leaving",
        }
    }
}

/// The name under which the journal says which rows there are.
const DATA_SET: &str = "data set";

/// Which sample rows there are; `None` if there are none, or nobody has noted it.
///
/// # Errors
///
/// If a query fails.
pub async fn seeding<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<Option<Seeding>> {
    let entries = read(db, engine, &Migrator::bookkeeping()).await?;
    Ok(seeding_in(&entries))
}

fn seeding_in(entries: &[journal::Entry]) -> Option<Seeding> {
    let is_it = |it: &&journal::Entry| it.event == Some(Event::Seeded) && it.name == DATA_SET;
    let newest = entries.iter().rev().find(is_it)?;
    let is_noted = |stage: &Stage| newest.fingerprint.as_deref() == Some(stage.text());
    let stage = [Stage::Done, Stage::Leaving].into_iter().find(is_noted).unwrap_or(Stage::Begun);
    newest.reason.clone().map(|spec| Seeding { spec, stage })
}

/// Notes that these rows are about to be inserted, unless that is noted.
///
/// # Errors
///
/// If a query fails.
pub async fn note_seeding<C: ConnectionTrait>(tx: &C, engine: Engine, spec: &str) -> Result<()> {
    note_stage(tx, engine, spec, Stage::Begun).await
}

/// Notes that these rows are about to be removed, unless that is noted.
///
/// # Errors
///
/// If a query fails.
pub async fn note_cleaning<C: ConnectionTrait>(tx: &C, engine: Engine, spec: &str) -> Result<()> {
    note_stage(tx, engine, spec, Stage::Leaving).await
}

async fn note_stage<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    spec: &str,
    stage: Stage,
) -> Result<()> {
    let entries = read(tx, engine, &Migrator::bookkeeping()).await?;
    if seeding_in(&entries).is_some_and(|noted| noted.spec == spec && noted.stage == stage) {
        return Ok(());
    }
    let noted = Note { reason: Some(spec), ..Note::seeded(DATA_SET, stage.text()) };
    note(tx, engine, &entries, &[noted]).await
}

/// Notes that all of these rows are there, and what is in those of each table: over which columns, and
/// what the sum is.
///
/// # Errors
///
/// If a query fails.
pub async fn note_seeded<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    spec: &str,
    tables: &[(&str, Vec<String>, Contents)],
) -> Result<()> {
    let entries = read(tx, engine, &Migrator::bookkeeping()).await?;
    let mut notes = Vec::new();
    if can_tell(engine) {
        for (table, columns, contents) in tables {
            let sum = Sum { contents: *contents, beside: 0 };
            if noted(&entries, table).as_ref() != Some(&(columns.clone(), sum)) {
                notes.push(Note::seeded(table, &text(columns, &sum)));
            }
        }
    }
    let is_done = |noted: &Seeding| noted.spec == spec && noted.stage == Stage::Done;
    if !seeding_in(&entries).as_ref().is_some_and(is_done) {
        notes.push(Note { reason: Some(spec), ..Note::seeded(DATA_SET, Stage::Done.text()) });
    }
    note(tx, engine, &entries, &notes).await
}

/// Notes that there are no sample rows any more.
///
/// # Errors
///
/// If a query fails.
pub async fn note_cleaned<C: ConnectionTrait>(tx: &C, engine: Engine) -> Result<()> {
    let entries = read(tx, engine, &Migrator::bookkeeping()).await?;
    if seeding_in(&entries).is_none() {
        return Ok(());
    }
    note(tx, engine, &entries, &[Note::seeded(DATA_SET, "gone")]).await
}

async fn note<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    entries: &[journal::Entry],
    notes: &[Note<'_>],
) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let bookkeeping = Migrator::bookkeeping();
    let head = entries.last().map_or(0, |entry| entry.number);
    journal::create(tx, &bookkeeping).await?;
    journal::write(tx, engine, &bookkeeping, head, notes).await?;
    Ok(())
}

/// What to note of the sample rows of these tables, that nobody has edited, if it is not noted already.
pub(super) async fn noted_anew<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    entries: &[journal::Entry],
    tables: &[&Table],
) -> Result<Vec<(String, String)>> {
    let seeded: Vec<&Table> = tables
        .iter()
        .filter(|table| noted(entries, &table.name).is_some_and(|(_, sum)| sum.contents.rows > 0))
        .copied()
        .collect();
    let now = samples(tx, engine, &seeded).await?;
    let changed = now.into_iter().filter(|(table, it)| noted(entries, table).as_ref() != Some(it));
    Ok(changed.map(|(table, (columns, sum))| (table, text(&columns, &sum))).collect())
}

/// How the journal has it.
fn text(columns: &[String], sum: &Sum) -> String {
    format!("{}:{:016x}:{}", sum.contents.rows, sum.contents.sum, columns.join(","))
}

/// Permits the sample rows of these tables to be deleted, unless somebody has worked with them.
///
/// # Errors
///
/// [`Error::Refused`](crate::Error::Refused) if there are edited ones and `consent` is not the hash
/// that the refusal gives. Otherwise if a query fails.
pub async fn permit_cleaning<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    tables: &[&Table],
    consent: Option<&str>,
) -> Result<Destructive> {
    let entries = read(tx, engine, &Migrator::bookkeeping()).await?;
    let production = journal::environment(&entries) == Some(PRODUCTION);
    let mut losses = Vec::new();
    let mut text = format!("{}\nclean", identity(tx, engine).await?);
    for (table, sum) in tables.iter().zip(edited(tx, engine, &entries, tables).await?) {
        let Some(sum) = sum else { continue };
        let _ = write!(text, "\n{} {sum:?}", table.name);
        let (name, rows) = (table.name.clone(), sum.contents.rows);
        losses.push(Loss {
            table: name,
            columns: Vec::new(),
            real_rows: rows,
            edited: true,
            bytes: None,
        });
    }
    let hash = sha256(&text)[..12].to_owned();
    if (losses.is_empty() && !production) || consent == Some(hash.as_str()) {
        return Ok(Destructive::granted());
    }
    let reason = if losses.is_empty() {
        "refused, because this database is production's, where no row goes without consent; nothing was \
         changed"
    } else {
        "refused, because somebody has worked with sample rows; nothing was changed"
    };
    let by_hand = Vec::new();
    Err(Refusal { reason: reason.to_owned(), losses, by_hand, hash: Some(hash) }.into())
}

/// What is in the sample rows of each of these tables, if they are not what the seeder has noted; `None`
/// if they are.
pub(super) async fn edited<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    entries: &[journal::Entry],
    tables: &[&Table],
) -> Result<Vec<Option<Sum>>> {
    let noted: Vec<(Vec<String>, Sum)> =
        tables.iter().map(|table| noted(entries, &table.name).unwrap_or_default()).collect();
    let asked = tables.iter().zip(&noted).map(|(table, (columns, _))| {
        let is_there = |name: &String| table.column(name).is_some();
        let usable = !columns.is_empty() && columns.iter().all(is_there);
        let all = || table.columns.iter().map(|it| it.name.clone()).collect();
        (*table, if usable { columns.clone() } else { all() })
    });
    let sums = sums(tx, engine, &asked.collect::<Vec<_>>()).await?;
    let compared = sums.into_iter().zip(noted);
    Ok(compared
        .map(|(now, (_, noted))| (now.contents.rows > 0 && now != noted).then_some(now))
        .collect())
}

/// On Nile, a transaction may not look at all tenants and write to the journal beside.
fn can_tell(engine: Engine) -> bool {
    engine.capability().writes_across_tenants
}

async fn read<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    bookkeeping: &str,
) -> Result<Vec<journal::Entry>> {
    let table = journal::table_beside(bookkeeping);
    let exists = bookkeeping::relations(tx, engine).await?.iter().any(|it| it.name == table);
    Ok(if exists { journal::read(tx, engine, bookkeeping).await? } else { Vec::new() })
}

/// What the seeder has noted last.
fn noted(entries: &[journal::Entry], table: &str) -> Option<(Vec<String>, Sum)> {
    let newest =
        entries.iter().rev().find(|it| it.event == Some(Event::Seeded) && it.name == table);
    let text = newest?.fingerprint.as_deref()?;
    let mut parts = text.splitn(3, ':');
    let rows = parts.next()?.parse().ok()?;
    let sum = u64::from_str_radix(parts.next()?, 16).ok()?;
    let columns = parts.next()?.split(',').map(ToOwned::to_owned).collect();
    Some((columns, Sum { contents: Contents { rows, sum }, beside: 0 }))
}

/// Sums up the sample rows of each table, over these of its columns.
async fn sums<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    asked: &[(&Table, Vec<String>)],
) -> Result<Vec<Sum>, DbErr> {
    let mut sums = vec![Sum::default(); asked.len()];
    let has_samples = |table: &Table| can_tell(engine) && sample_rows(engine, table) != "false";
    let asked = asked.iter().enumerate().filter(|(_, (table, _))| has_samples(table));
    if engine == Engine::Sqlite {
        for (at, (table, columns)) in asked {
            let condition = sample_rows(engine, table);
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
                quoted(&table.name),
                sample_rows(engine, table)
            )
        })
        .collect();
    if parts.is_empty() {
        return Ok(sums);
    }
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    for row in tx.query_all_raw(stmt).await? {
        let at: i64 = row.try_get("", "at")?;
        let Some(sum) = usize::try_from(at).ok().and_then(|at| sums.get_mut(at)) else { continue };
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
    tx: &C,
    engine: Engine,
    table: &Table,
    columns: &[&str],
    tenants: Option<&[Uuid]>,
) -> Result<BTreeMap<Option<Uuid>, Sum>> {
    let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
    let tenant = match table.name.as_str() {
        ROOT => "id",
        _ if table.column(TENANT_ID).is_some() => TENANT_ID,
        _ => "NULL",
    };
    let mut samples = sample_rows(engine, table);
    if let Some(tenants) = tenants {
        samples = format!("{tenant} IN ({}) AND {samples}", listed(engine, tenants));
    }
    if engine == Engine::Sqlite {
        return Ok(sums_here(tx, table, &columns, &samples, tenant).await?);
    }
    let sql = format!(
        "SELECT {tenant}::uuid AS tenant, {} FROM {} WHERE {samples} GROUP BY 1",
        sum_sql(engine, table, &columns),
        quoted(&table.name),
    );
    let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let sums = rows.iter().map(|row| Ok((row.try_get("", "tenant")?, summed(row)?)));
    Ok(sums.collect::<Result<_, DbErr>>()?)
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

/// Sums up the rows of an SQLite table that are not the seeder's.
pub(super) async fn real_rows<C: ConnectionTrait>(tx: &C, table: &Table) -> Result<Sum, DbErr> {
    let columns: Vec<String> = table.columns.iter().map(|it| it.name.clone()).collect();
    let condition = format!("({}) IS NOT TRUE", sample_rows(Engine::Sqlite, table));
    sum_here(tx, table, &columns, &condition).await
}

async fn sum_here<C: ConnectionTrait>(
    tx: &C,
    table: &Table,
    columns: &[String],
    condition: &str,
) -> Result<Sum, DbErr> {
    let mut sums = sums_here(tx, table, columns, condition, "NULL").await?;
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
) -> Result<BTreeMap<Option<Uuid>, Sum>, DbErr> {
    let engine = Engine::Sqlite;
    let mut sums: BTreeMap<Option<Uuid>, Sum> = BTreeMap::new();
    let Some(number) = table.rowid() else {
        // Whoever has taken all names of the row's number knows what he does.
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
            quoted(&table.name),
            condition
        );
        let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
        for row in &rows {
            last = row.try_get("", "row")?;
            let content: String = row.try_get("", "content")?;
            let sum = sums.entry(row.try_get("", "tenant")?).or_default();
            sum.contents.extend(Contents { rows: 1, sum: of_text(&content) });
            sum.beside += i64::from(row.try_get::<bool>("", "beside")?);
        }
        if rows.len() < PAGE {
            return Ok(sums);
        }
    }
}

/// A condition that is true for a row with anything but the default in a column that is none of these.
fn beside(engine: Engine, table: &Table, columns: &[String]) -> String {
    let differs = if engine == Engine::Sqlite { "IS NOT" } else { "IS DISTINCT FROM" };
    let others = table.columns.iter().filter(|column| !columns.contains(&column.name));
    let conditions: Vec<String> = others
        .map(|column| {
            let default = column.default.as_deref().unwrap_or("NULL");
            format!("{} {differs} ({default})", quoted(&column.name))
        })
        .collect();
    if conditions.is_empty() { "1 = 0".to_owned() } else { conditions.join(" OR ") }
}
