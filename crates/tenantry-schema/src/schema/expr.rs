//! SQL expressions compared as token streams, for an engine that keeps their text as written.

use sqlparser::{
    dialect::SQLiteDialect,
    tokenizer::{Token, Tokenizer},
};

use super::names;
use crate::sql::{literal, quoted};

/// One spelling for all spellings that differ in white space, comments, the case of words, quotes
/// around names, or parentheses around the whole.
///
/// A text that is no SQL comes back trimmed and otherwise as it was.
#[must_use]
pub fn normalise(sql: &str) -> String {
    match tokens(sql) {
        Some(tokens) => spell(strip_parentheses(&tokens)),
        None => sql.trim().to_owned(),
    }
}

/// Whether two texts differ in nothing but white space, comments, the case of bare words, quotes around names
/// that need none, or parentheses around the whole.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    let plain = |sql: &str| {
        let mut tokens = tokens(sql)?;
        for token in &mut tokens {
            if let Token::Word(word) = token {
                if word.quote_style.is_none() {
                    word.value = word.value.to_lowercase();
                } else if names::needs_no_quotes(&word.value) {
                    word.quote_style = None;
                }
            }
        }
        let plain = strip_parentheses(&tokens).iter().map(ToString::to_string);
        Some(plain.collect::<Vec<_>>().join(" "))
    };
    a == b || plain(a).is_some_and(|a| plain(b) == Some(a))
}

/// `sql` with every mention of the column `from` made one of `to`.
#[must_use]
pub fn rename_column(sql: &str, from: &str, to: &str) -> String {
    let Ok(mut tokens) = Tokenizer::new(&SQLiteDialect {}, sql).tokenize() else {
        return sql.to_owned();
    };
    for token in &mut tokens {
        if let Token::Word(word) = token
            && word.value == from
        {
            to.clone_into(&mut word.value);
            if !names::needs_no_quotes(to) {
                word.quote_style = word.quote_style.or(Some('"'));
            }
        }
    }
    tokens.iter().map(written).collect()
}

/// Whether `sql` names the column.
#[must_use]
pub fn mentions(sql: &str, column: &str) -> bool {
    let column = column.to_lowercase();
    // Most texts do not have the name in them, and then need not be taken apart: unless one of the two is escaped.
    let is_plain = !sql.contains('&') && !column.contains(['"', '`', '[', ']']);
    if is_plain && !sql.to_lowercase().contains(&column) {
        return false;
    }
    tokens(sql).is_none_or(|tokens| tokens.iter().filter_map(word).any(|word| word == column))
}

/// The tokens of `sql` without white space and comments; `None` if it is no SQL.
#[must_use]
pub fn tokens(sql: &str) -> Option<Vec<Token>> {
    let tokens = Tokenizer::new(&SQLiteDialect {}, sql).tokenize().ok()?;
    Some(tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect())
}

/// The word that a token is, in lower case and without quotes.
#[must_use]
pub fn word(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    }
}

/// A token as SQL. The tokenizer takes away one of two quotes within quotes, and its own text of a token lacks it.
#[must_use]
pub fn written(token: &Token) -> String {
    match token {
        Token::SingleQuotedString(text) => literal(text),
        Token::Word(word) if word.quote_style == Some('"') => quoted(&word.value),
        other => other.to_string(),
    }
}

/// Writes tokens with one space between them.
#[must_use]
pub fn spell(tokens: &[Token]) -> String {
    let words: Vec<String> =
        tokens.iter().map(|token| word(token).unwrap_or_else(|| written(token))).collect();
    words.join(" ")
}

/// The tokens between `tokens[open]`, a `(`, and the `)` that closes it.
#[must_use]
pub fn parenthesised(tokens: &[Token], open: usize) -> Option<&[Token]> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(&tokens[open + 1..at]);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Takes off every pair of parentheses that encloses all tokens.
fn strip_parentheses(mut tokens: &[Token]) -> &[Token] {
    while tokens.first() == Some(&Token::LParen)
        && let Some(inner) = parenthesised(tokens, 0)
        && inner.len() + 2 == tokens.len()
    {
        tokens = inner;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::{normalise, rename_column, same};

    #[test]
    fn quotes_within_quotes_stay_two() {
        let sql = "one <> 'it''s' AND \"o\"\"ne\" > ''''";
        assert_eq!(rename_column(sql, "one", "two"), sql.replacen("one", "two", 1));
        assert_eq!(normalise("( One<>'it''s')"), "one <> 'it''s'");
        assert!(!same("one <> 'it''s'", "one <> 'it' 's'"));
    }

    #[test]
    fn spelling_makes_no_difference() {
        let spellings = [
            "status IN ('new', 'won')",
            "STATUS in('new','won')",
            "(\"status\" IN ('new', 'won'))",
            "((`status` /* sic */ IN\n('new', 'won')))",
        ];
        for spelling in spellings {
            assert_eq!(normalise(spelling), "status in ( 'new' , 'won' )", "{spelling}");
        }
    }

    #[test]
    fn quotes_come_where_a_name_needs_them() {
        assert_eq!(rename_column("one > 0", "one", "order"), "\"order\" > 0");
        assert_eq!(rename_column("\"Three\" > 0", "Three", "three"), "\"three\" > 0");
        assert!(same("\"three\" > 0", "three > 0") && same("THREE > 0", "three > 0"));
        assert!(!same("\"Three\" > 0", "three > 0") && !same("\"order\" > 0", "order > 0"));
    }

    #[test]
    fn meaning_makes_a_difference() {
        let base = normalise("status IN ('new', 'won')");
        for other in
            ["status IN ('new')", "status IN ('New', 'won')", "NOT status IN ('new', 'won')"]
        {
            assert_ne!(normalise(other), base, "{other}");
        }
        assert_ne!(normalise("(a) OR (b)"), normalise("a) OR (b"));
    }
}
