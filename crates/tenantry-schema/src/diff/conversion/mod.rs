//! What becomes of a column's values when its type changes: one table for all engines.
//!
//! PostgreSQL's casts are the measure. SQLite stores any value in any column, so there each value is
//! checked as PostgreSQL checks it.

mod postgres;
mod sqlite;

use super::Hazard;
use crate::{
    schema::ColumnType::{
        self, BigInt, Boolean, Bytea, Date, Double, Enum, EnumArray, Integer, Json, Jsonb, Numeric,
        Other, Real, SmallInt, Text, Time, Timestamp, TimestampTz, Uuid, Varchar,
    },
    sql::quoted,
};

pub use postgres::DOES_NOT_FIT;
pub use sqlite::conforms;

/// Which values come through a change of type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// All of them.
    Lossless,
    /// Those that fit. If one does not, the change fails, and nothing is changed.
    Checked,
    /// Not all of what they say: what is lost.
    Lossy(&'static str),
}

/// How the values of one type become values of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// Which values come through.
    pub fidelity: Fidelity,
    /// Whether PostgreSQL only changes what its catalogue says, and neither reads nor writes rows.
    pub in_catalogue: bool,
    /// The value, as SQL over the old column, for `ALTER … TYPE … USING`; `None` where the engine
    /// converts by itself, and fails if a value does not fit.
    pub using: Option<String>,
    /// The value, as SQL over the old column, for SQLite; `None` where it is copied as it is.
    pub copy: Option<String>,
    /// What must hold on SQLite of every old value that is not NULL, as SQL over the old column.
    pub check: Option<String>,
    /// What must hold on SQLite of every new value that is not NULL, as SQL over the new column.
    pub require: Option<String>,
}

impl Conversion {
    fn new(fidelity: Fidelity) -> Self {
        let (using, copy, check, require) = (None, None, None, None);
        Self { fidelity, in_catalogue: false, using, copy, check, require }
    }

    fn in_catalogue() -> Self {
        Self { in_catalogue: true, ..Self::new(Fidelity::Lossless) }
    }

    fn using(mut self, value: impl Into<String>) -> Self {
        self.using = Some(value.into());
        self
    }

    fn copy(mut self, value: impl Into<String>) -> Self {
        self.copy = Some(value.into());
        self
    }

    fn check(mut self, condition: impl Into<String>) -> Self {
        self.check = Some(condition.into());
        self
    }

    /// What the change of type may cost.
    #[must_use]
    pub fn hazard(&self) -> Hazard {
        match self.fidelity {
            Fidelity::Lossless if self.in_catalogue => Hazard::Safe,
            Fidelity::Lossless => Hazard::BlocksWrites,
            Fidelity::Checked => Hazard::Checked,
            Fidelity::Lossy(_) => Hazard::LosesData,
        }
    }
}

/// The largest numbers up to which a floating-point number holds every whole number.
const WHOLE_IN_REAL: i64 = 1 << 24;
const WHOLE_IN_DOUBLE: i64 = 1 << 53;

/// Decimal digits that come through a floating-point number unchanged.
const DIGITS_OF_REAL: u32 = 6;
const DIGITS_OF_DOUBLE: u32 = 15;

const FRACTION: &str = "the digits after the point, which are rounded";
const DIGITS: &str = "digits that the new type has no place for, which are rounded";
const SPELLING: &str = "how a value was written: spaces, upper case, zeros at the end, an offset";
const TIME_OF_DAY: &str = "the time of day";

