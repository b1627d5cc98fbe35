//! What stands in `extra` of a column: SQL that SeaORM passes on as it is.

use std::iter::Peekable;

use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};

use super::Generated;
use crate::{ops::v1::SQLITE_COLLATIONS, sql::Places};

/// What `extra` of a column says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extra {
    /// Conditions, with the names that they are given.
    pub(super) checks: Vec<(Option<String>, String)>,
    pub(super) generated: Option<Generated>,
    pub(super) collation: Option<String>,
}

impl Extra {
    /// Reads `CHECK (…)`, `CONSTRAINT name CHECK (…)`, `GENERATED ALWAYS AS (…) STORED` and `COLLATE name`, each as it
    /// is written.
    ///
    /// # Errors
    ///
    /// What there is besides.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
            .tokenize_with_location()
            .map_err(|error| error.to_string())?;
        let tokens = tokens.into_iter().filter(|it| !matches!(it.token, Token::Whitespace(_)));
        let mut reader = Reader { text, tokens: tokens.peekable() };
        let mut extra = Self::default();
        while let Some(word) = reader.word() {
            match word.to_ascii_uppercase().as_str() {
                "CHECK" => extra.checks.push((None, reader.expression("CHECK")?)),
                "CONSTRAINT" => {
                    let name = reader.name().ok_or("CONSTRAINT without a name")?;
                    reader.expect("CHECK")?;
                    extra.checks.push((Some(name), reader.expression("CHECK")?));
                }
                "GENERATED" if extra.generated.is_none() => {
                    reader.expect("ALWAYS")?;
                    reader.expect("AS")?;
                    let expr = reader.expression("GENERATED ALWAYS AS")?;
                    let stored = !reader.skip("VIRTUAL");
                    reader.skip("STORED");
                    extra.generated = Some(Generated { expr, stored });
                }
                "COLLATE" if extra.collation.is_none() => {
                    extra.collation = Some(reader.name().ok_or("COLLATE without a name")?);
                }
                _ => return Err(word),
            }
        }
        match reader.tokens.next() {
            Some(other) => Err(other.token.to_string()),
            None if extra == Self::default() => Err("nothing in it".to_owned()),
            None => Ok(extra),
        }
    }
}

struct Reader<'t, I: Iterator<Item = TokenWithSpan>> {
    text: &'t str,
    tokens: Peekable<I>,
}

impl<I: Iterator<Item = TokenWithSpan>> Reader<'_, I> {
    /// The next token, if it is a word without quotes.
    fn word(&mut self) -> Option<String> {
        let is_bare = |it: &TokenWithSpan| matches!(&it.token, Token::Word(word) if word.quote_style.is_none());
        self.tokens.next_if(is_bare).map(|it| it.token.to_string())
    }

    /// The next token as a name: in lower case if it has no quotes, as PostgreSQL reads it.
    fn name(&mut self) -> Option<String> {
        let token = self.tokens.next_if(|it| matches!(it.token, Token::Word(_)))?;
        let Token::Word(word) = token.token else { return None };
        let name = if word.quote_style.is_some() { word.value } else { word.value.to_lowercase() };
        Some(collation(&name))
    }

    fn skip(&mut self, expected: &str) -> bool {
        let is_it = |it: &TokenWithSpan| {
            matches!(&it.token, Token::Word(word)
                if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
        };
        self.tokens.next_if(is_it).is_some()
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        if self.skip(expected) {
            return Ok(());
        }
        let found = self.tokens.peek().map(|it| it.token.to_string());
        Err(format!("{} where {expected} belongs", found.as_deref().unwrap_or("nothing")))
    }

    /// What stands in parentheses, as it is written.
    fn expression(&mut self, after: &str) -> Result<String, String> {
        let unclosed = || format!("{after} without (…)");
        let open = self.tokens.next_if(|it| it.token == Token::LParen).ok_or_else(unclosed)?;
        let places = Places::of(self.text);
        let begin = places.byte(open.span.end);
        let mut depth = 1_u32;
        for token in self.tokens.by_ref() {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let end = places.byte(token.span.start);
                return Ok(self.text[begin..end].trim().to_owned());
            }
        }
        Err(unclosed())
    }
}

/// The name of a collation. Those of SQLite are the same in any case.
pub(super) fn collation(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    if SQLITE_COLLATIONS.contains(&upper.as_str()) { upper } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_as_it_is_written() {
        let checked = |checks: &[(Option<&str>, &str)]| Extra {
            checks: checks
                .iter()
                .map(|(name, expr)| (name.map(str::to_owned), (*expr).to_owned()))
                .collect(),
            ..Extra::default()
        };
        let read = |text: &str| Extra::read(text).unwrap_or_else(|what| panic!("{text}: {what}"));
        assert_eq!(read("CHECK (a > 0)"), checked(&[(None, "a > 0")]));
        assert_eq!(
            read("check(a<>')') Constraint \"My one\" CHECK ( ä > (1 +\n2) )"),
            checked(&[(None, "a<>')'"), (Some("My one"), "ä > (1 +\n2)")])
        );
        let generated = |expr: &str, stored| Some(Generated { expr: expr.to_owned(), stored });
        for text in ["GENERATED ALWAYS AS (a * (b)) STORED", "generated always as (a * (b))"] {
            assert_eq!(read(text).generated, generated("a * (b)", true), "{text}");
        }
        let virtual_one = read("GENERATED ALWAYS AS (a) VIRTUAL COLLATE nocase CHECK (a = 1)");
        assert_eq!(virtual_one.generated, generated("a", false));
        assert_eq!(virtual_one.collation.as_deref(), Some("NOCASE"));
        assert_eq!(virtual_one.checks.len(), 1);
        for (text, name) in
            [("COLLATE \"de-x-icu\"", "de-x-icu"), ("COLLATE C", "c"), ("COLLATE \"C\"", "C")]
        {
            assert_eq!(read(text).collation.as_deref(), Some(name), "{text}");
        }
    }

    #[test]
    fn whatever_else_is_there_is_named() {
        for (text, what) in [
            ("", "nothing in it"),
            ("ON UPDATE CURRENT_TIMESTAMP", "ON"),
            ("CHECK (a) UNIQUE", "UNIQUE"),
            ("CHECK a", "CHECK without (…)"),
            ("CHECK (a", "CHECK without (…)"),
            ("CHECK (a))", ")"),
            ("GENERATED BY DEFAULT AS IDENTITY", "BY where ALWAYS belongs"),
            ("GENERATED ALWAYS AS IDENTITY", "GENERATED ALWAYS AS without (…)"),
            ("COLLATE", "COLLATE without a name"),
            ("COLLATE a COLLATE b", "COLLATE"),
            ("'text'", "'text'"),
        ] {
            assert_eq!(Extra::read(text), Err(what.to_owned()), "{text}");
        }
    }
}
