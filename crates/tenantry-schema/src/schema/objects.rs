//! What entities cannot say: views, functions, triggers, types of a database and the like, as files of SQL.
//!
//! A file is a list of statements that create objects, and of such that are about them (GRANT, COMMENT, an index of a
//! materialized view). `NAME.sql` is for every engine, `NAME.postgres.sql` for those that speak PostgreSQL's protocol,
//! `NAME.sqlite.sql` for SQLite.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};
use tenantry_entity::Engine;

use super::{Schema, expr};
use crate::sql::Places;

/// The engines that a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// All.
    Any,
    /// Those that speak PostgreSQL's protocol.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl On {
    /// The engines that a file of this name is for.
    #[must_use]
    pub fn of(file: &str) -> Self {
        match file.rsplit_once('.') {
            Some((_, "postgres")) => Self::Postgres,
            Some((_, "sqlite")) => Self::Sqlite,
            _ => Self::Any,
        }
    }

    /// Whether `engine` is among them.
    #[must_use]
    pub fn has(self, engine: Engine) -> bool {
        match self {
            Self::Any => true,
            Self::Postgres => engine != Engine::Sqlite,
            Self::Sqlite => engine == Engine::Sqlite,
        }
    }
}

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An extension.
    Extension,
    /// A collation.
    Collation,
    /// A domain: a type with checks.
    Domain,
    /// A type.
    Type,
    /// A view.
    View,
    /// A view that keeps its rows.
    MaterializedView,
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// An aggregate.
    Aggregate,
    /// A trigger.
    Trigger,
}

impl Kind {
    /// How SQL spells it.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::Extension => "EXTENSION",
            Self::Collation => "COLLATION",
            Self::Domain => "DOMAIN",
            Self::Type => "TYPE",
            Self::View => "VIEW",
            Self::MaterializedView => "MATERIALIZED VIEW",
            Self::Function => "FUNCTION",
            Self::Procedure => "PROCEDURE",
            Self::Aggregate => "AGGREGATE",
            Self::Trigger => "TRIGGER",
        }
    }

    /// Whether tables may need it, so that it comes before them.
    #[must_use]
    pub fn comes_before_tables(self) -> bool {
        matches!(self, Self::Extension | Self::Collation | Self::Domain | Self::Type)
    }
}

/// An object that a statement creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What it is.
    pub kind: Kind,
    /// Its name, as it stands in the statement.
    pub spelled: String,
    /// Its name, as the server keeps it, without a schema.
    pub name: String,
    /// The table of a trigger, as it stands in the statement.
    pub on: Option<String>,
    /// The arguments of a function, without their defaults.
    pub arguments: Option<String>,
    /// Whether it may have been there before.
    pub if_not_exists: bool,
    /// What stands in front of a function's body: where that stays, the function is replaced in its place.
    head: Option<String>,
}

/// A statement of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The statement.
    pub sql: String,
    /// What it creates; `None` if it is about something that is created.
    pub made: Option<Made>,
}

