//! Reads a schema from a live SQLite: pragmas, joined to `sqlite_schema` so that the number of
//! queries does not grow with the number of tables.
//!
//! What no pragma tells (checks, predicates, index expressions) is taken from the stored SQL, token
//! by token.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use sqlparser::tokenizer::Token;

use crate::sql::joined;

use super::{
    Action, BTREE, Check, Column, ColumnType, ForeignKey, Generated, Index, IndexPart, PrimaryKey,
    Schema, Table, expr, rows,
};

#[derive(FromQueryResult)]
struct ColumnRow {
    table_name: String,
    table_sql: String,
    column_name: String,
    column_type: String,
    not_null: i64,
    default_expr: Option<String>,
    /// 2 of one that is computed, 3 of one that is computed and stored.
    hidden: i64,
    key_position: i64,
}

#[derive(FromQueryResult)]
struct ForeignKeyRow {
    table_name: String,
    table_sql: String,
    id: i64,
    column_name: String,
    ref_table: String,
    ref_column: Option<String>,
    on_delete: String,
    on_update: String,
}

#[derive(FromQueryResult)]
struct IndexRow {
    table_name: String,
    name: String,
    is_unique: i64,
    index_sql: Option<String>,
    column_name: Option<String>,
    is_descending: i64,
    collation: Option<String>,
}

/// Reads every ordinary table.
pub(super) async fn read<C: ConnectionTrait>(db: &C) -> Result<Schema, DbErr> {
    let columns: Vec<ColumnRow> = rows(
        db,
        "SELECT m.name AS table_name, m.sql AS table_sql, p.name AS column_name, \
         p.type AS column_type, p.\"notnull\" AS not_null, p.dflt_value AS default_expr, \
         p.hidden AS hidden, p.pk AS key_position \
         FROM sqlite_schema m, pragma_table_xinfo(m.name) p \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY m.name, p.cid",
    )
    .await?;
    let foreign_keys: Vec<ForeignKeyRow> = rows(
        db,
        "SELECT m.name AS table_name, m.sql AS table_sql, f.id AS id, f.\"from\" AS column_name, \
         f.\"table\" AS ref_table, f.\"to\" AS ref_column, f.on_delete AS on_delete, \
         f.on_update AS on_update \
         FROM sqlite_schema m, pragma_foreign_key_list(m.name) f \
         WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq",
    )
    .await?;
    let indexes: Vec<IndexRow> = rows(
        db,
        "SELECT m.name AS table_name, l.name AS name, l.\"unique\" AS is_unique, \
         i.sql AS index_sql, x.name AS column_name, x.\"desc\" AS is_descending, \
         x.coll AS collation \
         FROM sqlite_schema m, pragma_index_list(m.name) l, pragma_index_xinfo(l.name) x \
         LEFT JOIN sqlite_schema i ON i.type = 'index' AND i.name = l.name \
         WHERE m.type = 'table' AND l.origin <> 'pk' AND x.key = 1 \
         ORDER BY m.name, l.name, x.seqno",
    )
    .await?;
    let (mut columns, mut foreign_keys, mut indexes) = (columns, foreign_keys, indexes);
    let named = |name: &mut String| *name = joined(None, name).into_owned();
    for row in &mut columns {
        named(&mut row.table_name);
    }
    for row in &mut indexes {
        named(&mut row.table_name);
    }
    for row in &mut foreign_keys {
        named(&mut row.table_name);
        named(&mut row.ref_table);
    }
    Ok(assemble(columns, foreign_keys, indexes))
}

fn column(row: ColumnRow, definition: &Definition) -> Column {
    // SQLite says `GENERATED ALWAYS` as a part of the type of a column that is computed.
    let is_computed = row.hidden > 1;
    let ty = if is_computed {
        row.column_type.to_ascii_uppercase().replace("GENERATED ALWAYS", "")
    } else {
        row.column_type
    };
    let Besides { generated, collation, options } = definition.besides(&row.column_name);
    Column {
        generated,
        collation,
        options,
        default: row.default_expr.map(|text| expr::normalise(&text)),
        ..Column::new(row.column_name, declared(&ty), row.not_null == 0)
    }
}

