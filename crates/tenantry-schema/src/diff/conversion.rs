//! What becomes of a column's values when its type changes.

use super::Hazard;
use crate::{
    schema::ColumnType::{
        self, BigInt, Boolean, Double, Integer, Json, Jsonb, Numeric, Other, Real, SmallInt, Text,
        Timestamp, TimestampTz, Uuid, Varchar,
    },
    sql::quoted,
};

/// How the values of one type become values of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// What it may cost.
    pub hazard: Hazard,
    /// The value, as SQL over the old column, for `ALTER … TYPE … USING`; `None` where the engine
    /// converts by itself, and fails if a value does not fit.
    pub using: Option<String>,
    /// The value, as SQL over the old column, for SQLite; `None` where it is copied as it is.
    pub copy: Option<String>,
    /// What must hold on SQLite of every converted value that is not NULL, as SQL over the new
    /// column: SQLite would store anything.
    pub require: Option<String>,
}

/// How values of `column` get from one type to another; `None` if there is no way, so that the
/// column has to be dropped and added. If there is a way there, there is one back.
///
/// Which casts there are: <https://www.postgresql.org/docs/15/catalog-pg-cast.html>.
#[must_use]
pub fn conversion(column: &str, from: &ColumnType, to: &ColumnType) -> Option<Conversion> {
    let c = quoted(column);
    let plain = |hazard| Conversion { hazard, using: None, copy: None, require: None };
    let using = |hazard, using: String| Conversion { using: Some(using), ..plain(hazard) };
    let is_integer = Some(format!("typeof({c}) = 'integer'"));
    // Anything can be a text, but maybe not a short one.
    let length = match to {
        Varchar(Some(length)) => Some(format!("length({c}) <= {length}")),
        _ => None,
    };
    let as_text = if length.is_some() { Hazard::LosesData } else { Hazard::BlocksWrites };
    Some(match (from, to) {
        (Varchar(_) | Text, Text | Varchar(None)) | (Numeric(_), Numeric(None)) => {
            plain(Hazard::Safe)
        }
        (Varchar(Some(from)), Varchar(Some(to))) if from <= to => plain(Hazard::Safe),
        (Varchar(_) | Text, Varchar(Some(_))) => {
            Conversion { require: length, ..plain(Hazard::LosesData) }
        }
        (SmallInt, Integer | BigInt | Numeric(None) | Real | Double)
        | (Integer, BigInt | Numeric(None) | Double)
        | (BigInt | Real | Double, Numeric(None))
        | (Real, Double) => plain(Hazard::BlocksWrites),
        (Numeric(Some(from)), Numeric(Some(to))) if holds(*to, *from) => {
            plain(Hazard::BlocksWrites)
        }
        (Real | Double | Numeric(_), SmallInt | Integer | BigInt) => Conversion {
            // PostgreSQL rounds where it casts.
            copy: Some(format!("CAST(round({c}) AS integer)")),
            ..plain(Hazard::LosesData)
        },
        (a, b) if is_number(a) && is_number(b) => plain(Hazard::LosesData),
        (Boolean, SmallInt | BigInt) => using(Hazard::BlocksWrites, format!("{c}::integer::{to}")),
        (Boolean, Integer) => using(Hazard::BlocksWrites, format!("{c}::integer")),
        (SmallInt | Integer | BigInt, Boolean) => Conversion {
            copy: Some(format!("{c} <> 0")),
            ..using(Hazard::LosesData, format!("{c} <> 0"))
        },
        (Boolean, Text | Varchar(_)) => Conversion {
            copy: Some(format!("CASE {c} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END")),
            require: length,
            ..using(as_text, format!("{c}::text"))
        },
        (Text | Varchar(_), Boolean) => Conversion {
            copy: Some(format!(
                "CASE WHEN lower({c}) IN ('true', 't', 'yes', 'y', 'on', '1') THEN 1 \
                 WHEN lower({c}) IN ('false', 'f', 'no', 'n', 'off', '0') THEN 0 ELSE {c} END"
            )),
            require: Some(format!("{c} IN (0, 1)")),
            ..using(Hazard::LosesData, format!("{c}::boolean"))
        },
        (a, Text | Varchar(_)) if is_number(a) => Conversion {
            copy: Some(format!("CAST({c} AS text)")),
            require: length,
            ..plain(as_text)
        },
        (Text | Varchar(_), SmallInt | Integer | BigInt) => {
            Conversion { require: is_integer, ..using(Hazard::LosesData, format!("{c}::{to}")) }
        }
        (Text | Varchar(_), Real | Double | Numeric(_)) => Conversion {
            require: Some(format!("typeof({c}) IN ('integer', 'real')")),
            ..using(Hazard::LosesData, format!("{c}::{to}"))
        },
        // SQLite keeps a UUID as its 16 bytes.
        (Uuid, Text | Varchar(_)) => Conversion {
            copy: Some(uuid_text(&c)),
            require: length,
            ..using(as_text, format!("{c}::text"))
        },
        (Text | Varchar(_), Uuid) => Conversion {
            copy: Some(format!(
                "CASE WHEN {c} IS NULL THEN NULL ELSE coalesce(unhex({c}, '-'), {c}) END"
            )),
            require: Some(format!("typeof({c}) = 'blob' AND length({c}) = 16")),
            ..using(Hazard::LosesData, format!("{c}::uuid"))
        },
        (Json | Jsonb, Text | Varchar(_)) => {
            Conversion { require: length, ..using(as_text, format!("{c}::text")) }
        }
        (Json, Jsonb) | (Jsonb, Json) => using(Hazard::BlocksWrites, format!("{c}::{to}")),
        (Text | Varchar(_), Json | Jsonb) => Conversion {
            require: Some(format!("json_valid({c})")),
            ..using(Hazard::LosesData, format!("{c}::{to}"))
        },
        // Both are UTC here. SQLite keeps them as sqlx writes them, with a zone or without.
        (Timestamp, TimestampTz) => Conversion {
            copy: Some(format!("replace({c}, ' ', 'T') || '+00:00'")),
            ..using(Hazard::BlocksWrites, format!("{c} AT TIME ZONE 'UTC'"))
        },
        (TimestampTz, Timestamp) => Conversion {
            copy: Some(format!("replace(replace({c}, 'T', ' '), '+00:00', '')")),
            require: Some(format!("julianday({c}) IS NOT NULL")),
            ..using(Hazard::BlocksWrites, format!("{c} AT TIME ZONE 'UTC'"))
        },
        (Other(_), Other(_)) => using(Hazard::LosesData, format!("{c}::{to}")),
        _ => return None,
    })
}