/// A file of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without `.sql`.
    pub name: String,
    /// The engines that it is for.
    pub on: On,
    /// Its statements.
    pub parts: Vec<Part>,
    /// Every word in it, in small letters.
    words: BTreeSet<String>,
    /// Every word outside of texts: what the server knows it to need.
    bare: BTreeSet<String>,
    /// Whether it has functions that a default, a check or an index calls.
    is_called: bool,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If a statement creates something else, or does something else than create.
    pub fn read(name: &str, text: &str) -> Result<Self, String> {
        let statements = split(text).ok_or_else(|| format!("objects/{name}.sql is no SQL"))?;
        let mut parts = Vec::new();
        for sql in statements {
            let made = made(&sql);
            if made.is_none() && !is_about_objects(&sql) {
                let start: String = sql.chars().take(40).collect();
                return Err(format!(
                    "objects/{name}.sql: `{start}…` is none of CREATE EXTENSION, COLLATION, DOMAIN, TYPE, VIEW, MATERIALIZED \
                     VIEW, FUNCTION, PROCEDURE, AGGREGATE, TRIGGER or INDEX, GRANT, REVOKE, COMMENT or ALTER: tables are \
                     entities, and rows belong to a migration of their own"
                ));
            }
            parts.push(Part { sql, made });
        }
        let is_comment = |part: &Part| {
            part.sql.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("COMMENT "))
        };
        if parts.iter().all(|part| part.made.is_none() && !is_comment(part)) {
            return Err(format!("objects/{name}.sql creates nothing"));
        }
        let tokens = tokens(text).unwrap_or_default();
        let bare = tokens.iter().filter_map(|it| match &it.token {
            Token::Word(word) => Some(word.value.to_lowercase()),
            _ => None,
        });
        let is_letter = |c: char| c.is_alphanumeric() || c == '_';
        let words = text.split(|c| !is_letter(c)).filter(|word| !word.is_empty());
        Ok(Self {
            name: name.to_owned(),
            on: On::of(name),
            bare: bare.collect(),
            is_called: false,
            words: words.map(str::to_lowercase).collect(),
            parts,
        })
    }

    /// What it creates.
    #[must_use]
    pub fn made(&self) -> impl DoubleEndedIterator<Item = &Made> {
        self.parts.iter().filter_map(|part| part.made.as_ref())
    }

    /// Whether all that it creates comes before tables.
    #[must_use]
    pub fn comes_before_tables(&self) -> bool {
        let mut made = self.made().peekable();
        // What only comments is about tables.
        made.peek().is_some()
            && made.all(|made| {
                made.kind.comes_before_tables() || (self.is_called && made.kind == Kind::Function)
            })
    }

    /// Whether something of that name occurs in it, be it in a text.
    fn mentions(&self, name: &str) -> bool {
        self.words.contains(&name.to_lowercase())
    }

    /// Whether the server knows it to need something of that name.
    #[must_use]
    pub fn needs(&self, name: &str) -> bool {
        self.bare.contains(&name.to_lowercase())
    }

    /// The statements that drop what it creates, the last one first.
    #[must_use]
    pub fn drops(&self) -> Vec<String> {
        self.drops_of(|_| true)
    }

    /// The same of those objects that `is_there` accepts. What may have been there before stays.
    pub fn drops_of(&self, is_there: impl Fn(&Made) -> bool) -> Vec<String> {
        let is_sqlite = self.on == On::Sqlite;
        let gone = self.made().rev().filter(|made| !made.if_not_exists && is_there(made));
        gone.map(|made| made.drop_sql(is_sqlite)).collect()
    }

    /// Whether functions are all that differs, and only in their bodies: they are replaced in their place.
    #[must_use]
    pub fn is_replaced_by(&self, other: &Self) -> bool {
        let heads = |file: &Self| -> Option<Vec<String>> {
            file.parts.iter().map(|part| part.made.as_ref()?.head.clone()).collect()
        };
        heads(self).is_some_and(|own| heads(other).is_some_and(|heads| heads == own))
    }

    /// Its statements, with functions that replace those that are there.
    #[must_use]
    pub fn replacing(&self) -> Vec<String> {
        let replace = |sql: &str| {
            let rest = sql.trim_start().get("CREATE".len()..).unwrap_or_default();
            let word = rest.split_whitespace().next().unwrap_or_default();
            if word.eq_ignore_ascii_case("or") {
                sql.to_owned()
            } else {
                format!("CREATE OR REPLACE{rest}")
            }
        };
        self.parts.iter().map(|part| replace(&part.sql)).collect()
    }
}

impl Made {
    fn drop_sql(&self, is_sqlite: bool) -> String {
        let (kind, name) = (self.kind.sql(), &self.spelled);
        match (&self.on, &self.arguments) {
            (Some(table), _) if !is_sqlite => format!("DROP {kind} {name} ON {table}"),
            (_, Some(arguments)) => format!("DROP {kind} {name}({arguments})"),
            _ => format!("DROP {kind} {name}"),
        }
    }
}

/// The files of a schema, each after those that it mentions; by name where they mention each other or nothing.
///
/// # Errors
///
/// As [`File::read`].
pub fn files(objects: &BTreeMap<String, String>) -> Result<Vec<File>, String> {
    let mut left: Vec<File> =
        objects.iter().map(|(name, text)| File::read(name, text)).collect::<Result<_, _>>()?;
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let is_ready = |file: &File| {
            let others = left.iter().filter(|other| other.name != file.name);
            let mut made = others.flat_map(File::made);
            !made.any(|made| file.mentions(&made.name))
        };
        let at = left.iter().position(is_ready).unwrap_or_default();
        ordered.push(left.remove(at));
    }
    Ok(ordered)
}