/// A declared type. SQLite keeps texts of any length under each name that has `CHAR` in it, so other databases' names
/// for the same are no other types.
fn declared(text: &str) -> ColumnType {
    let lower = text.trim().to_ascii_lowercase();
    let (word, length) = match lower.split_once('(') {
        Some((word, rest)) => (word.trim(), rest.trim_end().strip_suffix(')')),
        None => (lower.as_str(), None),
    };
    match (word, length) {
        ("nvarchar" | "nchar" | "varying character" | "native character", Some(length)) => {
            ColumnType::parse(&format!("varchar({length})"))
        }
        ("nvarchar" | "varying character" | "native character", None) => ColumnType::Varchar(None),
        ("clob" | "ntext" | "nclob", None) => ColumnType::Text,
        ("datetime", None) => ColumnType::Timestamp,
        _ => ColumnType::parse(text),
    }
}

fn assemble(
    columns: Vec<ColumnRow>,
    foreign_keys: Vec<ForeignKeyRow>,
    indexes: Vec<IndexRow>,
) -> Schema {
    let mut schema = Schema::default();
    let mut keys: Vec<(String, i64, String)> = Vec::new();
    let mut definition = Definition::default();
    for row in columns {
        let table = schema.tables.entry(row.table_name.clone()).or_insert_with(|| {
            definition = Definition::read(&row.table_sql);
            Table {
                checks: checks(&definition.tokens),
                options: definition.options(),
                ..Table::new(row.table_name.clone())
            }
        });
        if row.key_position > 0 {
            keys.push((row.table_name.clone(), row.key_position, row.column_name.clone()));
        }
        table.columns.push(column(row, &definition));
    }
    keys.sort();
    for (table, _, column) in keys {
        let Some(table) = schema.tables.get_mut(&table) else { continue };
        let key = table.primary_key.get_or_insert(PrimaryKey {
            name: None,
            columns: Vec::new(),
            options: Vec::new(),
        });
        key.columns.push(column);
    }
    let mut last: Option<(String, i64)> = None;
    for row in foreign_keys {
        let this = (row.table_name.clone(), row.id);
        let Some(table) = schema.tables.get_mut(&row.table_name) else { continue };
        if last.as_ref() != Some(&this) {
            table.foreign_keys.push(ForeignKey {
                name: None,
                columns: Vec::new(),
                ref_table: row.ref_table,
                ref_columns: Vec::new(),
                on_delete: action(&row.on_delete),
                on_update: action(&row.on_update),
                options: deferred(&row.table_sql, row.id),
            });
            last = Some(this);
        }
        if let Some(key) = table.foreign_keys.last_mut() {
            key.columns.push(row.column_name);
            key.ref_columns.extend(row.ref_column);
        }
    }
    // A key that names no target columns refers to the target's primary key.
    let primary: Vec<(String, Vec<String>)> = schema
        .tables
        .values()
        .filter_map(|t| Some((t.name.clone(), t.primary_key.as_ref()?.columns.clone())))
        .collect();
    for key in schema.tables.values_mut().flat_map(|table| &mut table.foreign_keys) {
        if key.ref_columns.is_empty()
            && let Some((_, columns)) = primary.iter().find(|(name, _)| *name == key.ref_table)
        {
            key.ref_columns.clone_from(columns);
        }
    }
    for row in indexes {
        let Some(table) = schema.tables.get_mut(&row.table_name) else { continue };
        if table.indexes.last().is_none_or(|index| index.name != row.name) {
            let sql = row.index_sql.as_deref().and_then(expr::tokens).unwrap_or_default();
            table.indexes.push(Index {
                name: row.name,
                unique: row.is_unique != 0,
                method: BTREE.to_owned(),
                options: Vec::new(),
                parts: Vec::new(),
                predicate: predicate(&sql),
            });
        }
        if let Some(index) = table.indexes.last_mut() {
            let expr = row.column_name.unwrap_or_else(|| {
                let sql = row.index_sql.as_deref().and_then(expr::tokens).unwrap_or_default();
                expression(&sql, index.parts.len())
            });
            let columns = &table.columns;
            let own = columns.iter().find(|it| it.name == expr).and_then(|it| it.collation.clone());
            let own = own.unwrap_or_else(|| DEFAULT_COLLATION.to_owned());
            let collation = row.collation.filter(|collation| *collation != own);
            let descending = row.is_descending != 0;
            index.parts.push(IndexPart { collation, descending, ..IndexPart::new(expr) });
        }
    }
    schema.sorted()
}

