//! Conversions in SQLite's words: its functions instead of PostgreSQL's casts, and what a column's
//! values have to be, since SQLite stores any value in any column:
//! <https://www.sqlite.org/datatype3.html>.

use std::fmt::Write as _;

use crate::{
    schema::ColumnType::{
        self, BigInt, Boolean, Bytea, Date, Double, Integer, Json, Jsonb, Numeric, Other, Real,
        SmallInt, Text, Time, Timestamp, TimestampTz, Uuid, Varchar,
    },
    sql::quoted,
};

/// What PostgreSQL takes for white space around a number.
const WHITE_SPACE: &str = "' ' || char(9, 10, 11, 12, 13)";

/// Between the largest value of `real` and infinity, by way of rounding; and the same of zero.
const LARGEST_REAL: &str = "3.4028235677973366e38";
const SMALLEST_REAL: &str = "7.006492321624086e-46";
const LARGEST_DOUBLE: &str = "1.7976931348623157e308";

/// What must hold of every value of `column` that is not NULL if the column is of type `ty`, as SQL.
/// `None` where anything may be in it.
#[must_use]
pub fn conforms(column: &str, ty: &ColumnType) -> Option<String> {
    let c = &quoted(column);
    let integer = |least: i64, most: i64| {
        format!("typeof({c}) = 'integer' AND {c} BETWEEN {least} AND {most}")
    };
    let number = format!("typeof({c}) IN ('integer', 'real')");
    Some(match ty {
        SmallInt => integer(i16::MIN.into(), i16::MAX.into()),
        Integer => integer(i32::MIN.into(), i32::MAX.into()),
        BigInt => format!("typeof({c}) = 'integer'"),
        Double | Numeric(None) => number,
        Real => format!(
            "{number} AND ({c} = 0 OR abs({c}) BETWEEN {SMALLEST_REAL} AND {LARGEST_REAL} \
             OR abs({c}) > {LARGEST_DOUBLE})"
        ),
        Numeric(Some((precision, scale))) => {
            let whole = precision.saturating_sub(*scale);
            format!("{number} AND abs({c}) < 1e{whole}")
        }
        Boolean => format!("{c} IN (0, 1)"),
        Uuid => format!("typeof({c}) = 'blob' AND length({c}) = 16"),
        Text | Varchar(None) | ColumnType::Enum(_) => format!("typeof({c}) = 'text'"),
        Varchar(Some(length)) => format!("typeof({c}) = 'text' AND length({c}) <= {length}"),
        Bytea => format!("typeof({c}) = 'blob'"),
        Date | Time | Timestamp | TimestampTz | Json | Jsonb => form(ty, c)?,
        Other(_) | ColumnType::EnumArray(_) => return None,
    })
}

/// What must hold of a value of type `ty` so that another can be computed from it.
pub(super) fn computable(column: &str, ty: &ColumnType) -> Option<String> {
    match ty {
        // Out of the range of its type, it is a number still.
        SmallInt | Integer | BigInt | Real | Numeric(_) => conforms(column, &Double),
        Double | Boolean | Uuid => conforms(column, ty),
        _ => None,
    }
}

/// How a value of a type that is kept as a text has to be written, as a condition on `c`. Functions
/// stand for operators that only SQLite has, so that the guard's parser reads them.
pub(super) fn form(ty: &ColumnType, c: &str) -> Option<String> {
    // More than microseconds may be there: the library for dates writes nanoseconds.
    let fraction = |rest: &str| {
        format!(
            "({rest} = '' OR glob('.[0-9]*', {rest}) AND NOT glob('*[^0-9]*', substr({rest}, 2)))"
        )
    };
    let moment = format!(
        "datetime(substr({c}, 1, 19)) = replace(substr({c}, 1, 19), 'T', ' ') \
         AND NOT glob('0000*', {c})"
    );
    Some(match ty {
        Date => format!("date({c}) = {c} AND NOT glob('0000*', {c})"),
        Time => format!(
            "time(substr({c}, 1, 8)) = substr({c}, 1, 8) AND {}",
            fraction(&format!("substr({c}, 9)"))
        ),
        Timestamp => format!("{moment} AND {}", fraction(&format!("substr({c}, 20)"))),
        // One without a zone is UTC.
        TimestampTz => format!(
            "{moment} AND {} IS NOT NULL AND {}",
            in_utc(c),
            fraction(&fraction_before_zone(c))
        ),
        Json => format!("json_valid({c})"),
        Jsonb => {
            format!("json_valid({c}) AND instr(replace({c}, '\\\\', ''), '\\u0000') = 0")
        }
        _ => return None,
    })
}