/// Whether every number with `inner`'s digits has a place in `outer`, both as precision and scale.
fn holds(outer: (u32, u32), inner: (u32, u32)) -> bool {
    let whole = |(precision, scale): (u32, u32)| i64::from(precision) - i64::from(scale);
    inner.1 <= outer.1 && whole(inner) <= whole(outer)
}

fn is_number(ty: &ColumnType) -> bool {
    matches!(ty, SmallInt | Integer | BigInt | Real | Double | Numeric(_))
}

/// A UUID's bytes as text, with the dashes where they belong.
fn uuid_text(column: &str) -> String {
    let hex = format!("lower(hex({column}))");
    let parts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)];
    let text = parts.map(|(from, length)| format!("substr({hex}, {from}, {length})"));
    // The hexadecimal digits of NULL are an empty text.
    format!("CASE WHEN {column} IS NOT NULL THEN {} END", text.join(" || '-' || "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColumnType::{Bytea, Date, Time};

    #[test]
    fn there_is_a_way_back_wherever_there_is_one_there() {
        let types = [
            Uuid,
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
            Date,
            Time,
            Timestamp,
            TimestampTz,
            Json,
            Jsonb,
            Bytea,
            Other("inet".to_owned()),
        ];
        for from in &types {
            for to in &types {
                let (there, back) = (conversion("c", from, to), conversion("c", to, from));
                assert_eq!(there.is_some(), back.is_some(), "{from} and {to}");
            }
        }
    }
}
