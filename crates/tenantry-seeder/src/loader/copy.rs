//! COPY in its binary form, which is what PostgreSQL takes fastest.
//!
//! The form is described in the manual's page of COPY: a signature, then for each row the number of its
//! columns, and for each column its length and what the type's receive function reads.

use std::sync::Arc;

use chrono::Timelike as _;
use sea_orm::{
    DbBackend, DbErr, RuntimeErr, Statement, Value, Values,
    sea_query::OptionEnum,
    sqlx::{self, AssertSqlSafe, PgConnection},
};
use sea_query_sqlx::SqlxValues;
use tenantry_entity::Engine;
use tenantry_migration::{
    Error, Result,
    db::{quoted, quoted_table},
    runner::Contents,
};

use super::{
    collision::explained,
    insert::Statements,
    sink::{Rows, Sink},
};
use crate::{
    progress::{Progress, Stop},
    samples::TableInfo,
};

/// Bytes that are sent at a time.
const CHUNK: usize = 1 << 18;

/// From here on a COPY is quicker than one INSERT. It ends with a small packet, which waits for the one
/// before to be acknowledged, up to 40 ms, since sqlx leaves Nagle's algorithm on.
const WORTHWHILE: usize = 1_000;

/// 2000-01-01 UTC in microseconds since 1970: from there PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

/// Copies rows into tables that have none of them.
pub(super) struct Copy<'c> {
    pub connection: &'c mut PgConnection,
    /// Who is told, where a single COPY takes long.
    pub watched: Option<Watched<'c>>,
}

/// Tells how far it is, and stops when asked.
#[derive(Clone, Copy)]
pub(super) struct Watched<'w> {
    pub progress: &'w Progress,
    pub stop: &'w Stop,
}

impl Watched<'_> {
    /// Fails if it was asked to stop.
    pub(super) fn check(self) -> Result<()> {
        if self.stop.is_asked_for() {
            return Err(Error::unusable("stopped", "stopped; nothing was changed"));
        }
        Ok(())
    }
}

impl Sink for Copy<'_> {
    async fn take(
        &mut self,
        info: &'static TableInfo,
        rows: &mut Rows<'_>,
        contents: &mut Contents,
    ) -> Result<u64> {
        let table = info.name;
        let failed = |error: sqlx::Error| failed(error, table);
        let few: Vec<Vec<Value>> = (&mut *rows).take(WORTHWHILE).collect();
        if few.len() < WORTHWHILE {
            let rows = few.len() as u64;
            let inserted = self.insert(info, few, contents).await?;
            if let Some(watched) = self.watched {
                watched.progress.add(table, rows);
                watched.check()?;
            }
            return Ok(inserted);
        }
        let rows = few.into_iter().chain(rows);
        let columns: Vec<String> = info.columns.iter().map(|name| quoted(name)).collect();
        let sql = format!(
            "COPY {} ({}) FROM STDIN (FORMAT binary)",
            quoted_table(table),
            columns.join(", ")
        );
        let mut stream = self.connection.copy_in_raw(&sql).await.map_err(failed)?;
        let mut bytes = Vec::with_capacity(CHUNK + 4_096);
        bytes.extend(b"PGCOPY\n\xff\r\n\0");
        bytes.extend([0; 8]);
        let mut fresh = 0;
        for row in rows {
            contents.add(Engine::Postgres, &row);
            encode(&mut bytes, &row)?;
            fresh += 1;
            if bytes.len() >= CHUNK {
                if let Some(watched) = self.watched {
                    watched.progress.add(table, fresh);
                    watched.check()?;
                }
                fresh = 0;
                stream.send(bytes.as_slice()).await.map_err(failed)?;
                bytes.clear();
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        stream.send(bytes.as_slice()).await.map_err(failed)?;
        if let Some(watched) = self.watched {
            watched.progress.add(table, fresh);
        }
        stream.finish().await.map_err(failed)
    }
}

impl Copy<'_> {
    async fn insert(
        &mut self,
        table: &'static TableInfo,
        few: Vec<Vec<Value>>,
        contents: &mut Contents,
    ) -> Result<u64> {
        let mut statements = Statements::new(table, Engine::Postgres, DbBackend::Postgres);
        let mut few = few.into_iter();
        let mut inserted = 0;
        while let Some(Statement { sql, values, .. }) = statements.next(&mut few, contents) {
            let values = SqlxValues(values.unwrap_or_else(|| Values(Vec::new())));
            // Hardly ever are there as many again, and the server would keep it.
            let insert = sqlx::query_with(AssertSqlSafe(sql), values).persistent(false);
            let done = insert.execute(&mut *self.connection).await;
            inserted += done.map_err(|error| failed(error, table.name))?.rows_affected();
        }
        Ok(inserted)
    }
}

