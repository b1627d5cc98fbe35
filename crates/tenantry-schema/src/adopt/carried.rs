//! What of a live schema entities can say, in the words in which they will say it.

use tenantry_entity::Engine;

use super::{Left, values};
use crate::schema::{
    Check, Column, ColumnType, ForeignKey, INCLUDE, Index, NULLS_NOT_DISTINCT, Schema, Table, ddl,
    is_unique, reread,
};

/// The part of `live` that entities can say, and the tables that they cannot be written for.
pub(super) fn carried(live: &Schema, engine: Engine) -> (Schema, Vec<Left>) {
    let mut schema = live.clone().without_access();
    let mut left = Vec::new();
    schema.tables.retain(|name, table| match why_not(table) {
        None => true,
        Some(why) => {
            left.push(Left::new("table", name, why));
            false
        }
    });
    for table in schema.tables.values_mut() {
        table.options.clear();
        table.distribution = None;
        if let Some(key) = &mut table.primary_key {
            key.name = key.name.take().filter(is_writable);
            key.options.clear();
        }
        let key = table.key().to_vec();
        let is_plain = live.tables.get(&table.name).is_some_and(|it| it.options.is_empty());
        for column in &mut table.columns {
            let is_key = key == [column.name.clone()];
            say_column(column, is_key, engine, is_plain);
            // SQLite takes NULL in a key that does not refuse it.
            column.nullable &= !key.contains(&column.name);
        }
        table.checks = table.checks.iter().map(|check| say_check(table, check)).collect();
        let indexes = std::mem::take(&mut table.indexes);
        table.indexes = indexes.iter().filter_map(|index| say_index(table, index)).collect();
    }
    let all = schema.clone();
    for table in schema.tables.values_mut() {
        let mut kept: Vec<ForeignKey> = Vec::new();
        for key in std::mem::take(&mut table.foreign_keys) {
            let target = all.tables.get(&key.ref_table);
            let holds = target.is_some_and(|target| is_unique(target, &key.ref_columns));
            if holds && !kept.iter().any(|other| other.is_like(&key)) {
                let name = key.name.clone().filter(is_writable);
                kept.push(ForeignKey { name, options: Vec::new(), ..key });
            }
        }
        table.foreign_keys = kept;
    }
    (schema.without_unused_enums().sorted(), left)
}

/// `live` in the words of entities, with everything that they cannot say.
pub(super) fn spelled(live: &Schema, engine: Engine) -> Schema {
    let mut schema = live.clone().without_access();
    for table in schema.tables.values_mut() {
        table.distribution = None;
        let key = table.key().to_vec();
        let is_plain = table.options.is_empty();
        for column in &mut table.columns {
            let mut said = column.clone();
            say_column(&mut said, key == [column.name.clone()], engine, is_plain);
            if said.default.is_some() {
                column.default = said.default;
            }
            if engine == Engine::Sqlite && column.ty == ColumnType::Integer {
                (column.ty, column.auto_increment) = (said.ty, said.auto_increment);
            }
        }
        for check in &mut table.checks {
            if let Some(list) = values::of_check(&check.expr) {
                check.expr = list.to_string();
            }
        }
        let indexes = std::mem::take(&mut table.indexes);
        table.indexes = indexes
            .into_iter()
            .map(|index| match say_index(table, &index) {
                Some(said) => Index { options: index.options, ..said },
                None => index,
            })
            .collect();
    }
    schema.sorted()
}

/// Whether a name can be given to a key: SeaQuery does not double the quotes in it.
#[allow(clippy::ptr_arg, reason = "what a filter asks for")]
fn is_writable(name: &String) -> bool {
    !name.contains('"')
}

/// Why no entity can be written for a table, if none can.
#[must_use]
pub fn why_not(table: &Table) -> Option<&'static str> {
    let has = |start: &str| table.options.iter().any(|option| option.starts_with(start));
    match &table.primary_key {
        _ if has("INHERITS (") => Some("it is a part of another table, or inherits from one"),
        _ if table.columns.is_empty() => Some("it has no columns, and an entity has at least one"),
        None => Some("it has no primary key, and SeaORM has no entity without one"),
        // <https://docs.rs/sea-orm/2.0.4/sea_orm/trait.TryFromU64.html>
        Some(key) if key.columns.len() > 12 => Some("SeaORM's keys have at most 12 columns"),
        Some(_) => None,
    }
}

fn say_column(column: &mut Column, is_key: bool, engine: Engine, is_plain: bool) {
    let is_identity = column.options.iter().any(|it| it.starts_with("GENERATED ALWAYS AS IDENT"));
    column.auto_increment |= is_identity;
    if engine == Engine::Sqlite && column.ty == ColumnType::Integer {
        // It has 64 bits there. That of a row's key is counted by SQLite itself.
        column.ty = ColumnType::BigInt;
        column.auto_increment |= is_key && is_plain;
    }
    if engine == Engine::Sqlite
        && let ColumnType::Other(text) = &column.ty
        && !column.ty.is_known_to_sqlite()
    {
        column.ty = by_affinity(text);
    }
    column.auto_increment &= is_key && column.ty.is_integer();
    column.options.clear();
    let is_counted = |text: &String| text.contains("nextval(");
    let default = column.default.take().filter(|it| !is_counted(it));
    column.default = default.map(|text| say_default(text, &column.ty));
}

