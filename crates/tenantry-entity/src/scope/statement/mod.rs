//! Which statements a scope sends.
//!
//! A guard against mistakes, not against an attacker: what a statement calls may do anything, and no client
//! sees that in its text. docs/tenancy.md says what holds off hostile SQL.

mod tokens;

use sea_orm::{DbBackend, DbErr};

use self::tokens::{Token, Unreadable, tokens};
use crate::Engine;

/// The commands that a scope sends, in small letters. Everything else (transaction control, SET, RESET,
/// DISCARD, DO, CALL, COPY, LISTEN, PREPARE, LOCK, cursors, DDL) is refused.
const ALLOWED: [&str; 11] = [
    "select", "insert", "update", "delete", "merge", "replace", "with", "values", "table",
    "explain", "show",
];

/// Functions that a scope does not call, in small letters, and what they do. What runs another text was
/// found by calling every function of PostgreSQL 13 to 18 that takes one; a test does so again.
const FORBIDDEN_CALLS: [(&str, &str); 19] = [
    ("set_config", "changes of settings"),
    ("setseed", "setseed, which outlives the scope"),
    ("pg_advisory_lock", LOCK),
    ("pg_advisory_lock_shared", LOCK),
    ("pg_try_advisory_lock", LOCK),
    ("pg_try_advisory_lock_shared", LOCK),
    ("pg_advisory_unlock", LOCK),
    ("pg_advisory_unlock_shared", LOCK),
    ("pg_advisory_unlock_all", LOCK),
    ("query_to_xml", RUNS_ANOTHER),
    ("query_to_xmlschema", RUNS_ANOTHER),
    ("query_to_xml_and_xmlschema", RUNS_ANOTHER),
    ("ts_stat", RUNS_ANOTHER),
    ("ts_rewrite", RUNS_ANOTHER),
    // Of extensions: tablefunc and xml2.
    ("crosstab", RUNS_ANOTHER),
    ("crosstabn", RUNS_ANOTHER),
    ("connectby", RUNS_ANOTHER),
    ("xpath_table", RUNS_ANOTHER),
    ("pg_background_launch", RUNS_ANOTHER),
];

const LOCK: &str = "locks of the session: there are pg_advisory_xact_lock and the like";
const RUNS_ANOTHER: &str = "functions that run another text";

/// How functions begin that no scope calls, in small letters.
const FORBIDDEN_STARTS: [(&str, &str); 2] =
    [("dblink", "connections of their own"), ("crosstab", RUNS_ANOTHER)];

/// The same on Citus, where every role may call them: `citus_run_local_command('RESET ROLE')`.
const FORBIDDEN_STARTS_ON_CITUS: [&str; 8] = [
    "citus_",
    "worker_",
    "master_",
    "run_command_on_",
    "alter_role_if_exists",
    "create_intermediate_result",
    "broadcast_intermediate_result",
    "database_command",
];

/// Whether a [`TenantScope`](super::TenantScope) sends this text to a database of this kind: one statement
/// that reads or changes rows, and calls nothing that is known to change the session or to run another text.
///
/// # Errors
///
/// What is refused about it.
pub fn check(sql: &str, engine: Engine) -> Result<(), DbErr> {
    refusal(sql, engine)
        .map_or(Ok(()), |what| Err(DbErr::Custom(format!("a tenant scope refuses {what}"))))
}

/// What is refused about it, if anything is.
fn refusal(sql: &str, engine: Engine) -> Option<String> {
    let tokens = match tokens(sql, engine.backend()) {
        Ok(tokens) => tokens,
        Err(Unreadable(what)) => return Some(format!("a text with {what}")),
    };
    let start = tokens.iter().position(|token| *token != Token::Sign('('));
    let Some(Token::Word(command)) = start.and_then(|at| tokens.get(at)) else {
        return Some("a text that does not begin with a command".to_owned());
    };
    if !ALLOWED.contains(&command.as_str()) {
        return Some(only_queries(&command.to_ascii_uppercase()));
    }
    if let Some(end) = tokens.iter().position(|token| *token == Token::Sign(';'))
        && tokens[end..].iter().any(|token| *token != Token::Sign(';'))
    {
        return Some("a second statement in one text: send one, and bind its values".to_owned());
    }
    let Some(statement) = explained(&tokens, engine.backend()) else {
        return Some("EXPLAIN of anything but queries and changes of rows".to_owned());
    };
    match engine.backend() {
        DbBackend::Sqlite if rolls_back(statement) => return Some("OR ROLLBACK".to_owned()),
        DbBackend::Postgres if selects_into(statement) => {
            return Some(only_queries("SELECT INTO"));
        }
        _ => {}
    }
    if changes_settings(statement) {
        return Some("changes of settings".to_owned());
    }
    // On SQLite as well, so that what is tried there is refused as it will be on PostgreSQL.
    forbidden_call(statement, engine).map(ToOwned::to_owned)
}

fn only_queries(command: &str) -> String {
    format!("{command}: it sends queries and changes of rows, nothing else")
}

