//! Types of Rust for types of columns.

use tenantry_entity::Engine;

use crate::schema::ColumnType;

/// How a column is written in an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// The type of its values.
    pub(super) ty: String,
    /// The attributes that say its type in the database, where the type of Rust does not.
    pub(super) attributes: Vec<String>,
}

impl Written {
    fn plain(ty: &str) -> Self {
        Self { ty: ty.to_owned(), attributes: Vec::new() }
    }

    /// With SeaQuery's word for the type in the database.
    fn of(ty: &str, column_type: &str) -> Self {
        Self { ty: ty.to_owned(), attributes: vec![format!("column_type = {column_type:?}")] }
    }

    /// With the database's own word for it.
    fn custom(ty: &str, column_type: &str) -> Self {
        Self::of(ty, &format!("custom({column_type:?})"))
    }

    /// As a text, which the database reads and writes in the form of its type.
    fn as_text(column_type: &str) -> Self {
        let mut written = Self::custom("String", column_type);
        written.attributes.push("select_as = \"text\"".to_owned());
        written.attributes.push(format!("save_as = {column_type:?}"));
        written
    }
}

/// The type of Rust for values of `ty`, but for those of enums, and what has to be said besides.
pub(super) fn written(ty: &ColumnType, engine: Engine) -> Written {
    match ty {
        ColumnType::Uuid => Written::plain("Uuid"),
        ColumnType::Text => Written::of("String", "Text"),
        ColumnType::Varchar(None) => Written::plain("String"),
        ColumnType::Varchar(Some(length)) => {
            Written::of("String", &format!("String(StringLen::N({length}))"))
        }
        ColumnType::SmallInt => Written::plain("i16"),
        ColumnType::Integer => Written::plain("i32"),
        ColumnType::BigInt => Written::plain("i64"),
        ColumnType::Real => Written::plain("f32"),
        ColumnType::Double => Written::plain("f64"),
        ColumnType::Numeric(None) => Written::of("Decimal", "Decimal(None)"),
        ColumnType::Numeric(Some((digits, scale))) => {
            Written::of("Decimal", &format!("Decimal(Some(({digits}, {scale})))"))
        }
        ColumnType::Boolean => Written::plain("bool"),
        ColumnType::Date => Written::plain("Date"),
        ColumnType::Time => Written::plain("Time"),
        ColumnType::Timestamp => Written::plain("DateTime"),
        ColumnType::TimestampTz => Written::plain("DateTimeUtc"),
        ColumnType::Json => Written::plain("Json"),
        ColumnType::Jsonb => Written::of("Json", "JsonBinary"),
        ColumnType::Bytea => Written::of("Vec<u8>", "Blob"),
        ColumnType::Enum(name) => Written::as_text(name),
        ColumnType::EnumArray(name) => Written::as_text(&format!("{name}[]")),
        ColumnType::Other(text) if engine == Engine::Sqlite => {
            let ty = if text.to_ascii_lowercase().ends_with("blob") { "Vec<u8>" } else { "String" };
            Written::custom(ty, text)
        }
        ColumnType::Other(text) => other(text),
    }
}

fn other(text: &str) -> Written {
    if let Some(element) = text.strip_suffix("[]") {
        let ty = ColumnType::parse(element);
        let known = written(&ty, Engine::Postgres).ty;
        // Numbers that are no whole ones, times and dates have lists as well; what is sent as a text has none.
        let is_known = !matches!(ty, ColumnType::Other(_) | ColumnType::Bytea);
        return if is_known {
            Written::custom(&format!("Vec<{known}>"), text)
        } else {
            Written::as_text(text)
        };
    }
    let begins = |start: &str| text.starts_with(start);
    match text {
        _ if begins("character(") => Written::custom("String", text),
        _ if begins("timestamp(") && text.ends_with("with time zone") => {
            Written::custom("DateTimeUtc", text)
        }
        _ if begins("timestamp(") => Written::custom("DateTime", text),
        _ if begins("time(") && text.ends_with("without time zone") => {
            Written::custom("Time", text)
        }
        _ => Written::as_text(text),
    }
}