/// How values of `column` get from one type to another; `None` if there is no way, so that the
/// column has to be dropped and added. If there is a way there, there is one back.
///
/// Which casts there are: <https://www.postgresql.org/docs/15/catalog-pg-cast.html>.
#[must_use]
pub fn conversion(column: &str, from: &ColumnType, to: &ColumnType) -> Option<Conversion> {
    let c = &quoted(column);
    let mut conversion = match (from, to) {
        // On SQLite both are texts, and of any value.
        (Text | Varchar(_) | Enum(_), Enum(_)) | (EnumArray(_), EnumArray(_)) => {
            Conversion::new(Fidelity::Checked).using(postgres::enum_value(column, to)?)
        }
        (Text | Varchar(_), Text | Varchar(_)) => between_texts(c, from, to),
        (Text | Varchar(_), _) => from_text(column, to)?,
        (_, Text | Varchar(_)) => to_text(c, from, to)?,
        (a, b) if is_number(a) && is_number(b) => between_numbers(column, from, to),
        (Boolean, SmallInt | Integer | BigInt) => {
            let cast = if *to == Integer { String::new() } else { format!("::{to}") };
            Conversion::new(Fidelity::Lossless)
                .using(format!("{c}::integer{cast}"))
                .check(conforms(column, &Boolean)?)
        }
        (SmallInt | Integer | BigInt, Boolean) => {
            let lost = "which number it was: each but 0 becomes true";
            Conversion::new(Fidelity::Lossy(lost))
                .using(format!("{c} <> 0"))
                .copy(format!("{c} <> 0"))
        }
        (Date, Timestamp) => Conversion::new(Fidelity::Lossless)
            .using(format!("{c}::timestamp"))
            .copy(format!("{c} || ' 00:00:00'"))
            .check(sqlite::form(&Date, c)?),
        (Date, TimestampTz) => Conversion::new(Fidelity::Lossless)
            .using(format!("{c}::timestamp AT TIME ZONE 'UTC'"))
            .copy(format!("{c} || 'T00:00:00+00:00'"))
            .check(sqlite::form(&Date, c)?),
        (Timestamp, Date) => Conversion::new(Fidelity::Lossy(TIME_OF_DAY))
            .using(format!("{c}::date"))
            .copy(format!("substr({c}, 1, 10)"))
            .check(sqlite::form(&Timestamp, c)?),
        (TimestampTz, Date) => Conversion::new(Fidelity::Lossy(TIME_OF_DAY))
            .using(format!("({c} AT TIME ZONE 'UTC')::date"))
            .copy(format!("substr({}, 1, 10)", sqlite::in_utc(c)))
            .check(sqlite::form(&TimestampTz, c)?),
        // Both are UTC here. SQLite keeps them as sqlx writes them, with a zone or without.
        (Timestamp, TimestampTz) => Conversion::new(Fidelity::Lossless)
            .using(format!("{c} AT TIME ZONE 'UTC'"))
            .copy(format!("replace({c}, ' ', 'T') || '+00:00'"))
            .check(sqlite::form(&Timestamp, c)?),
        (TimestampTz, Timestamp) => Conversion::new(Fidelity::Lossless)
            .using(format!("{c} AT TIME ZONE 'UTC'"))
            .copy(format!("{} || {}", sqlite::in_utc(c), sqlite::fraction_before_zone(c)))
            .check(sqlite::form(&TimestampTz, c)?),
        (Json, Jsonb) => {
            let lost = "of JSON white space, the order of keys, and all but the last of equal keys";
            Conversion::new(Fidelity::Lossy(lost))
                .using(format!("{c}::jsonb"))
                .check(sqlite::form(&Jsonb, c)?)
        }
        (Jsonb, Json) => Conversion::new(Fidelity::Lossless).using(format!("{c}::json")),
        (Other(_), Other(_)) => {
            let lost = "what the new type does not keep";
            Conversion::new(Fidelity::Lossy(lost)).using(format!("{c}::{to}"))
        }
        _ => return None,
    };
    if conversion.fidelity != Fidelity::Lossless && to.enum_name().is_none() {
        conversion.require = conforms(column, to);
    }
    // What no column of that type should have, a computed value would be made of all the same.
    if conversion.copy.is_some() && conversion.check.is_none() {
        conversion.check = sqlite::computable(column, from);
    }
    Some(conversion)
}

fn between_texts(c: &str, from: &ColumnType, to: &ColumnType) -> Conversion {
    match (from, to) {
        (Varchar(Some(from)), Varchar(Some(to))) if from <= to => Conversion::in_catalogue(),
        // The server would cut spaces off that do not fit.
        (_, Varchar(Some(length))) => Conversion::new(Fidelity::Checked)
            .using(format!("CASE WHEN length({c}) <= {length} THEN {c} ELSE {c} || '.' END")),
        _ => Conversion::in_catalogue(),
    }
}

/// From a text to anything that is not one.
fn from_text(column: &str, to: &ColumnType) -> Option<Conversion> {
    let c = &quoted(column);
    if matches!(to, Other(_)) {
        let conversion = Conversion::new(Fidelity::Lossy("what the new type does not keep"));
        return Some(conversion.using(format!("{c}::{to}")));
    }
    let fidelity = match to {
        SmallInt | Integer | BigInt | Date | Json => Fidelity::Checked,
        Jsonb => Fidelity::Lossy(
            "of JSON white space, the order of keys, and all but the last of equal keys",
        ),
        _ => Fidelity::Lossy(SPELLING),
    };
    let conversion = Conversion::new(fidelity).using(postgres::read_text(column, to)?);
    let (condition, value) = sqlite::read_text(c, to)?;
    let conversion = conversion.check(condition);
    Some(match value {
        Some(value) => conversion.copy(value),
        None => conversion,
    })
}

/// From anything that is not a text to one. Anything can be a text, but maybe not a short one.
fn to_text(c: &str, from: &ColumnType, to: &ColumnType) -> Option<Conversion> {
    let is_short = matches!(to, Varchar(Some(_)));
    let fidelity = if is_short { Fidelity::Checked } else { Fidelity::Lossless };
    let conversion = Conversion::new(fidelity).using(postgres::write_text(c, from)?);
    let conversion = match sqlite::write_text(c, from) {
        Some(value) => conversion.copy(value),
        None => conversion,
    };
    let is_time = matches!(from, Date | Time | Timestamp | TimestampTz);
    Some(if is_time { conversion.check(sqlite::form(from, c)?) } else { conversion })
}