impl Schema {
    /// The files of its objects, as [`files`] has them, of which those come before tables that tables need. None where
    /// one cannot be read.
    #[must_use]
    pub fn object_files(&self) -> Vec<File> {
        let mut files = files(&self.objects).unwrap_or_default();
        let has_functions = files.iter().flat_map(File::made).any(|it| it.kind == Kind::Function);
        let mut called = if has_functions { self.words() } else { BTreeSet::new() };
        while !called.is_empty() {
            let is_next = |file: &&mut File| {
                !file.is_called
                    && file.made().any(|made| called.contains(&made.name.to_lowercase()))
            };
            let mut next = BTreeSet::new();
            for file in files.iter_mut().filter(is_next) {
                file.is_called = true;
                next.extend(file.bare.iter().cloned());
            }
            called = next;
        }
        files
    }

    /// Every word of the expressions of its tables, in small letters.
    fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for table in self.tables.values() {
            let columns = table.columns.iter();
            let of_columns =
                columns.flat_map(|it| it.default.as_deref().into_iter().chain(it.computed()));
            let parts = table.indexes.iter().flat_map(|it| &it.parts).map(|it| it.expr.as_str());
            let texts = of_columns
                .chain(table.checks.iter().map(|it| it.expr.as_str()))
                .chain(table.indexes.iter().filter_map(|it| it.predicate.as_deref()))
                .chain(parts.filter(|part| part.contains('(')));
            let tokens = texts.filter_map(expr::tokens).flatten();
            words.extend(tokens.filter_map(|token| expr::word(&token)));
        }
        words
    }

    /// The statements that make the objects on an engine: those that come before tables, or the others.
    #[must_use]
    pub fn object_statements(&self, engine: Engine, before_tables: bool) -> Vec<String> {
        let files = self.object_files().into_iter();
        let files =
            files.filter(|file| file.on.has(engine) && file.comes_before_tables() == before_tables);
        files.flat_map(|file| file.parts).map(|part| part.sql).collect()
    }
}

/// What a statement creates or drops, if that is an object of these kinds, which hold no rows of their own.
#[must_use]
pub fn kind_of(sql: &str) -> Option<Kind> {
    // Most statements are about tables, and every one of them is asked.
    let mut words = sql.split_whitespace();
    let first = words.next().unwrap_or_default();
    let is_table = words.next().is_some_and(|word| word.eq_ignore_ascii_case("table"));
    if is_table || ["insert", "update", "alter"].iter().any(|it| first.eq_ignore_ascii_case(it)) {
        return None;
    }
    if let Some(made) = made(sql) {
        return Some(made.kind);
    }
    let tokens = tokens(sql)?;
    let words = significant_at(sql, &tokens).into_iter().map(|(_, token)| upper(token));
    let words: Vec<String> = words.collect();
    let drops = words.first().is_some_and(|word| word == "DROP");
    let cascades = words.last().is_some_and(|word| word == "CASCADE");
    (drops && !cascades).then(|| kind_at(&words[1..])).flatten().map(|(kind, _)| kind)
}

/// The statements but for those that are about objects, of which tables need only types.
#[must_use]
pub fn without_objects(statements: &[String]) -> Vec<String> {
    let mut views: BTreeSet<String> = BTreeSet::new();
    let mut is_of_tables = |sql: &&String| {
        if let Some(kind) = kind_of(sql) {
            views.extend(made(sql).map(|made| made.name));
            return matches!(kind, Kind::Domain | Kind::Type);
        }
        let words: Vec<String> = sql.split_whitespace().take(2).map(str::to_uppercase).collect();
        let is_about = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["COMMENT", ..] => true,
            ["ALTER", what] => {
                ["VIEW", "MATERIALIZED", "FUNCTION", "PROCEDURE", "TRIGGER", "EXTENSION"]
                    .contains(&what)
            }
            _ => indexed(sql).is_some_and(|table| views.contains(&table)),
        };
        !is_about
    };
    statements.iter().filter(|sql| is_of_tables(sql)).cloned().collect()
}

