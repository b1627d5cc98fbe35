//! COPY in its binary form, which is what PostgreSQL takes fastest.
//!
//! The form is described in the manual's page of COPY: a signature, then for each row the number of its
//! columns, and for each column its length and what the type's receive function reads.

use std::sync::Arc;

use entity::{Table, prelude::*};
use migration::{Error, Result, db::quoted, runner::Contents};
use sea_orm::{
    DbErr, IdenStatic, Iterable, RuntimeErr, Value,
    sea_query::OptionEnum,
    sqlx::{self, PgConnection},
};

use super::{
    collision::explained,
    sink::{Sink, values},
};
use crate::progress::{Progress, Stop};

/// Bytes that are sent at a time.
const CHUNK: usize = 1 << 18;

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
    /// Fails if somebody has asked to stop.
    pub(super) fn check(self) -> Result<()> {
        if self.stop.is_asked_for() {
            return Err(Error::Unusable("stopped; nothing was changed".to_owned()));
        }
        Ok(())
    }
}

impl Sink for Copy<'_> {
    async fn take<E>(
        &mut self,
        rows: impl Iterator<Item = E::ActiveModel> + Send,
        contents: &mut Contents,
    ) -> Result<u64>
    where
        E: Table,
        E::ActiveModel: Send,
    {
        let table = E::default().table_name();
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(0);
        }
        let failed = |error: sqlx::Error| failed(error, table);
        let columns: Vec<String> =
            E::Column::iter().map(|column| quoted(column.as_str())).collect();
        let sql =
            format!("COPY {} ({}) FROM STDIN (FORMAT binary)", quoted(table), columns.join(", "));
        let mut stream = self.connection.copy_in_raw(&sql).await.map_err(failed)?;
        let mut bytes = Vec::with_capacity(CHUNK + 4_096);
        bytes.extend(b"PGCOPY\n\xff\r\n\0");
        bytes.extend([0; 8]);
        let mut fresh = 0;
        for row in rows {
            let values = values(row);
            contents.add(Engine::Postgres, &values);
            encode(&mut bytes, &values)?;
            fresh += 1;
            if bytes.len() >= CHUNK {
                if let Some(watched) = self.watched {
                    watched.progress.add(fresh);
                    watched.check()?;
                }
                fresh = 0;
                stream.send(bytes.as_slice()).await.map_err(failed)?;
                bytes.clear();
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        stream.send(bytes.as_slice()).await.map_err(failed)?;
        stream.finish().await.map_err(failed)
    }
}

/// An error of sqlx as SeaORM has it.
pub(super) fn failed(error: sqlx::Error, table: &str) -> Error {
    explained(DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error))), table)
}

/// One row.
fn encode(out: &mut Vec<u8>, values: &[Value]) -> Result<()> {
    out.extend(i16::try_from(values.len()).unwrap_or_default().to_be_bytes());
    for value in values {
        match value {
            Value::Bool(Some(value)) => field(out, &[u8::from(*value)]),
            Value::BigInt(Some(value)) => field(out, &value.to_be_bytes()),
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
            other => {
                return Err(Error::Unusable(format!(
                    "a column has a type that COPY is not taught to write: {other:?}"
                )));
            }
        }
    }
    Ok(())
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    length(out, bytes.len());
    out.extend(bytes);
}

fn length(out: &mut Vec<u8>, bytes: usize) {
    out.extend(i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes());
}