/// An error of sqlx as SeaORM has it.
pub(super) fn failed(error: sqlx::Error, table: &str) -> Error {
    if matches!(error, sqlx::Error::PoolTimedOut) {
        return Error::unusable(
            "too-many-connections",
            "the server takes no further connection: use fewer --workers, or raise its limit or the role's",
        );
    }
    explained(DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error))), table)
}

/// One row.
fn encode(out: &mut Vec<u8>, values: &[Value]) -> Result<()> {
    out.extend(i16::try_from(values.len()).unwrap_or_default().to_be_bytes());
    for value in values {
        match value {
            Value::Bool(Some(value)) => field(out, &[u8::from(*value)]),
            Value::SmallInt(Some(value)) => field(out, &value.to_be_bytes()),
            Value::Int(Some(value)) => field(out, &value.to_be_bytes()),
            Value::BigInt(Some(value)) => field(out, &value.to_be_bytes()),
            Value::Float(Some(value)) => field(out, &value.to_be_bytes()),
            Value::Double(Some(value)) => field(out, &value.to_be_bytes()),
            Value::Bytes(Some(value)) => field(out, value),
            Value::ChronoDate(Some(value)) => {
                let epoch = EPOCH / 86_400_000_000;
                let days = i64::from(value.to_epoch_days()) - epoch;
                field(out, &i32::try_from(days).unwrap_or_default().to_be_bytes());
            }
            Value::Uuid(Some(value)) => field(out, value.as_bytes()),
            Value::String(Some(value)) => field(out, value.as_bytes()),
            Value::Enum(OptionEnum::Some(value)) => field(out, value.value.as_bytes()),
            Value::ChronoDateTime(Some(value)) => {
                field(out, &(value.and_utc().timestamp_micros() - EPOCH).to_be_bytes());
            }
            Value::ChronoDateTimeUtc(Some(value)) => {
                field(out, &(value.timestamp_micros() - EPOCH).to_be_bytes());
            }
            Value::Json(Some(value)) => {
                // The version of the form of jsonb, then the text.
                let text = value.to_string();
                length(out, text.len() + 1);
                out.push(1);
                out.extend(text.as_bytes());
            }
            null if *null == null.as_null() => out.extend((-1_i32).to_be_bytes()),
            Value::ChronoTime(Some(value)) => {
                let seconds = i64::from(value.num_seconds_from_midnight());
                let micros = seconds * 1_000_000 + i64::from(value.nanosecond() / 1_000);
                field(out, &micros.to_be_bytes());
            }
            // A decimal: sea-orm has a variant for it only where it was asked for.
            other => match numeric(&other.to_string()) {
                Some(bytes) => field(out, &bytes),
                None => {
                    return Err(Error::unusable(
                        "type-unsupported",
                        format!("a column has a type that COPY is not taught to write: {other:?}"),
                    ));
                }
            },
        }
    }
    Ok(())
}

/// A decimal number as `numeric` is sent: how many digits of base 10,000, the weight of the first, the sign, how many
/// decimal digits are shown behind the point, and the digits.
/// <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/utils/adt/numeric.c> (`numeric_send`)
fn numeric(text: &str) -> Option<Vec<u8>> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (0x4000_u16, digits),
        None => (0, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|it| it.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let padded = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let behind = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
    let all = format!("{padded}{behind}");
    let groups: Option<Vec<i16>> =
        (0..all.len() / 4).map(|at| all[4 * at..4 * at + 4].parse().ok()).collect();
    let (groups, weight) = (groups?, i16::try_from(padded.len() / 4).ok()? - 1);
    let mut bytes = Vec::with_capacity(8 + 2 * groups.len());
    bytes.extend(i16::try_from(groups.len()).ok()?.to_be_bytes());
    bytes.extend(weight.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(i16::try_from(fraction.len()).ok()?.to_be_bytes());
    bytes.extend(groups.iter().flat_map(|group| group.to_be_bytes()));
    Some(bytes)
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    length(out, bytes.len());
    out.extend(bytes);
}

fn length(out: &mut Vec<u8>, bytes: usize) {
    out.extend(i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::numeric;

    #[test]
    fn a_decimal_is_sent_as_numeric() {
        // As `numeric_send` gives them on PostgreSQL 15.
        let cases: [(&str, &[u16]); 2] =
            [("12345.678", &[3, 1, 0, 3, 1, 2345, 6780]), ("-3", &[1, 0, 0x4000, 0, 3])];
        for (text, expected) in cases {
            let expected: Vec<u8> = expected.iter().flat_map(|it| it.to_be_bytes()).collect();
            assert_eq!(numeric(text), Some(expected), "{text}");
        }
        for other in ["", "'2024-01-01'", "1.2.3", "NaN", "0x1"] {
            assert_eq!(numeric(other), None, "{other}");
        }
    }
}
