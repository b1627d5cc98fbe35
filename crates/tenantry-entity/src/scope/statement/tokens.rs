//! Tokens of SQL as the servers read them, so that what stands in a comment or in quotes is not taken for a
//! command, and no command hides there.
//!
//! PostgreSQL: its manual, 4.1 Lexical Structure, with `standard_conforming_strings` on, which a scope sees to.
//! SQLite: <https://www.sqlite.org/lang.html> and its tokenizer.

use sea_orm::DbBackend;

/// A part of a statement. Comments and white space are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A key word or a name without quotes, in small letters.
    Word(String),
    /// A name in quotes, as the server reads it.
    Name(String),
    /// A text in quotes.
    Text,
    /// A number, a parameter or any other sign.
    Sign(char),
}

impl Token {
    /// Whether it is this key word.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }
}

/// Why a text cannot be read: it ends within quotes, or has a sign that servers do not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

/// Reads a whole text.
pub(super) fn tokens(sql: &str, backend: DbBackend) -> Result<Vec<Token>, Unreadable> {
    let mut reader = Reader { rest: sql, is_sqlite: backend == DbBackend::Sqlite };
    let mut tokens = Vec::new();
    if sql.contains('\0') {
        return Err(Unreadable("a NUL"));
    }
    loop {
        reader.skip()?;
        let Some(token) = reader.token()? else { return Ok(tokens) };
        tokens.push(token);
    }
}

struct Reader<'a> {
    rest: &'a str,
    is_sqlite: bool,
}