fn between_numbers(column: &str, from: &ColumnType, to: &ColumnType) -> Conversion {
    let c = &quoted(column);
    let (lossless, checked) = (Fidelity::Lossless, Fidelity::Checked);
    match (from, to) {
        (SmallInt, Integer | BigInt | Real | Double)
        | (Integer, BigInt | Double)
        | (SmallInt | Integer, Numeric(None))
        | (Real, Double) => Conversion::new(lossless),
        (Integer | BigInt, SmallInt | Integer) => Conversion::new(checked),
        (Integer | BigInt, Real | Double) => {
            let most = if *to == Real { WHOLE_IN_REAL } else { WHOLE_IN_DOUBLE };
            let fits = format!("{c} BETWEEN -{most} AND {most}");
            let using = postgres::where_fitting(column, to, &fits, &format!("{c}::{to}"));
            Conversion::new(checked).using(using).check(fits)
        }
        // SQLite keeps a numeric as a double.
        (BigInt, Numeric(digits)) => {
            let fits = format!("{c} BETWEEN -{WHOLE_IN_DOUBLE} AND {WHOLE_IN_DOUBLE}");
            let is_wide = digits.is_none_or(|digits| holds(digits, (19, 0)));
            Conversion::new(if is_wide { lossless } else { checked }).check(fits)
        }
        (SmallInt | Integer, Numeric(Some(digits))) => {
            let own = if *from == SmallInt { 5 } else { 10 };
            Conversion::new(if holds(*digits, (own, 0)) { lossless } else { checked })
        }
        // PostgreSQL's own cast of a floating-point number rounds halves to the even neighbour, and that
        // to numeric keeps fewer digits than the text.
        (Real | Double, SmallInt | Integer | BigInt) => Conversion::new(Fidelity::Lossy(FRACTION))
            .using(format!("(trunc({c}) + trunc(({c} - trunc({c})) * 2))::{to}"))
            .copy(sqlite::whole(c)),
        (Real | Double, Numeric(digits)) => {
            let decimal = if *from == Real { sqlite::decimal_of_real(c) } else { c.clone() };
            match digits {
                Some((_, scale)) => {
                    Conversion::new(Fidelity::Lossy(DIGITS)).copy(sqlite::rounded(&decimal, *scale))
                }
                None => Conversion::new(lossless).copy(decimal),
            }
            .using(format!("{c}::text::{to}"))
        }
        (Double, Real) => Conversion::new(Fidelity::Lossy(DIGITS)),
        (Numeric(digits), SmallInt | Integer | BigInt) => match digits {
            Some((_, 0)) => Conversion::new(checked),
            _ => Conversion::new(Fidelity::Lossy(FRACTION)).copy(sqlite::whole(c)),
        },
        (Numeric(digits), Real | Double) => {
            let most = if *to == Real { DIGITS_OF_REAL } else { DIGITS_OF_DOUBLE };
            let all_fit = digits.is_some_and(|(precision, _)| precision <= most);
            Conversion::new(if all_fit { lossless } else { Fidelity::Lossy(DIGITS) })
        }
        (Numeric(Some(from)), Numeric(Some(to))) if holds(*to, *from) => {
            Conversion { in_catalogue: from.1 == to.1, ..Conversion::new(lossless) }
        }
        (Numeric(Some(from)), Numeric(Some(to))) if from.1 <= to.1 => Conversion::new(checked),
        (Numeric(_), Numeric(Some((_, scale)))) => {
            Conversion::new(Fidelity::Lossy(DIGITS)).copy(sqlite::rounded(c, *scale))
        }
        // To a numeric without digits.
        _ => Conversion::in_catalogue(),
    }
}

/// Whether every number with `inner`'s digits has a place in `outer`, both as precision and scale.
fn holds(outer: (u32, u32), inner: (u32, u32)) -> bool {
    let whole = |(precision, scale): (u32, u32)| i64::from(precision) - i64::from(scale);
    inner.1 <= outer.1 && whole(inner) <= whole(outer)
}

fn is_number(ty: &ColumnType) -> bool {
    matches!(ty, SmallInt | Integer | BigInt | Real | Double | Numeric(_))
}

/// One of each type that the model tells apart: what a table of conversions has as rows and columns.
#[must_use]
pub fn each_type() -> Vec<ColumnType> {
    vec![
        Text,
        Varchar(None),
        Varchar(Some(9)),
        SmallInt,
        Integer,
        BigInt,
        Real,
        Double,
        Numeric(None),
        Numeric(Some((9, 2))),
        Boolean,
        Uuid,
        Date,
        Time,
        Timestamp,
        TimestampTz,
        Json,
        Jsonb,
        Bytea,
        Other("inet".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_way_back_wherever_there_is_one_there() {
        for from in &each_type() {
            for to in &each_type() {
                let (there, back) = (conversion("c", from, to), conversion("c", to, from));
                assert_eq!(there.is_some(), back.is_some(), "{from} and {to}");
            }
        }
    }
}
