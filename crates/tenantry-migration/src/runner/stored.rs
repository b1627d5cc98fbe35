//! What a row is to the sums over sample rows: the number that the database makes of it, made of the
//! values that are sent there.

use std::fmt::Write as _;

use md5::Md5;
use sea_orm::Value;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tenantry_entity::Engine;

use crate::{
    db::quoted,
    schema::{ColumnType, Table},
};

/// How many rows there are, and a sum over what is in them, as the journal has it of sample rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many rows.
    pub(super) rows: i64,
    /// The sum of a number made of each, modulo 2^64.
    pub(super) sum: u64,
}

impl Contents {
    /// Adds a row by the values of its columns, in the order in which the columns are noted.
    pub fn add(&mut self, engine: Engine, values: &[Value]) {
        self.rows += 1;
        let number = if engine == Engine::Sqlite {
            of_text(&on_sqlite(values))
        } else {
            // Fifteen hexadecimal digits.
            first(&Md5::digest(on_postgres(values).as_bytes())) >> 4
        };
        self.sum = self.sum.wrapping_add(number);
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        u64::try_from(self.rows).unwrap_or_default()
    }

    /// Adds the rows of another.
    pub fn extend(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The number of a row of SQLite, from its text.
pub(super) fn of_text(text: &str) -> u64 {
    first(&Sha256::digest(text.as_bytes()))
}

/// The first 64 bits of a digest.
fn first(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// SQL for the text of a row, over these of its columns.
pub(super) fn text_sql(engine: Engine, table: &Table, columns: &[String]) -> String {
    if engine == Engine::Sqlite {
        // `quote` ends where a text has a NUL.
        let text = |name: &String| {
            let name = quoted(name);
            format!(
                "CASE typeof({name}) WHEN 'text' THEN hex({name}) ELSE quote({name}) END || char(0)"
            )
        };
        let texts: Vec<String> = columns.iter().map(text).collect();
        return if texts.is_empty() { "''".to_owned() } else { texts.join(" || ") };
    }
    let text = |name: &String| {
        let quoted = quoted(name);
        // No session's zone or date style may matter.
        match table.column(name).map(|column| &column.ty) {
            Some(ColumnType::TimestampTz) => format!("to_json({quoted} AT TIME ZONE 'UTC')::text"),
            Some(ColumnType::Timestamp) => format!("to_json({quoted})::text"),
            _ => format!("{quoted}::text"),
        }
    };
    let texts: Vec<String> = columns.iter().map(text).collect();
    format!("ARRAY[{}]::text[]::text", texts.join(", "))
}

/// The digits of SQLite's `hex`.
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What [`text_sql`] gives for a row that sqlx has stored.
fn on_sqlite(values: &[Value]) -> String {
    let mut out = String::with_capacity(512);
    let hex = |out: &mut String, bytes: &[u8]| {
        for byte in bytes {
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    };
    for value in values {
        match value {
            Value::Bool(Some(value)) => out.push(if *value { '1' } else { '0' }),
            Value::Uuid(Some(id)) => {
                out.push_str("X'");
                hex(&mut out, id.as_bytes());
                out.push('\'');
            }
            Value::String(Some(text)) => hex(&mut out, text.as_bytes()),
            Value::ChronoDateTime(Some(at)) => {
                hex(&mut out, at.format("%F %T%.f").to_string().as_bytes());
            }
            Value::ChronoDateTimeUtc(Some(at)) => hex(&mut out, at.to_rfc3339().as_bytes()),
            Value::Json(Some(json)) => hex(&mut out, json.to_string().as_bytes()),
            Value::ChronoDate(Some(date)) => hex(&mut out, date.to_string().as_bytes()),
            Value::ChronoTime(Some(time)) => {
                hex(&mut out, time.format("%T%.f").to_string().as_bytes());
            }
            Value::Bytes(Some(bytes)) => {
                out.push_str("X'");
                hex(&mut out, bytes);
                out.push('\'');
            }
            null if *null == null.as_null() => out.push_str("NULL"),
            Value::SmallInt(_) | Value::Int(_) | Value::BigInt(_) => {
                out.push_str(&value.to_string());
            }
            other => out.push_str(&real(&other.to_string())),
        }
        out.push('\0');
    }
    out
}

/// A decimal or a float as SQLite writes the floating-point number that it keeps.
fn real(text: &str) -> String {
    if text.is_empty() || !text.bytes().all(|it| b"-.0123456789".contains(&it)) {
        return text.to_owned();
    }
    let text = if text.contains('.') { text.trim_end_matches('0') } else { text };
    match text.split_once('.') {
        Some((_, "")) => format!("{text}0"),
        Some(_) => text.to_owned(),
        None => format!("{text}.0"),
    }
}

/// What [`text_sql`] gives for a row that PostgreSQL has stored.
fn on_postgres(values: &[Value]) -> String {
    let mut out = String::with_capacity(512);
    let mut text = String::new();
    for (at, value) in values.iter().enumerate() {
        out.push(if at == 0 { '{' } else { ',' });
        if *value == value.as_null() {
            out.push_str("NULL");
            continue;
        }
        text.clear();
        match value {
            Value::Uuid(Some(id)) => {
                let _ = write!(text, "{id}");
            }
            Value::String(Some(value)) => text.push_str(value),
            Value::ChronoDateTime(Some(at)) => {
                let _ = write!(text, "\"{}\"", at.format("%FT%T%.f"));
            }
            Value::ChronoDateTimeUtc(Some(at)) => {
                let _ = write!(text, "\"{}\"", at.format("%FT%T%.f"));
            }
            Value::Json(Some(json)) => jsonb(&mut text, json),
            Value::ChronoDate(Some(date)) => text.push_str(&date.to_string()),
            Value::ChronoTime(Some(time)) => text.push_str(&time.format("%T%.f").to_string()),
            Value::Bytes(Some(bytes)) => {
                text.push_str("\\x");
                for byte in bytes {
                    let _ = write!(text, "{byte:02x}");
                }
            }
            other => text.push_str(&other.to_string().to_lowercase()),
        }
        element(&mut out, &text);
    }
    out.push('}');
    out
}

/// An element of an array as text: quoted where it could be misread.
fn element(out: &mut String, text: &str) {
    let special = |byte: u8| {
        matches!(
            byte,
            b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c
        )
    };
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.bytes().any(special) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
}

/// A `jsonb` as text: with the shorter keys first.
fn jsonb(out: &mut String, json: &Json) {
    match json {
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                jsonb(out, item);
            }
            out.push(']');
        }
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by_key(|key| (key.len(), key.as_bytes()));
            out.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                let _ = write!(out, "{}: ", Json::from(key.as_str()));
                jsonb(out, &map[key]);
            }
            out.push('}');
        }
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
}