/// The table, or materialized view, of which a statement makes an index.
fn indexed(sql: &str) -> Option<String> {
    let all = tokens(sql)?;
    let tokens = significant_at(sql, &all);
    let words: Vec<String> = tokens.iter().map(|(_, token)| upper(token)).collect();
    let is_index = words.first()? == "CREATE" && words[1..].iter().take(2).any(|it| it == "INDEX");
    let on = is_index.then(|| words.iter().position(|word| word == "ON")).flatten()?;
    Some(named(&tokens, on + 1)?.1)
}

/// What statements that ran one after the other leave.
#[must_use]
pub fn left<'s>(statements: impl IntoIterator<Item = &'s String>) -> Vec<Made> {
    let mut left: Vec<Made> = Vec::new();
    for sql in statements {
        if let Some(made) = made(sql) {
            left.push(made);
        } else if let Some((kind, name)) = dropped(sql) {
            left.retain(|made| (made.kind, &made.name) != (kind, &name));
        }
    }
    left
}

/// What a statement drops.
fn dropped(sql: &str) -> Option<(Kind, String)> {
    let kind = kind_of(sql)?;
    let all = tokens(sql)?;
    let tokens = significant_at(sql, &all);
    let words: Vec<String> = tokens.iter().map(|(_, token)| upper(token)).collect();
    let mut at = 1 + kind_at(&words[1..])?.1;
    if words.get(at..at + 2).is_some_and(|it| it == ["IF", "EXISTS"]) {
        at += 2;
    }
    Some((kind, named(&tokens, at)?.1))
}

/// What a statement creates; `None` if it creates nothing of these kinds.
#[must_use]
pub fn made(sql: &str) -> Option<Made> {
    let all = tokens(sql)?;
    let tokens = significant_at(sql, &all);
    let words: Vec<String> = tokens.iter().map(|(_, token)| upper(token)).collect();
    if words.first()? != "CREATE" {
        return None;
    }
    let optional = ["OR", "REPLACE", "RECURSIVE", "CONSTRAINT"];
    let mut at = 1 + words[1..].iter().take_while(|word| optional.contains(&word.as_str())).count();
    let (kind, length) = kind_at(&words[at..])?;
    at += length;
    let if_not_exists = words.get(at..at + 3).is_some_and(|it| it == ["IF", "NOT", "EXISTS"]);
    if if_not_exists {
        at += 3;
    }
    let (spelled, name, after) = named(&tokens, at)?;
    let (mut on, mut arguments, mut head) = (None, None, None);
    if kind == Kind::Trigger {
        let table = words[after..].iter().position(|word| word == "ON")? + after + 1;
        on = Some(named(&tokens, table)?.0);
    }
    if matches!(kind, Kind::Function | Kind::Procedure | Kind::Aggregate) {
        let (text, close) = parenthesised(sql, &tokens, after)?;
        arguments = Some(without_defaults(text)?);
        // What follows says what it returns; the body and how it runs may be replaced. An aggregate has no body.
        let body = words[close..]
            .iter()
            .position(|word| ["AS", "LANGUAGE", "BEGIN", "RETURN"].contains(&word.as_str()));
        let end = body.map_or(words.len(), |body| close + body);
        let is_replaced = kind != Kind::Aggregate;
        head = is_replaced.then(|| format!("{} {}", kind.sql(), words[at..end].join(" ")));
    }
    Some(Made { kind, spelled, name, on, arguments, if_not_exists, head })
}

/// The kind that these words begin with, and how many words that takes.
fn kind_at(words: &[String]) -> Option<(Kind, usize)> {
    Some(match words.first()?.as_str() {
        "EXTENSION" => (Kind::Extension, 1),
        "COLLATION" => (Kind::Collation, 1),
        "DOMAIN" => (Kind::Domain, 1),
        "TYPE" => (Kind::Type, 1),
        "VIEW" => (Kind::View, 1),
        "MATERIALIZED" => (Kind::MaterializedView, 2),
        "FUNCTION" => (Kind::Function, 1),
        "PROCEDURE" => (Kind::Procedure, 1),
        "AGGREGATE" => (Kind::Aggregate, 1),
        "TRIGGER" => (Kind::Trigger, 1),
        _ => return None,
    })
}

