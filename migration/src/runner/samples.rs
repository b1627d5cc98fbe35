//! Whether sample rows are still as the seeder made them.
//!
//! An id tells a sample row from a real one, but not whether somebody has worked with it since. So
//! the seeder notes in the journal, for each table, how many sample rows there are and a sum over
//! what is in them; and before anything is dropped, the sum is taken again. It is over the columns
//! that there were at seeding; in a column that came later, anything but the default counts as
//! somebody's.

use std::{collections::BTreeMap, fmt::Write as _};

use entity::Engine;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sha2::{Digest as _, Sha256};

use super::{
    bookkeeping,
    guard::Destructive,
    journal::{self, Event, History, Note},
    sample_rows::sample_rows,
};
use crate::{
    Migrator,
    db::{literal, quoted},
    error::Result,
    fingerprint::sha256,
    refusal::{Loss, Refusal},
    schema::Table,
};

/// What is in the sample rows of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: i64,
    /// The sum over the rows of a number made of each, modulo 2^64.
    content: u64,
}

/// What is in the sample rows of each table.
#[derive(Clone, Debug, Default)]
pub struct Samples(BTreeMap<String, (Vec<String>, Sum)>);

/// Rows a time, where rows are fetched.
const PAGE: usize = 2_000;

/// Takes the sum over the sample rows of these tables, before or after they are seeded.
///
/// # Errors
///
/// If a query fails.
pub async fn samples<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    tables: &[&Table],
) -> Result<Samples> {
    let mut samples = BTreeMap::new();
    if can_tell(engine) {
        for table in tables {
            let columns: Vec<String> = table.columns.iter().map(|it| it.name.clone()).collect();
            let sum = sum(tx, engine, table, &columns).await?;
            samples.insert(table.name.clone(), (columns, sum));
        }
    }
    Ok(Samples(samples))
}

/// Notes in the journal what was seeded between the two sums. What was edited before stays edited.
///
/// # Errors
///
/// If a query fails.
pub async fn note_seeded<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    before: &Samples,
    after: &Samples,
) -> Result<()> {
    let bookkeeping = Migrator::bookkeeping();
    let entries = read(tx, engine, &bookkeeping).await?;
    let mut texts = Vec::new();
    for (table, (columns, now)) in &after.0 {
        let was = before.0.get(table).map(|(_, sum)| sum.clone()).unwrap_or_default();
        if *now == was {
            continue;
        }
        // Only what came is added, so that nobody's edits are taken for the seeder's; but where there
        // was nothing, the table may be a new one.
        let noted = noted(&entries, table).filter(|_| was.rows > 0);
        let noted = noted.map(|(_, sum)| sum).unwrap_or_default();
        let sum = Sum {
            rows: noted.rows + now.rows - was.rows,
            content: noted.content.wrapping_add(now.content).wrapping_sub(was.content),
        };
        texts.push((table, format!("{}:{:016x}:{}", sum.rows, sum.content, columns.join(","))));
    }
    let notes: Vec<Note<'_>> = texts
        .iter()
        .map(|(table, text)| Note {
            fingerprint: Some(text.clone()),
            ..Note::new(Event::Seeded, table)
        })
        .collect();
    if notes.is_empty() {
        return Ok(());
    }
    let head = entries.last().map_or(0, |entry| entry.number);
    journal::create(tx, &bookkeeping).await?;
    journal::write(tx, engine, &bookkeeping, head, &notes).await?;
    Ok(())
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
    let mut losses = Vec::new();
    let mut text = String::from("clean");
    for table in tables {
        if let Some(sum) = edited(tx, engine, &entries, table).await? {
            let _ = write!(text, "\n{} {sum:?}", table.name);
            let (name, rows) = (table.name.clone(), sum.rows);
            losses.push(Loss { table: name, real_rows: rows, edited: true, bytes: None });
        }
    }
    let hash = sha256(&text)[..12].to_owned();
    if losses.is_empty() || consent == Some(hash.as_str()) {
        return Ok(Destructive::granted());
    }
    let reason = "refused, because somebody has worked with sample rows; nothing was changed";
    let by_hand = Vec::new();
    Err(Refusal { reason: reason.to_owned(), losses, by_hand, hash: Some(hash) }.into())
}

/// How many sample rows a table has, if they are not what the seeder has noted; `None` if they are.
pub(super) async fn edited_rows<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    history: &History,
    table: &Table,
) -> Result<Option<i64>> {
    Ok(edited(tx, engine, &history.entries, table).await?.map(|sum| sum.rows))
}