/// The type of what SQLite keeps in a column that is declared so:
/// <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>
fn by_affinity(declared: &str) -> ColumnType {
    let upper = declared.to_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| upper.contains(word));
    match () {
        () if has(&["INT"]) => ColumnType::BigInt,
        () if has(&["CHAR", "CLOB", "TEXT"]) => ColumnType::Text,
        () if has(&["BLOB"]) || upper.is_empty() => ColumnType::Bytea,
        () => ColumnType::Double,
    }
}

/// A default as the entity's attribute will have it: a plain value without the type that the server writes after it.
fn say_default(text: String, ty: &ColumnType) -> String {
    let plain = match text.rsplit_once("::") {
        // What stands in the text itself is no type. Another type than the column's stays, since the server keeps it.
        Some((value, cast)) if !cast.contains('\'') && is_of(cast, ty) => value,
        _ => text.as_str(),
    };
    match plain {
        "true" | "TRUE" => "TRUE".to_owned(),
        "false" | "FALSE" => "FALSE".to_owned(),
        other if ddl::Literal::of(other).is_some() => other.to_owned(),
        _ => text,
    }
}

/// Whether a cast is to the type, whatever its length.
fn is_of(cast: &str, ty: &ColumnType) -> bool {
    let without_length = |text: &str| text.split('(').next().unwrap_or_default().trim().to_owned();
    match (ColumnType::parse(cast), ty) {
        (ColumnType::Varchar(_), ColumnType::Varchar(_))
        | (ColumnType::Numeric(_), ColumnType::Numeric(_)) => true,
        (ColumnType::Other(cast), ColumnType::Other(ty)) => {
            without_length(&cast) == without_length(ty)
        }
        (ColumnType::Other(cast), ty @ (ColumnType::Enum(_) | ColumnType::EnumArray(_))) => {
            cast == ty.to_string()
        }
        (cast, ty) => cast == *ty,
    }
}

/// A check without what the server does not do with it yet.
fn say_check(table: &Table, check: &Check) -> Check {
    let mut expr = check.expr.as_str();
    for end in [" NOT VALID", " NO INHERIT", " NOT ENFORCED"] {
        expr = expr.strip_suffix(end).unwrap_or(expr);
    }
    // The server writes the list in other words each time that it reads its own.
    let listed = values::of_check(expr).filter(|list| table.column(&list.column).is_some());
    let expr = listed.map_or_else(|| expr.to_owned(), |list| list.to_string());
    Check { name: check.name.clone().filter(is_writable), expr }
}

/// An index as the entity will say it, if it can.
fn say_index(table: &Table, index: &Index) -> Option<Index> {
    let is_said = |option: &String| option.starts_with(INCLUDE) || option == NULLS_NOT_DISTINCT;
    let deferrable = |option: &String| option.starts_with("DEFERRABLE");
    let has_words = index.options.iter().all(|option| is_said(option) || deferrable(option));
    if !has_words || !is_writable(&index.name) {
        return None;
    }
    let mut wanted = index.clone();
    wanted.options.retain(is_said);
    let said = reread(&table.name, &ddl::create_index(table, &wanted)).ok()?;
    let parts = |index: &Index| {
        let parts = index.parts.iter();
        parts.map(|part| (part.operator_class.clone(), part.descending)).collect::<Vec<_>>()
    };
    let is_same = (said.unique, &said.method, &said.options, parts(&said))
        == (wanted.unique, &wanted.method, &wanted.options, parts(&wanted));
    is_same.then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_lose_the_column_s_own_type_only() {
        let mood = ColumnType::Enum("mood".to_owned());
        let list = ColumnType::Other("text[]".to_owned());
        let cases = [
            ("'new'::text", ColumnType::Text, "'new'"),
            ("'new'::character varying", ColumnType::Varchar(Some(20)), "'new'"),
            // A column that was altered keeps the type that its default had.
            ("'new'::character varying", ColumnType::Text, "'new'::character varying"),
            ("'a::b'::text", ColumnType::Text, "'a::b'"),
            ("'a::b'", ColumnType::Text, "'a::b'"),
            ("'ok'::mood", mood, "'ok'"),
            ("'{}'::text[]", list, "'{}'"),
            ("'-1'::integer", ColumnType::Integer, "'-1'"),
            ("0", ColumnType::Integer, "0"),
            ("true", ColumnType::Boolean, "TRUE"),
            ("lower('A'::text)", ColumnType::Text, "lower('A'::text)"),
            ("now()", ColumnType::TimestampTz, "now()"),
        ];
        for (text, ty, expected) in cases {
            assert_eq!(say_default(text.to_owned(), &ty), expected, "{text} of {ty}");
        }
    }
}