/// The statement itself, or the one that an EXPLAIN is about; `None` if that is none that a scope sends.
fn explained(tokens: &[Token], backend: DbBackend) -> Option<&[Token]> {
    if !tokens.first().is_some_and(|token| token.is("explain")) {
        return Some(tokens);
    }
    let mut rest = &tokens[1..];
    let begins = |tokens: &[Token]| {
        let first = tokens.iter().find(|token| **token != Token::Sign('('));
        matches!(first, Some(Token::Word(word)) if word != "explain" && word != "show"
            && ALLOWED.contains(&word.as_str()))
    };
    if rest.first() == Some(&Token::Sign('(')) && !begins(rest) {
        // Options. None of them has parentheses of its own.
        let end = rest.iter().position(|token| *token == Token::Sign(')'))?;
        rest = &rest[end + 1..];
    } else {
        let options: &[&str] = match backend {
            DbBackend::Sqlite => &["query", "plan"],
            _ => &["analyze", "analyse", "verbose"],
        };
        while rest.first().is_some_and(|token| options.iter().any(|word| token.is(word))) {
            rest = &rest[1..];
        }
    }
    begins(rest).then_some(rest)
}

/// SQLite: whether a change of rows ends the transaction where it fails.
fn rolls_back(tokens: &[Token]) -> bool {
    tokens.windows(3).any(|three| {
        (three[0].is("insert") || three[0].is("update"))
            && three[1].is("or")
            && three[2].is("rollback")
    })
}

/// What is known of the statement within one pair of parentheses.
#[derive(Default)]
struct Level {
    has_begun: bool,
    /// Where its command stands, if that is known and has INTO behind it.
    insert: Option<usize>,
    /// Whether it has begun with WITH, and its command is still to come.
    is_after_with: bool,
}

/// PostgreSQL: whether an INTO is any but that of INSERT and MERGE. `into` is reserved, so without quotes it
/// is a name after AS or a dot only. `insert` is not, and may be the name of a column.
fn selects_into(tokens: &[Token]) -> bool {
    let mut levels = vec![Level::default()];
    for (at, token) in tokens.iter().enumerate() {
        let Some(level) = levels.last_mut() else { return true };
        let word = match token {
            Token::Word(word) => word.as_str(),
            Token::Sign('(') => {
                level.has_begun = true;
                levels.push(Level::default());
                continue;
            }
            Token::Sign(')') => {
                levels.pop();
                continue;
            }
            _ => continue,
        };
        let is_first = !std::mem::replace(&mut level.has_begun, true);
        let takes_into = (word == "insert" || word == "merge")
            && tokens.get(at + 1).is_some_and(|next| next.is("into"));
        if is_first && word == "with" {
            level.is_after_with = true;
        } else if is_first || level.is_after_with {
            if takes_into {
                level.insert = Some(at);
            }
            if takes_into || word == "select" || word == "table" {
                level.is_after_with = false;
            }
        }
        if word == "into" {
            let before = at.checked_sub(1).map(|before| &tokens[before]);
            let is_name = before.is_some_and(|token| token.is("as") || *token == Token::Sign('.'));
            let is_of_insert = level.insert.is_some_and(|insert| insert + 1 == at);
            if !(is_name || is_of_insert) {
                return true;
            }
        }
    }
    false
}

/// The tokens before a name, its qualification left out.
fn before_name(tokens: &[Token], at: usize) -> &[Token] {
    let mut before = &tokens[..at];
    while let [rest @ .., Token::Word(_) | Token::Name(_), Token::Sign('.')] = before {
        before = rest;
    }
    before
}

/// The name at this place, if there is one, as the server reads it.
fn name(token: &Token) -> Option<&str> {
    match token {
        Token::Word(name) | Token::Name(name) => Some(name),
        _ => None,
    }
}

/// Whether rows of `pg_settings` are changed, which changes the settings.
fn changes_settings(tokens: &[Token]) -> bool {
    tokens.iter().enumerate().any(|(at, token)| {
        let mut before = before_name(tokens, at);
        while let [rest @ .., last] = before
            && (*last == Token::Sign('(') || last.is("only"))
        {
            before = rest;
        }
        name(token) == Some("pg_settings")
            && before.last().is_some_and(|word| word.is("update") || word.is("into"))
    })
}

/// What a call does that no scope makes.
fn forbidden_call(tokens: &[Token], engine: Engine) -> Option<&'static str> {
    let on_citus: &[&str] = if engine == Engine::Citus { &FORBIDDEN_STARTS_ON_CITUS } else { &[] };
    tokens.windows(2).enumerate().find_map(|(at, two)| {
        let name = name(&two[0]).filter(|_| two[1] == Token::Sign('('))?;
        // The name of a table or of its columns is no call.
        let names = ["into", "as", "with", "recursive"];
        if before_name(tokens, at).last().is_some_and(|it| names.iter().any(|word| it.is(word))) {
            return None;
        }
        if name == "ts_rewrite" && arguments(&tokens[at + 2..]) != 2 {
            return None;
        }
        let exact = FORBIDDEN_CALLS.iter().find(|(own, _)| name == *own);
        let start = || FORBIDDEN_STARTS.iter().find(|(start, _)| name.starts_with(start));
        let citus = || on_citus.iter().any(|start| name.starts_with(start));
        let known = exact.or_else(start).map(|(_, what)| *what);
        known.or_else(|| citus().then_some(RUNS_ANOTHER))
    })
}

/// How many arguments stand before the parenthesis that closes them.
fn arguments(tokens: &[Token]) -> usize {
    let (mut depth, mut count) = (1, 1);
    for token in tokens {
        match token {
            Token::Sign('(' | '[') => depth += 1,
            Token::Sign(')' | ']') => depth -= 1,
            Token::Sign(',') if depth == 1 => count += 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests;