/// The offset at the end of a timestamp, and how many characters it has.
fn zone(c: &str) -> (String, String) {
    let has_offset = format!("glob('*[+-][0-9][0-9]:[0-9][0-9]', {c})");
    let has_z = format!("upper(substr({c}, -1)) = 'Z'");
    (
        format!("CASE WHEN {has_offset} THEN substr({c}, -6) ELSE '+00:00' END"),
        format!("CASE WHEN {has_offset} THEN 6 WHEN {has_z} THEN 1 ELSE 0 END"),
    )
}

/// The seconds of a timestamp with an offset, in UTC, as `YYYY-MM-DD HH:MM:SS`. Without their fraction,
/// which SQLite would round.
pub(super) fn in_utc(c: &str) -> String {
    format!("datetime(substr({c}, 1, 19) || {})", zone(c).0)
}

/// What stands between the seconds and the offset of a timestamp.
pub(super) fn fraction_before_zone(c: &str) -> String {
    format!("substr({c}, 20, length({c}) - 19 - {})", zone(c).1)
}

/// A fraction of a second in six digits.
fn microseconds(fraction: &str) -> String {
    format!("'.' || substr(replace({fraction}, '.', '') || '000000', 1, 6)")
}

/// A number rounded to a whole one, halves away from zero, as PostgreSQL's numeric does. `round` would
/// be wrong for the largest number below a half.
pub(super) fn whole(c: &str) -> String {
    let cut = format!("CAST({c} AS integer)");
    format!(
        "CASE WHEN abs({c}) < 4503599627370496 \
         THEN {cut} + ({c} - {cut} >= 0.5) - ({c} - {cut} <= -0.5) ELSE {c} END"
    )
}

/// A number rounded to `scale` digits after the point, as its decimal digits say.
pub(super) fn rounded(c: &str, scale: u32) -> String {
    let factor = format!("1e{scale}");
    format!(
        "CASE WHEN abs({c}) * {factor} < 1e15 \
         THEN round(CAST(printf('%.15g', {c} * {factor}) AS real)) / {factor} ELSE {c} END"
    )
}

/// What must hold of a text so that it is read as a value of type `to`, and that value, unless it is the
/// text itself. The forms are those of [`postgres::read_text`](super::postgres::read_text).
pub(super) fn read_text(c: &str, to: &ColumnType) -> Option<(String, Option<String>)> {
    let word = format!("lower(trim({c}, {WHITE_SPACE}))");
    // PostgreSQL reads six digits, and would round more.
    let micro = |rest: &str| format!("length({rest}) <= 7");
    let at = |position: u32| format!("substr({c}, {position})");
    // JSON's numbers have neither a sign for positive ones nor zeros in front.
    let number_of =
        |characters: &str| format!("json_valid({c}) AND NOT glob('*[^{characters}]*', {c})");
    Some(match to {
        SmallInt | Integer | BigInt => (format!("{} AND {c} <> '-0'", number_of("-0-9")), None),
        Real | Double | Numeric(_) => {
            let read = format!("CAST({c} AS real)");
            let value = match to {
                Numeric(Some((_, scale))) => rounded(&read, *scale),
                _ => read.clone(),
            };
            let number = format!("{} AND abs({read}) <= {LARGEST_DOUBLE}", number_of("-+.0-9eE"));
            if matches!(to, Numeric(_)) {
                return Some((number, Some(value)));
            }
            let infinite = "WHEN 'Infinity' THEN 9e999 WHEN '-Infinity' THEN -9e999";
            (
                format!("{c} IN ('Infinity', '-Infinity') OR {number}"),
                Some(format!("CASE {c} {infinite} ELSE {value} END")),
            )
        }
        Boolean => {
            let yes = "'t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1'";
            let no = "'f', 'fa', 'fal', 'fals', 'false', 'n', 'no', 'of', 'off', '0'";
            (format!("{word} IN ({yes}, {no})"), Some(format!("{word} IN ({yes})")))
        }
        Uuid => {
            let dashed =
                format!("length({c}) = 36 AND glob('????????-????-????-????-????????????', {c})");
            let hex = format!("length(unhex({c}, '-')) = 16");
            (format!("{hex} AND (length({c}) = 32 OR {dashed})"), Some(format!("unhex({c}, '-')")))
        }
        Date | Json | Jsonb => (form(to, c)?, None),
        Time => (format!("{} AND {}", form(to, c)?, micro(&at(9))), None),
        Timestamp => (
            format!("{} AND {}", form(to, c)?, micro(&at(20))),
            Some(format!("replace({c}, 'T', ' ')")),
        ),
        TimestampTz => {
            let fraction = fraction_before_zone(c);
            let has_zone = format!("{} > 0", zone(c).1);
            let condition = format!("{} AND {has_zone} AND {}", form(to, c)?, micro(&fraction));
            let value = format!("replace({}, ' ', 'T') || {fraction} || '+00:00'", in_utc(c));
            (condition, Some(value))
        }
        _ => return None,
    })
}