/// A name that begins at a token: as it is spelled, its last part as the server keeps it, and where it ends.
fn named(tokens: &[(usize, &Token)], at: usize) -> Option<(String, String, usize)> {
    let part = |at: usize| match tokens.get(at)?.1 {
        Token::Word(word) => Some(word),
        _ => None,
    };
    let kept = |at: usize| {
        let word = part(at)?;
        Some(match word.quote_style {
            Some(_) => word.value.clone(),
            None => word.value.to_lowercase(),
        })
    };
    let first = part(at)?;
    match tokens.get(at + 1) {
        Some((_, Token::Period)) => {
            let last = part(at + 2)?;
            Some((format!("{first}.{last}"), kept(at + 2)?, at + 3))
        }
        _ => Some((first.to_string(), kept(at)?, at + 1)),
    }
}

/// The text between the parentheses that open at a token, and the place behind them.
fn parenthesised<'s>(
    sql: &'s str,
    tokens: &[(usize, &Token)],
    open: usize,
) -> Option<(&'s str, usize)> {
    if *tokens.get(open)?.1 != Token::LParen {
        return None;
    }
    let mut depth = 0_u32;
    for (at, (offset, token)) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&sql[tokens[open].0 + 1..*offset], at + 1));
        }
    }
    None
}

/// Arguments of a function as DROP FUNCTION takes them.
fn without_defaults(arguments: &str) -> Option<String> {
    let all = tokens(arguments)?;
    let tokens = significant_at(arguments, &all);
    let (mut kept, mut depth, mut is_default, mut from) = (String::new(), 0_i32, false, 0);
    for (offset, token) in &tokens {
        match token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth -= 1,
            Token::Comma if depth == 0 => {
                if !is_default {
                    kept.push_str(arguments[from..*offset].trim());
                }
                kept.push_str(", ");
                (is_default, from) = (false, offset + 1);
                continue;
            }
            _ => {}
        }
        let begins = matches!(token, Token::Eq | Token::Assignment) || upper(token) == "DEFAULT";
        if depth == 0 && begins && !is_default {
            kept.push_str(arguments[from..*offset].trim());
            is_default = true;
        }
    }
    if !is_default {
        kept.push_str(arguments[from..].trim());
    }
    Some(kept)
}

/// Whether a statement is about objects that others create.
fn is_about_objects(sql: &str) -> bool {
    let words: Vec<String> = sql.split_whitespace().take(3).map(str::to_uppercase).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["GRANT" | "REVOKE" | "COMMENT", ..]
        | ["CREATE", "INDEX", ..]
        | ["CREATE", "UNIQUE", "INDEX"] => true,
        ["ALTER", what, ..] => what != "TABLE",
        _ => false,
    }
}