fn action(text: &str) -> Action {
    Action::ALL.into_iter().find(|it| text.eq_ignore_ascii_case(it.words())).unwrap_or_default()
}

/// Whether a foreign key is checked at the end of a transaction, as an option. SQLite numbers keys from
/// the last one in a CREATE TABLE, which is 0, and ignores other options:
/// <https://www.sqlite.org/foreignkeys.html#fk_deferred>
fn deferred(sql: &str, number: i64) -> Vec<String> {
    let tokens = expr::tokens(sql).unwrap_or_default();
    let bare = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
        _ => String::new(),
    };
    let starts: Vec<usize> = (0..tokens.len()).filter(|at| bare(*at) == "REFERENCES").collect();
    let Some(start) = usize::try_from(number).ok().and_then(|it| starts.iter().rev().nth(it))
    else {
        return Vec::new();
    };
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start + 1) {
        match token {
            Token::Comma | Token::RParen if depth == 0 => break,
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        let is_deferred = bare(at) == "INITIALLY" && bare(at + 1) == "DEFERRED";
        let is_deferrable = at >= 2 && bare(at - 1) == "DEFERRABLE" && bare(at - 2) != "NOT";
        if depth == 0 && is_deferred && is_deferrable {
            return vec!["DEFERRABLE INITIALLY DEFERRED".to_owned()];
        }
    }
    Vec::new()
}

/// The tokens of a CREATE TABLE, and where its columns and constraints are among them.
#[derive(Default)]
struct Definition {
    tokens: Vec<Token>,
    /// The tokens of each column or constraint.
    items: Vec<std::ops::Range<usize>>,
    /// Where what follows the columns begins.
    rest: usize,
}

impl Definition {
    fn read(sql: &str) -> Self {
        let tokens = expr::tokens(sql).unwrap_or_default();
        let mut found = Self { rest: tokens.len(), ..Self::default() };
        let (mut depth, mut start) = (0_usize, 0);
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::LParen => {
                    depth += 1;
                    start = if depth == 1 { at + 1 } else { start };
                }
                Token::RParen => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        found.items.push(start..at);
                        found.rest = at + 1;
                        break;
                    }
                }
                Token::Comma if depth == 1 => {
                    found.items.push(start..at);
                    start = at + 1;
                }
                _ => {}
            }
        }
        found.tokens = tokens;
        found
    }

    /// A bare word, in upper case; empty if the token is anything else.
    fn bare(&self, at: usize) -> String {
        match self.tokens.get(at) {
            Some(Token::Word(word)) if word.quote_style.is_none() => {
                word.value.to_ascii_uppercase()
            }
            _ => String::new(),
        }
    }

    /// What the table is besides its columns: <https://www.sqlite.org/lang_createtable.html>
    fn options(&self) -> Vec<String> {
        let words: Vec<String> = (self.rest..self.tokens.len()).map(|at| self.bare(at)).collect();
        let mut options = Vec::new();
        if words.windows(2).any(|pair| pair == ["WITHOUT", "ROWID"]) {
            options.push("WITHOUT ROWID".to_owned());
        }
        if words.iter().any(|word| word == "STRICT") {
            options.push("STRICT".to_owned());
        }
        options
    }

    /// What a column is besides its type, default, keys and checks.
    fn besides(&self, column: &str) -> Besides {
        let is_it = |item: &&std::ops::Range<usize>| match self.tokens.get(item.start) {
            Some(Token::Word(word)) => word.value.eq_ignore_ascii_case(column),
            Some(Token::SingleQuotedString(name)) => name.eq_ignore_ascii_case(column),
            _ => false,
        };
        let mut found = Besides::default();
        let Some(item) = self.items.iter().find(is_it) else { return found };
        let mut depth = 0_usize;
        for at in item.clone().skip(1) {
            match self.tokens[at] {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                _ => match self.bare(at).as_str() {
                    "COLLATE" => {
                        let name = self.tokens.get(at + 1).and_then(expr::word).unwrap_or_default();
                        let name = name.to_ascii_uppercase();
                        found.collation = (name != DEFAULT_COLLATION).then_some(name);
                    }
                    "AUTOINCREMENT" => found.options.push("AUTOINCREMENT".to_owned()),
                    "ON" if self.bare(at + 1) == "CONFLICT" => {
                        found.options.push(format!("ON CONFLICT {}", self.bare(at + 2)));
                    }
                    "AS" => {
                        let inner = expr::parenthesised(&self.tokens, at + 1).unwrap_or_default();
                        let stored =
                            item.clone().skip(at - item.start).any(|at| self.bare(at) == "STORED");
                        let expr = expr::normalise(&expr::spell(inner));
                        found.generated = Some(Generated { expr, stored });
                    }
                    _ => {}
                },
            }
        }
        found
    }
}