/// The text that a value of type `from` is, unless it is kept as that text.
pub(super) fn write_text(c: &str, from: &ColumnType) -> Option<String> {
    Some(match from {
        SmallInt | Integer | BigInt => format!("CAST({c} AS text)"),
        Real => shortest_real(c),
        Double | Numeric(None) => shortest(c, &[15, 16], 17, "0"),
        // What is NULL, `printf` takes for 0.
        Numeric(Some((_, scale))) => {
            format!("CASE WHEN {c} IS NOT NULL THEN printf('%.{scale}f', {c}) END")
        }
        Boolean => format!("CASE {c} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
        // SQLite keeps a UUID as its 16 bytes.
        Uuid => uuid_text(c),
        Time => format!("substr({c}, 1, 8) || {}", microseconds(&format!("substr({c}, 9)"))),
        Timestamp => format!(
            "replace(substr({c}, 1, 19), 'T', ' ') || {}",
            microseconds(&format!("substr({c}, 20)"))
        ),
        TimestampTz => format!(
            "replace({}, ' ', 'T') || {} || '+00:00'",
            in_utc(c),
            microseconds(&fraction_before_zone(c))
        ),
        Text
        | Varchar(_)
        | Date
        | Json
        | Jsonb
        | Bytea
        | Other(_)
        | ColumnType::Enum(_)
        | ColumnType::EnumArray(_) => return None,
    })
}

/// The number that the fewest digits of a `real` say, which is what PostgreSQL makes of it by way of a text.
pub(super) fn decimal_of_real(c: &str) -> String {
    format!("CAST({} AS real)", shortest_real(c))
}

fn shortest_real(c: &str) -> String {
    shortest(c, &[6, 7, 8], 9, &format!("abs({c}) * 2.98e-8"))
}

/// A floating-point number in the fewest of these numbers of digits that give it back, up to an `error`;
/// in the last one otherwise.
fn shortest(c: &str, digits: &[u32], most: u32, error: &str) -> String {
    let mut text = format!("WHEN {c} IS NULL THEN NULL ");
    for digits in digits {
        let written = format!("printf('%!.{digits}g', {c})");
        let _ = write!(text, "WHEN abs(CAST({written} AS real) - {c}) <= {error} THEN {written} ");
    }
    // A whole number has a digit after its point too.
    let ends = format!("CASE {text}ELSE printf('%!.{most}g', {c}) END || ' '");
    format!("rtrim(replace(replace(replace({ends}, '.0 ', ''), '.0e', 'e'), 'Inf', 'Infinity'))")
}

/// A UUID's bytes as text, with the dashes where they belong.
fn uuid_text(column: &str) -> String {
    let hex = format!("lower(hex({column}))");
    let parts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)];
    let text = parts.map(|(from, length)| format!("substr({hex}, {from}, {length})"));
    // The hexadecimal digits of NULL are an empty text.
    format!("CASE WHEN {column} IS NOT NULL THEN {} END", text.join(" || '-' || "))
}