async fn edited<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    entries: &[journal::Entry],
    table: &Table,
) -> Result<Option<Sum>> {
    if !can_tell(engine) {
        return Ok(None);
    }
    let (columns, noted) = noted(entries, &table.name).unwrap_or_default();
    let has_all = columns.iter().all(|name| table.column(name).is_some());
    let columns = if has_all { columns } else { Vec::new() };
    let now = sum(tx, engine, table, &columns).await?;
    let is_edited =
        now.rows > 0 && (now != noted || has_values_in_others(tx, engine, table, &columns).await?);
    Ok(is_edited.then_some(now))
}

/// Whether a sample row has anything but the default in a column that came after the seeding.
async fn has_values_in_others<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    table: &Table,
    columns: &[String],
) -> Result<bool, DbErr> {
    let differs = if engine == Engine::Sqlite { "IS NOT" } else { "IS DISTINCT FROM" };
    let others: Vec<String> = table
        .columns
        .iter()
        .filter(|column| !columns.contains(&column.name))
        .map(|column| {
            let default = column.default.as_deref().unwrap_or("NULL");
            format!("{} {differs} ({default})", quoted(&column.name))
        })
        .collect();
    if others.is_empty() {
        return Ok(false);
    }
    let sql = format!(
        "SELECT 1 FROM {} WHERE ({}) AND {} LIMIT 1",
        quoted(&table.name),
        others.join(" OR "),
        sample_rows(engine, table)
    );
    let row = tx.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    Ok(row.is_some())
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
    let content = u64::from_str_radix(parts.next()?, 16).ok()?;
    let columns = parts.next()?.split(',').map(ToOwned::to_owned).collect();
    Some((columns, Sum { rows, content }))
}

async fn sum<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    table: &Table,
    columns: &[String],
) -> Result<Sum, DbErr> {
    let condition = sample_rows(engine, table);
    if condition == "false" {
        return Ok(Sum::default());
    }
    match engine {
        Engine::Sqlite => sum_here(tx, table, columns, &condition).await,
        _ => sum_there(tx, engine, table, columns, &condition).await,
    }
}

/// PostgreSQL sums up by itself.
async fn sum_there<C: ConnectionTrait>(
    tx: &C,
    engine: Engine,
    table: &Table,
    columns: &[String],
    condition: &str,
) -> Result<Sum, DbErr> {
    let texts: Vec<String> = columns.iter().map(|name| format!("{}::text", quoted(name))).collect();
    // The first 15 hexadecimal digits, so that no sum overflows before it is a numeric.
    let content =
        format!("('x0' || left(md5(ARRAY[{}]::text), 15))::bit(64)::bigint", texts.join(", "));
    let content = if columns.is_empty() { "0".to_owned() } else { content };
    let sql = format!(
        "SELECT count(*) AS rows, (coalesce(sum({content}), 0) % 18446744073709551616)::text AS content \
         FROM {} WHERE {condition}",
        quoted(&table.name)
    );
    let row = tx.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    let Some(row) = row else { return Ok(Sum::default()) };
    let content: String = row.try_get("", "content")?;
    Ok(Sum { rows: row.try_get("", "rows")?, content: content.parse().unwrap_or_default() })
}

/// SQLite has nothing to sum up with, so the rows come here, some at a time.
async fn sum_here<C: ConnectionTrait>(
    tx: &C,
    table: &Table,
    columns: &[String],
    condition: &str,
) -> Result<Sum, DbErr> {
    let texts: Vec<String> = columns
        .iter()
        .map(|name| format!("quote({})", quoted(name)))
        .chain([literal("")])
        .collect();
    let (mut sum, mut last) = (Sum::default(), i64::MIN);
    loop {
        let sql = format!(
            "SELECT rowid AS row, {} AS content FROM {} WHERE rowid > {last} AND {condition} \
             ORDER BY rowid LIMIT {PAGE}",
            texts.join(" || char(0) || "),
            quoted(&table.name)
        );
        let stmt = Statement::from_string(Engine::Sqlite.backend(), sql);
        let rows = tx.query_all_raw(stmt).await?;
        for row in &rows {
            last = row.try_get("", "row")?;
            let content: String = row.try_get("", "content")?;
            let digest = Sha256::digest(content.as_bytes());
            let number =
                digest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
            sum.rows += 1;
            sum.content = sum.content.wrapping_add(number);
        }
        if rows.len() < PAGE {
            return Ok(sum);
        }
    }
}
