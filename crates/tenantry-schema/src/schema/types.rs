//! The types of columns, and how they are spelt.

use std::fmt;

use sea_orm::sea_query::{self, StringLen};
use serde::{Deserialize, Serialize};

use super::names;

/// The type of a column, as far as our entities and readers tell types apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ColumnType {
    /// `uuid`
    Uuid,
    /// `text`
    Text,
    /// `varchar`, with its length in characters if it has one.
    Varchar(Option<u32>),
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `numeric`, with its precision and scale in digits if it has them.
    Numeric(Option<(u32, u32)>),
    /// `boolean`
    Boolean,
    /// `date`
    Date,
    /// `time` without time zone
    Time,
    /// `timestamp` without time zone
    Timestamp,
    /// `timestamptz`
    TimestampTz,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `bytea`
    Bytea,
    /// An enum type of the database, by its name: see [`Schema::enums`](super::Schema::enums). SQLite keeps its
    /// values as text.
    Enum(String),
    /// Lists of values of an enum type.
    EnumArray(String),
    /// Any other type, as the engine spells it.
    Other(String),
}

/// How an enum type begins in a snapshot, which tells it from other types.
const ENUM: &str = "enum ";

impl ColumnType {
    /// Reads a type as PostgreSQL's `format_type` or an SQLite column declaration spells it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(name) = text.strip_prefix(ENUM) {
            return match name.strip_suffix("[]") {
                Some(name) => Self::EnumArray(name.to_owned()),
                None => Self::Enum(name.to_owned()),
            };
        }
        let lower = text.trim().to_ascii_lowercase();
        match lower.as_str() {
            "uuid" | "uuid_text" => return Self::Uuid,
            "text" => return Self::Text,
            "varchar" | "character varying" => return Self::Varchar(None),
            "smallint" => return Self::SmallInt,
            "integer" => return Self::Integer,
            "bigint" => return Self::BigInt,
            "real" | "float" => return Self::Real,
            "double precision" | "double" => return Self::Double,
            "numeric" | "decimal" | "real_decimal" => return Self::Numeric(None),
            "boolean" | "bool" => return Self::Boolean,
            "date" | "date_text" => return Self::Date,
            "time" | "time without time zone" | "time_text" => return Self::Time,
            "timestamp" | "timestamp without time zone" | "datetime_text" => {
                return Self::Timestamp;
            }
            "timestamptz" | "timestamp with time zone" | "timestamp_with_timezone_text" => {
                return Self::TimestampTz;
            }
            "json" | "json_text" => return Self::Json,
            "jsonb" | "jsonb_text" => return Self::Jsonb,
            "bytea" | "blob" => return Self::Bytea,
            _ => {}
        }
        let numbers = |prefixes: &[&str]| -> Option<Vec<u32>> {
            let inner = prefixes.iter().find_map(|prefix| lower.strip_prefix(prefix))?;
            inner.strip_suffix(')')?.split(',').map(|number| number.trim().parse().ok()).collect()
        };
        if let Some([length]) = numbers(&["varchar(", "character varying("]).as_deref() {
            return Self::Varchar(Some(*length));
        }
        // SQLite's spelling of a decimal is SeaQuery's.
        if let Some([precision, scale]) = numbers(&["numeric(", "decimal(", "real("]).as_deref() {
            return Self::Numeric(Some((*precision, *scale)));
        }
        Self::Other(text.trim().to_owned())
    }

    /// The type in SeaQuery's words.
    #[must_use]
    pub fn in_sea_query(&self) -> sea_query::ColumnType {
        use sea_query::ColumnType as Sea;
        match self {
            Self::Uuid => Sea::Uuid,
            Self::Text => Sea::Text,
            Self::Varchar(Some(length)) => Sea::String(StringLen::N(*length)),
            Self::Varchar(None) => Sea::String(StringLen::None),
            Self::SmallInt => Sea::SmallInteger,
            Self::Integer => Sea::Integer,
            Self::BigInt => Sea::BigInteger,
            Self::Real => Sea::Float,
            Self::Double => Sea::Double,
            Self::Numeric(digits) => Sea::Decimal(*digits),
            Self::Boolean => Sea::Boolean,
            Self::Date => Sea::Date,
            Self::Time => Sea::Time,
            Self::Timestamp => Sea::DateTime,
            Self::TimestampTz => Sea::TimestampWithTimeZone,
            Self::Json => Sea::Json,
            Self::Jsonb => Sea::JsonBinary,
            Self::Bytea => Sea::Blob,
            Self::Enum(_) | Self::EnumArray(_) => Sea::custom(self.to_string()),
            Self::Other(text) => Sea::custom(text.clone()),
        }
    }

    /// The name of the enum type that it is, or is a list of.
    #[must_use]
    pub fn enum_name(&self) -> Option<&str> {
        match self {
            Self::Enum(name) | Self::EnumArray(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is one of the whole numbers.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::SmallInt | Self::Integer | Self::BigInt)
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("uuid"),
            Self::Text => f.write_str("text"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(length)) => write!(f, "varchar({length})"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::BigInt => f.write_str("bigint"),
            Self::Real => f.write_str("real"),
            Self::Double => f.write_str("double precision"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((precision, scale))) => write!(f, "numeric({precision}, {scale})"),
            Self::Boolean => f.write_str("boolean"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::TimestampTz => f.write_str("timestamptz"),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Bytea => f.write_str("bytea"),
            Self::Enum(name) => f.write_str(&names::as_sql(name)),
            Self::EnumArray(name) => write!(f, "{}[]", names::as_sql(name)),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<String> for ColumnType {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<ColumnType> for String {
    fn from(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Enum(name) => format!("{ENUM}{name}"),
            ColumnType::EnumArray(name) => format!("{ENUM}{name}[]"),
            other => other.to_string(),
        }
    }
}