/// The statements of a text, without the semicolons between them. Those inside of the body of a trigger or a function
/// belong to it. `None` if the text is no SQL.
#[must_use]
pub fn split(text: &str) -> Option<Vec<String>> {
    let tokens = tokens(text)?;
    let tokens = significant_at(text, &tokens);
    let (mut statements, mut depth) = (Vec::new(), 0_u32);
    let mut from: Option<usize> = None;
    for (offset, token) in tokens {
        if *token == Token::SemiColon && depth == 0 {
            statements.extend(from.take().map(|from| text[from..offset].trim().to_owned()));
            continue;
        }
        from.get_or_insert(offset);
        let is_first = from == Some(offset);
        match upper(token).as_str() {
            // That of a transaction is a statement.
            "BEGIN" if !is_first => depth += 1,
            "CASE" if depth > 0 => depth += 1,
            "END" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    statements.extend(from.map(|from| text[from..].trim().to_owned()));
    Some(statements)
}

fn tokens(sql: &str) -> Option<Vec<TokenWithSpan>> {
    Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().ok()
}

/// The tokens that are no white space, with their places in bytes.
fn significant_at<'t>(text: &str, tokens: &'t [TokenWithSpan]) -> Vec<(usize, &'t Token)> {
    let places = Places::of(text);
    let kept = tokens.iter().filter(|it| !matches!(it.token, Token::Whitespace(_) | Token::EOF));
    kept.map(|it| (places.byte(it.span.start), &it.token)).collect()
}

fn upper(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_uppercase(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File::read("f", text).unwrap()
    }

    #[test]
    fn statements_end_where_they_end() {
        let text = "-- first; of two\nCREATE VIEW \"a;b\" AS SELECT ';' AS \"ü\"; /* ; */\n\
                    CREATE FUNCTION f(a integer DEFAULT 1, b numeric(3, 1) = 2) RETURNS text LANGUAGE sql AS $x$ \
                    SELECT ';'; $x$;\nCREATE TRIGGER t AFTER INSERT ON orders BEGIN \
                    UPDATE orders SET n = CASE WHEN n > 1 THEN 1 ELSE 2 END; DELETE FROM x; END;\n";
        let file = file(text);
        let sql: Vec<&str> = file.parts.iter().map(|part| part.sql.as_str()).collect();
        assert_eq!(sql.len(), 3, "{sql:?}");
        assert!(sql[0].starts_with("CREATE VIEW") && sql[0].ends_with("\"ü\""), "{}", sql[0]);
        assert!(sql[2].ends_with("END"), "{}", sql[2]);
        assert_eq!(
            file.drops(),
            [
                "DROP TRIGGER t ON orders",
                "DROP FUNCTION f(a integer, b numeric(3, 1))",
                "DROP VIEW \"a;b\""
            ]
        );
    }

    #[test]
    fn what_is_made_is_known() {
        let cases = [
            ("create or replace view V as select 1", Some((Kind::View, "v"))),
            (
                "CREATE MATERIALIZED VIEW IF NOT EXISTS m AS SELECT 1",
                Some((Kind::MaterializedView, "m")),
            ),
            (
                "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f()",
                Some((Kind::Trigger, "t")),
            ),
            ("CREATE EXTENSION IF NOT EXISTS citext", Some((Kind::Extension, "citext"))),
            (
                "CREATE DOMAIN app.\"Short\" AS text CHECK (length(VALUE) < 9)",
                Some((Kind::Domain, "Short")),
            ),
            ("CREATE TYPE point3 AS (x float8)", Some((Kind::Type, "point3"))),
            ("CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'", Some((Kind::Procedure, "p"))),
            ("CREATE TABLE t (a integer)", None),
            ("INSERT INTO v VALUES (1)", None),
        ];
        for (sql, expected) in cases {
            let found = made(sql).map(|made| (made.kind, made.name));
            assert_eq!(found, expected.map(|(kind, name)| (kind, name.to_owned())), "{sql}");
        }
        assert_eq!(kind_of("DROP VIEW v"), Some(Kind::View));
        assert_eq!(kind_of("DROP TYPE v CASCADE"), None);
        assert_eq!(kind_of("DROP TABLE v"), None);
    }

    #[test]
    fn a_file_comes_after_what_it_mentions() {
        let all = [
            ("a", "CREATE VIEW a AS SELECT * FROM z"),
            ("b", "CREATE TRIGGER b BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION c()"),
            (
                "c",
                "CREATE FUNCTION c() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 FROM a; RETURN NEW; END $$",
            ),
            ("z", "CREATE VIEW z AS SELECT 1 AS one"),
        ];
        let all = all.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let order = files(&BTreeMap::from(all)).unwrap();
        let names: Vec<&str> = order.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["z", "a", "c", "b"]);
        let function = &order[2];
        assert!(function.needs("c") && !function.needs("a"), "what is in a text is not needed");
    }

    #[test]
    fn only_a_body_is_replaced_in_its_place() {
        let before =
            file("CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'");
        let body = file(
            "CREATE OR REPLACE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 2'",
        );
        let other = file("CREATE FUNCTION f(a text) RETURNS integer LANGUAGE sql AS 'SELECT 1'");
        assert!(before.is_replaced_by(&body) && !before.is_replaced_by(&other));
        assert!(before.replacing()[0].starts_with("CREATE OR REPLACE FUNCTION f(a integer)"));
        assert_eq!(body.replacing()[0], body.parts[0].sql);
        let view = file("CREATE VIEW v AS SELECT 1");
        assert!(!view.is_replaced_by(&file("CREATE VIEW v AS SELECT 2")));
    }

    #[test]
    fn comments_come_after_the_tables_that_they_are_about() {
        let comment = file("COMMENT ON TABLE t IS 'it'");
        assert!(!comment.comes_before_tables() && comment.drops().is_empty());
        assert!(file("CREATE DOMAIN d AS text").comes_before_tables());
    }

    #[test]
    fn tables_and_rows_are_refused() {
        for text in [
            "CREATE TABLE t (a integer)",
            "INSERT INTO t VALUES (1)",
            "GRANT SELECT ON t TO web",
            "$$",
        ] {
            assert!(File::read("f", text).is_err(), "{text}");
        }
    }
}
