//! Conversions in PostgreSQL's words. What a cast reads depends on settings of the session and on the
//! server's version, and its errors quote the value, which may be secret: so the form is checked first.

use crate::{
    schema::ColumnType::{
        self, BigInt, Boolean, Date, Double, Integer, Json, Jsonb, Numeric, Other, Real, SmallInt,
        Text, Time, Timestamp, TimestampTz, Uuid, Varchar,
    },
    sql::{literal, quoted},
};

/// What PostgreSQL's error quotes instead of a value, before the column.
pub const DOES_NOT_FIT: &str = "there is a value that does not fit in ";

/// A zero in front says that a text is no number: it may be a code.
const INTEGER: &str = "0|-?[1-9][0-9]*";
const DECIMAL: &str = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?";
const BOOLEAN: &str = r"\s*(t|tr|tru|true|y|ye|yes|on|1|f|fa|fal|fals|false|n|no|of|off|0)\s*";
const UUID: &str = "[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const DATE: &str = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
const TIME: &str = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?";
const ZONE: &str = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])";

/// The value that a text in `column` is of type `to`.
pub(super) fn read_text(column: &str, to: &ColumnType) -> Option<String> {
    let c = quoted(column);
    let form = match to {
        SmallInt | Integer | BigInt => INTEGER.to_owned(),
        Real | Double => format!("{DECIMAL}|-?Infinity"),
        Numeric(_) => DECIMAL.to_owned(),
        Boolean => BOOLEAN.to_owned(),
        Uuid => UUID.to_owned(),
        Date => DATE.to_owned(),
        Time => TIME.to_owned(),
        Timestamp => format!("{DATE}[ T]{TIME}"),
        TimestampTz => format!("{DATE}[ T]{TIME}{ZONE}"),
        Json | Jsonb => return Some(format!("{c}::{to}")),
        _ => return None,
    };
    // What is out of range, numeric refuses without quoting it.
    let by_way_of = if matches!(to, SmallInt | Integer | BigInt) { "::numeric" } else { "" };
    let operator = if matches!(to, Boolean | Uuid) { "~*" } else { "~" };
    let fits = format!("{c} {operator} {}", literal(&format!("^({form})$")));
    Some(where_fitting(column, to, &fits, &format!("{c}{by_way_of}::{to}")))
}

/// `value` where the old value fits, and an error that quotes no value where it does not.
pub(super) fn where_fitting(column: &str, to: &ColumnType, fits: &str, value: &str) -> String {
    let said = literal(&format!("{DOES_NOT_FIT}{column}"));
    // The planner would evaluate a constant.
    let error = format!("(left({}::text, 0) || {said})::{to}", quoted(column));
    format!("CASE WHEN {fits} THEN {value} ELSE {error} END")
}

/// The text that a value of type `from` is, whatever the session's settings.
pub(super) fn write_text(c: &str, from: &ColumnType) -> Option<String> {
    Some(match from {
        Date => format!("to_char({c}, 'YYYY-MM-DD')"),
        Time => format!("to_char({c}::interval, 'HH24:MI:SS.US')"),
        Timestamp => format!("to_char({c}, 'YYYY-MM-DD HH24:MI:SS.US')"),
        TimestampTz => {
            format!(r#"to_char({c} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"#)
        }
        SmallInt
        | Integer
        | BigInt
        | Real
        | Double
        | Numeric(_)
        | Boolean
        | Uuid
        | Json
        | Jsonb
        | ColumnType::Enum(_)
        | ColumnType::EnumArray(_) => {
            format!("{c}::text")
        }
        // A cast of its own may say more: an address gets its mask.
        Other(_) => format!("CASE WHEN {c} IS NOT NULL THEN format('%s', {c}) END"),
        Text | Varchar(_) | ColumnType::Bytea => return None,
    })
}

/// A value of an enum type, or a list of them, as one of another type with a value of that name.
pub(super) fn enum_value(column: &str, to: &ColumnType) -> Option<String> {
    let c = quoted(column);
    let (name, list, is_in) = match to {
        ColumnType::Enum(name) => (name, "", "= ANY"),
        ColumnType::EnumArray(name) => (name, "[]", "<@"),
        _ => return None,
    };
    let all = format!("enum_range(NULL::{})::text[]", ColumnType::Enum(name.clone()));
    let fits = format!("{c}::text{list} {is_in} ({all})");
    Some(where_fitting(column, to, &fits, &format!("{c}::text{list}::{to}")))
}
