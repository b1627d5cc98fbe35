//! Statements that a migration sends.

use std::sync::OnceLock;

use sqlparser::{
    ast,
    dialect::{Dialect, PostgreSqlDialect, SQLiteDialect},
    parser::Parser,
};

/// A statement that a migration sends. It is parsed on demand, and only once.
#[derive(Debug)]
pub(super) struct Sent {
    /// As the driver gets it.
    pub sql: String,
    parsed: OnceLock<Option<Vec<ast::Statement>>>,
}

impl Sent {
    /// Parsed in the dialect of either engine; `None` if neither parser understands it.
    pub(super) fn parsed(&self) -> Option<&[ast::Statement]> {
        self.parsed.get_or_init(|| parse(&self.sql)).as_deref()
    }
}

impl From<String> for Sent {
    fn from(sql: String) -> Self {
        Self { sql, parsed: OnceLock::new() }
    }
}

/// An ALTER TABLE without collations, which the parser does not know behind a type.
fn without_collations(sql: &str) -> Option<String> {
    let mut rest = Some(sql).filter(|sql| sql.starts_with("ALTER TABLE "))?;
    let mut without = String::with_capacity(sql.len());
    while let Some((before, after)) = rest.split_once(" COLLATE \"") {
        without.push_str(before);
        rest = after.split_once('"')?.1;
    }
    Some(without + rest)
}

/// Whether a statement can be read in either dialect.
pub(crate) fn parses(sql: &str) -> bool {
    parse(sql).is_some()
}

/// A statement in either dialect; `None` if neither understands it.
fn parse(sql: &str) -> Option<Vec<ast::Statement>> {
    let dialects: [&dyn Dialect; 2] = [&PostgreSqlDialect {}, &SQLiteDialect {}];
    let parse =
        |sql: &str| dialects.into_iter().find_map(|dialect| Parser::parse_sql(dialect, sql).ok());
    // SeaQuery's decimal on SQLite is a type that the parser takes no digits for.
    parse(sql)
        .or_else(|| parse(&sql.replace("real(", "numeric(")))
        .or_else(|| parse(&sql.replace("DROP IDENTITY IF EXISTS", "DROP DEFAULT")))
        .or_else(|| parse(&sql.replace("DROP INDEX CONCURRENTLY", "DROP INDEX")))
        .or_else(|| parse(&sql.replace("DROP EXPRESSION", "DROP DEFAULT")))
        .or_else(|| parse(&without_collations(sql)?))
}
