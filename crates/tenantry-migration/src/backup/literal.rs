//! The values that a backup of SQLite is written in.

use sea_orm::DbErr;
use serde_json::{Map, Value};
use sqlparser::{
    dialect::SQLiteDialect,
    tokenizer::{Token, Tokenizer},
};

/// The values of a row that is written in literals. What is no literal is no backup's.
pub(super) fn literals(columns: &[String], row: &str) -> Result<Vec<sea_orm::Value>, DbErr> {
    let row: Map<String, Value> =
        serde_json::from_str(row).map_err(|error| DbErr::Json(error.to_string()))?;
    let values = columns.iter().map(|column| {
        let text = row.get(column).and_then(Value::as_str).unwrap_or("NULL");
        value(text).ok_or_else(|| DbErr::Custom(format!("the value of {column} is no literal")))
    });
    values.collect()
}

/// The value of one number, string, blob or NULL, or of a blob that is cast to text.
fn value(text: &str) -> Option<sea_orm::Value> {
    let cast = text.strip_prefix("CAST(X'").and_then(|rest| rest.strip_suffix("' AS TEXT)"));
    if let Some(hex) = cast {
        return Some(String::from_utf8(bytes(hex)?).ok()?.into());
    }
    match Tokenizer::new(&SQLiteDialect {}, text).tokenize().ok()?.as_slice() {
        [Token::SingleQuotedString(text)] => Some(text.as_str().into()),
        [Token::HexStringLiteral(hex)] => Some(bytes(hex)?.into()),
        [Token::Number(..)] | [Token::Minus, Token::Number(..)] => match text.parse::<i64>() {
            Ok(number) => Some(number.into()),
            Err(_) => text.parse::<f64>().ok().map(Into::into),
        },
        [Token::Word(word)] if word.value.eq_ignore_ascii_case("null") => {
            Some(sea_orm::Value::String(None))
        }
        _ => None,
    }
}

/// What is written in hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
        _ => None,
    };
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use sea_orm::Value;

    use super::value;

    #[test]
    fn only_literals_are_literals() {
        for (text, expected) in [
            ("1", Value::from(1_i64)),
            ("-9223372036854775808", i64::MIN.into()),
            ("-2.5", (-2.5).into()),
            ("1e3", 1e3.into()),
            ("9.0e+999", f64::INFINITY.into()),
            ("'it''s'", "it's".into()),
            ("''", "".into()),
            ("X'0aff'", vec![0x0a_u8, 0xff].into()),
            ("CAST(X'610062' AS TEXT)", "a\0b".into()),
            ("NULL", Value::String(None)),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        for text in
            ["(SELECT 1)", "1; DROP TABLE t", "'a' || 'b'", "name", "", "1 -- x", "'a", "X'0'"]
        {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
