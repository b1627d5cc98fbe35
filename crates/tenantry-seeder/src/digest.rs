//! What is in rows, in a number that depends neither on their order nor on the engine.

use std::fmt;

use sea_orm::Value;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// How many rows there are, and the sum over a hash of each, modulo 2^128. Shown as 32 hexadecimal
/// digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many rows.
    pub rows: u64,
    /// The sum of [`row_hash`] over them.
    pub sum: u128,
}

impl Digest {
    /// Adds one row by its hash.
    pub fn add(&mut self, hash: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Adds all rows of another.
    pub fn extend(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The first 128 bits of SHA-256 over what is in a row: each column in the order of the entity, with
/// its name, so that two columns that swap their values make another row.
#[must_use]
pub fn row_hash(columns: &[&str], values: &[Value]) -> u128 {
    let mut bytes = Vec::with_capacity(512);
    for (column, value) in columns.iter().zip(values) {
        text(&mut bytes, column);
        encode(&mut bytes, value);
    }
    let digest = Sha256::digest(&bytes);
    digest.iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

/// With its length in front, so that no two lists of texts look the same.
fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// The same for a value that went to a database and came back. NULL is NULL, of whatever type.
fn encode(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(Some(value)) => bytes.extend([b'b', u8::from(*value)]),
        Value::SmallInt(Some(value)) => integer(bytes, i64::from(*value)),
        Value::Int(Some(value)) => integer(bytes, i64::from(*value)),
        Value::BigInt(Some(value)) => integer(bytes, *value),
        Value::Uuid(Some(value)) => {
            bytes.push(b'u');
            bytes.extend(value.as_bytes());
        }
        Value::String(Some(value)) => {
            bytes.push(b's');
            text(bytes, value);
        }
        Value::ChronoDateTime(Some(value)) => {
            bytes.push(b't');
            bytes.extend(value.and_utc().timestamp_micros().to_be_bytes());
        }
        Value::ChronoDateTimeUtc(Some(value)) => {
            bytes.push(b'z');
            bytes.extend(value.timestamp_micros().to_be_bytes());
        }
        Value::Json(Some(value)) => {
            bytes.push(b'j');
            let mut canonical = String::new();
            json(&mut canonical, value);
            text(bytes, &canonical);
        }
        other if other == &other.as_null() => bytes.push(b'0'),
        // A type that no table has so far.
        other => {
            bytes.push(b'o');
            text(bytes, number(&other.to_string()));
        }
    }
}

/// A number without zeros at its end: not every engine keeps how many digits it was given.
fn number(text: &str) -> &str {
    let is_number = text.contains('.') && text.bytes().all(|it| b"-.0123456789".contains(&it));
    if is_number { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn integer(bytes: &mut Vec<u8>, value: i64) {
    bytes.push(b'i');
    bytes.extend(value.to_be_bytes());
}

/// A json value with its keys in order and without white space: jsonb keeps neither.
fn json(out: &mut String, value: &serde_json::Value) {
    match value {
        serde_json::Value::Array(items) => {
            out.push('[');
            for item in items {
                json(out, item);
                out.push(',');
            }
            out.push(']');
        }
        serde_json::Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for key in keys {
                out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                out.push(':');
                json(out, &map[key]);
                out.push(',');
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_counts() {
        let hash = |a: &str, b: Option<&str>| {
            row_hash(&["a", "b"], &[Value::from(a), Value::from(b.map(str::to_owned))])
        };
        assert_eq!(hash("x", Some("y")), hash("x", Some("y")));
        assert_ne!(hash("x", Some("y")), hash("y", Some("x")));
        assert_ne!(hash("x", Some("y")), hash("x", None));
        assert_eq!(
            row_hash(&["a"], &[Value::from(7_i16)]),
            row_hash(&["a"], &[Value::from(7_i64)])
        );
    }

    #[test]
    fn order_does_not_count_but_number_does() {
        let (mut one, mut other) = (Digest::default(), Digest::default());
        for (a, b) in [(1, 3), (2, 2), (3, 1)] {
            one.add(a);
            other.add(b);
        }
        assert_eq!(one, other);
        one.add(0);
        assert_ne!(one, other);
    }

    #[test]
    fn json_is_the_same_however_it_is_written() {
        let (mut one, mut other) = (String::new(), String::new());
        json(
            &mut one,
            &serde_json::from_str(r#"{"b": [1, {"d": 2, "c": "x"}], "a": null}"#).unwrap(),
        );
        json(&mut other, &serde_json::from_str(r#"{"a":null,"b":[1,{"c":"x","d":2}]}"#).unwrap());
        assert_eq!(one, other);
    }
}
