//! Literals and names as SQL.

use std::borrow::Cow;

/// A text as an SQL literal.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The schema of a table's name, if it has one, and the name in it: `sales.orders`. A part that has a dot or a quote
/// itself is in quotes, as in SQL: `"a.b"`.
///
/// ```
/// use tenantry_entity::sql::parts;
///
/// assert_eq!(parts("orders"), (None, "orders".into()));
/// assert_eq!(parts("sales.orders"), (Some("sales".into()), "orders".into()));
/// assert_eq!(parts("\"a.b\""), (None, "a.b".into()));
/// ```
#[must_use]
pub fn parts(name: &str) -> (Option<Cow<'_, str>>, Cow<'_, str>) {
    if !name.contains(['.', '"']) {
        return (None, name.into());
    }
    let mut is_quoted = false;
    let dot = name.char_indices().find(|(_, letter)| {
        is_quoted ^= *letter == '"';
        *letter == '.' && !is_quoted
    });
    match dot {
        Some((at, _)) => (Some(bare(&name[..at])), bare(&name[at + 1..])),
        None => (None, bare(name)),
    }
}

/// A part of a name without the quotes that it may have.
fn bare(part: &str) -> Cow<'_, str> {
    match part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\"").into(),
        None => part.into(),
    }
}

/// A table's name, which [`parts`] takes apart.
#[must_use]
pub fn joined<'n>(schema: Option<&str>, table: &'n str) -> Cow<'n, str> {
    let part = |name: &'n str| -> Cow<'n, str> {
        if name.contains(['.', '"']) { quoted(name).into() } else { name.into() }
    };
    match schema {
        None => part(table),
        Some(schema) if schema.contains(['.', '"']) => {
            format!("{}.{}", quoted(schema), part(table)).into()
        }
        Some(schema) => format!("{schema}.{}", part(table)).into(),
    }
}

/// A table's name in SQL: `"sales"."orders"`.
#[must_use]
pub fn quoted_table(name: &str) -> String {
    match parts(name) {
        (None, table) => quoted(&table),
        (Some(schema), table) => format!("{}.{}", quoted(&schema), quoted(&table)),
    }
}

/// The name of something that is in the schema of a table, an index say, which [`parts`] takes apart.
#[must_use]
pub fn beside(table: &str, name: &str) -> String {
    joined(parts(table).0.as_deref(), name).into_owned()
}

/// A name as a quoted SQL identifier.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