const OPEN_QUOTE: Unreadable = Unreadable("quotes that are not closed");
const OPEN_COMMENT: Unreadable = Unreadable("a comment that is not closed");
const ESCAPE: Unreadable = Unreadable("a Unicode escape that is none");

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(|c| !is(c)).unwrap_or(self.rest.len()))
    }

    /// White space and comments.
    fn skip(&mut self) -> Result<(), Unreadable> {
        loop {
            // SQLite takes a byte order mark for white space wherever a token may begin.
            let is_sqlite = self.is_sqlite;
            self.take_while(|c| is_space(c) || is_sqlite && c == '\u{feff}');
            if self.rest.starts_with("--") {
                self.skip_line();
            } else if self.rest.starts_with("/*") {
                self.skip_block()?;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_line(&mut self) {
        let is_sqlite = self.is_sqlite;
        self.take_while(|c| c != '\n' && (is_sqlite || c != '\r'));
    }

    /// PostgreSQL's are nested, SQLite's are not, and may end with the text.
    fn skip_block(&mut self) -> Result<(), Unreadable> {
        self.take(2);
        let mut depth = 1;
        while depth > 0 {
            let Some(at) = self.rest.find(['*', '/']) else {
                self.rest = "";
                return if self.is_sqlite { Ok(()) } else { Err(OPEN_COMMENT) };
            };
            self.take(at);
            if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
            } else if self.rest.starts_with("/*") && !self.is_sqlite {
                depth += 1;
                self.take(2);
            } else {
                self.take(1);
            }
        }
        Ok(())
    }

    fn token(&mut self) -> Result<Option<Token>, Unreadable> {
        let Some(first) = self.peek() else { return Ok(None) };
        let token = match first {
            '\'' => self.text(false)?,
            '"' => Token::Name(self.quoted('"')?),
            '`' if self.is_sqlite => Token::Name(self.quoted('`')?),
            '[' if self.is_sqlite => {
                let end = self.rest.find(']').ok_or(OPEN_QUOTE)?;
                Token::Name(self.take(end + 1)[1..end].to_owned())
            }
            '$' if !self.is_sqlite => self.dollar()?,
            _ if starts_word(first) => self.word()?,
            _ => {
                self.take(first.len_utf8());
                Token::Sign(first)
            }
        };
        Ok(Some(token))
    }

    /// What begins with a letter: a word, or a text or name with a letter before its quotes.
    fn word(&mut self) -> Result<Token, Unreadable> {
        let mut chars = self.rest.chars().map(|c| c.to_ascii_lowercase());
        let start = (chars.next(), chars.next(), chars.next());
        match start {
            (Some('e'), Some('\''), _) if !self.is_sqlite => {
                self.take(1);
                return self.text(true);
            }
            (Some('b' | 'x' | 'n'), Some('\''), _) if !self.is_sqlite => {
                self.take(1);
                return self.text(false);
            }
            (Some('u'), Some('&'), Some('\'')) if !self.is_sqlite => {
                self.take(2);
                return self.text(false);
            }
            (Some('u'), Some('&'), Some('"')) if !self.is_sqlite => {
                self.take(2);
                let name = self.quoted('"')?;
                let escape = self.escape_sign()?;
                return Ok(Token::Name(unescaped(&name, escape)?));
            }
            _ => {}
        }
        let word = self.take_while(|c| starts_word(c) || c.is_ascii_digit() || c == '$');
        Ok(Token::Word(word.to_ascii_lowercase()))
    }

    /// A text in single quotes. One that goes on after a new line is one text, with the same escapes.
    fn text(&mut self, has_escapes: bool) -> Result<Token, Unreadable> {
        loop {
            self.take(1);
            loop {
                let at = self.rest.find(['\'', '\\']).ok_or(OPEN_QUOTE)?;
                self.take(at);
                if self.rest.starts_with("''") {
                    self.take(2);
                } else if self.rest.starts_with('\'') {
                    self.take(1);
                    break;
                } else {
                    self.take(1);
                    if let (true, Some(next)) = (has_escapes, self.peek()) {
                        self.take(next.len_utf8());
                    }
                }
            }
            if self.is_sqlite || !self.goes_on() {
                return Ok(Token::Text);
            }
        }
    }

    /// Whether a text goes on: nothing but white space with a new line in it, and comments to the end of a line,
    /// stand before another quote. Is at that quote then.
    fn goes_on(&mut self) -> bool {
        let mut after = Reader { rest: self.rest, is_sqlite: false };
        let mut has_new_line = false;
        loop {
            let space = after.take_while(is_space);
            has_new_line |= space.contains(['\n', '\r']);
            if after.rest.starts_with("--") {
                after.skip_line();
            } else {
                break;
            }
        }
        if has_new_line && after.rest.starts_with('\'') {
            self.rest = after.rest;
            return true;
        }
        false
    }

    /// A name in quotes, which are doubled within it.
    fn quoted(&mut self, quote: char) -> Result<String, Unreadable> {
        self.take(1);
        let mut name = String::new();
        loop {
            let at = self.rest.find(quote).ok_or(OPEN_QUOTE)?;
            name.push_str(&self.take(at + 1)[..at]);
            if self.peek() != Some(quote) {
                return Ok(name);
            }
            self.take(1);
            name.push(quote);
        }
    }

    /// What begins with a dollar sign: a text in dollar quotes, or a parameter.
    fn dollar(&mut self) -> Result<Token, Unreadable> {
        let after = &self.rest[1..];
        let end = after.find(|c| !(starts_word(c) || c.is_ascii_digit())).unwrap_or(after.len());
        let is_quote =
            after[end..].starts_with('$') && !after.starts_with(|c: char| c.is_ascii_digit());
        if !is_quote {
            self.take(1);
            return Ok(Token::Sign('$'));
        }
        let quote = self.take(end + 2);
        let length = self.rest.find(quote).ok_or(OPEN_QUOTE)?;
        self.take(length + quote.len());
        Ok(Token::Text)
    }

    /// The sign that `UESCAPE` names after a name in Unicode escapes.
    fn escape_sign(&mut self) -> Result<char, Unreadable> {
        let mut after = Reader { rest: self.rest, is_sqlite: false };
        after.skip()?;
        let word = after.take_while(|c| starts_word(c) || c.is_ascii_digit() || c == '$');
        if !word.eq_ignore_ascii_case("uescape") {
            return Ok('\\');
        }
        after.skip()?;
        let mut chars = after.rest.chars();
        let (Some('\''), Some(sign), Some('\'')) = (chars.next(), chars.next(), chars.next())
        else {
            return Err(ESCAPE);
        };
        self.rest = chars.as_str();
        Ok(sign)
    }
}

/// White space, also the vertical tab, which is that from PostgreSQL 16 on and an error elsewhere.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Whether a word may begin with it. Every sign outside of ASCII is a letter to both servers.
fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

/// A name with its escapes read: `\0061` and `\+000061`.
fn unescaped(name: &str, escape: char) -> Result<String, Unreadable> {
    let mut rest = name;
    let mut read = String::new();
    while let Some(at) = rest.find(escape) {
        read.push_str(&rest[..at]);
        rest = &rest[at + escape.len_utf8()..];
        if let Some(after) = rest.strip_prefix(escape) {
            read.push(escape);
            rest = after;
            continue;
        }
        let (digits, length) = match rest.strip_prefix('+') {
            Some(digits) => (digits, 6),
            None => (rest, 4),
        };
        let code = digits.get(..length).and_then(|it| u32::from_str_radix(it, 16).ok());
        read.push(code.and_then(char::from_u32).ok_or(ESCAPE)?);
        rest = &digits[length..];
    }
    read.push_str(rest);
    Ok(read)
}