/// What a column is besides its type, default, keys and checks.
#[derive(Default)]
struct Besides {
    generated: Option<Generated>,
    collation: Option<String>,
    options: Vec<String>,
}

/// The collation of a column that names none: <https://www.sqlite.org/datatype3.html#collating_sequences>
const DEFAULT_COLLATION: &str = "BINARY";

/// The checks in the text of a CREATE TABLE, on columns as well as on the table.
fn checks(tokens: &[Token]) -> Vec<Check> {
    let name = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => Some(word.value.clone()),
        _ => None,
    };
    // Only a bare word is the keyword: "check" in quotes is the name of a column.
    let keyword = |at: usize, expected: &str| match tokens.get(at) {
        Some(Token::Word(word)) => {
            word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected)
        }
        _ => false,
    };
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if keyword(at, "check")
            && tokens.get(at + 1) == Some(&Token::LParen)
            && let Some(inner) = expr::parenthesised(tokens, at + 1)
        {
            let named = at >= 2 && keyword(at - 2, "constraint");
            found.push(Check {
                name: if named { name(at - 1) } else { None },
                expr: expr::normalise(&expr::spell(inner)),
            });
        }
    }
    found
}

/// The predicate in the tokens of a CREATE INDEX: what follows the WHERE outside parentheses.
fn predicate(tokens: &[Token]) -> Option<String> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && word.value.eq_ignore_ascii_case("where") => {
                return Some(expr::normalise(&expr::spell(&tokens[at + 1..])));
            }
            _ => {}
        }
    }
    None
}

/// The `position`th expression, from 0, in the column list of a CREATE INDEX.
fn expression(tokens: &[Token], position: usize) -> String {
    let Some(open) = tokens.iter().position(|token| *token == Token::LParen) else {
        return String::new();
    };
    let inner = expr::parenthesised(tokens, open).unwrap_or_default();
    let mut depth = 0usize;
    let mut parts: Vec<Vec<Token>> = vec![Vec::new()];
    for token in inner {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(token.clone());
        }
    }
    parts.get(position).map_or_else(String::new, |part| {
        let mut end = match part.last().and_then(expr::word).as_deref() {
            Some("asc" | "desc") => part.len() - 1,
            _ => part.len(),
        };
        // Which is read by itself.
        let before = end.checked_sub(2).and_then(|at| expr::word(&part[at]));
        if before.as_deref() == Some("collate") {
            end -= 2;
        }
        expr::normalise(&expr::spell(&part[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_found_wherever_they_stand() {
        let sql = r#"CREATE TABLE "t" ("check" int CHECK ("check" > 0), b text,
            CONSTRAINT "t_b_check" CHECK (length(b) = 3 AND b <> 'CHECK (x)'))"#;
        let found = checks(&expr::tokens(sql).unwrap_or_default());
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_deref(), found[0].expr.as_str()), (None, "check > 0"));
        assert_eq!(found[1].name.as_deref(), Some("t_b_check"));
        assert!(found[1].expr.ends_with("'CHECK (x)'"), "{}", found[1].expr);
    }

    #[test]
    fn predicates_and_expressions_are_found() {
        let tokens =
            expr::tokens("CREATE INDEX i ON t (a, lower(b, 'where') DESC) WHERE (c IS NULL)");
        let tokens = tokens.unwrap_or_default();
        assert_eq!(predicate(&tokens).as_deref(), Some("c is null"));
        assert_eq!(expression(&tokens, 1), "lower ( b , 'where' )");
    }
}
