//! Which statements a scope sends. What could end its transaction, change whom it works for, or
//! outlive it in the session is refused before it is sent.

use sea_orm::DbErr;

/// The commands that a scope sends. Everything else (transaction control, SET, RESET, DISCARD, DO,
/// CALL, COPY, LISTEN, PREPARE, cursors, DDL) is refused.
const ALLOWED: [&str; 12] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", "VALUES", "TABLE",
    "EXPLAIN", "SHOW", "LOCK",
];

/// The function that changes settings inside any SELECT.
const SET_CONFIG: &str = "set_config";

/// Whether a [`TenantScope`](super::TenantScope) sends this text: one statement, of a kind that can
/// neither end the transaction nor change whom it works for.
///
/// # Errors
///
/// What is refused about it.
pub fn check(sql: &str) -> Result<(), DbErr> {
    let refused = |what: &str| Err(DbErr::Custom(format!("a tenant scope refuses {what}")));
    let mut rest = Reader { rest: sql };
    let Some(command) = rest.command() else { return refused("an empty statement") };
    if !ALLOWED.contains(&command.as_str()) {
        return refused(&format!("{command}: it sends queries and changes of rows, nothing else"));
    }
    if rest.goes_on_after_semicolon() {
        return refused("several statements in one text");
    }
    if sql.to_ascii_lowercase().contains(SET_CONFIG) {
        return refused("set_config: the tenant and the role stay the same in a scope");
    }
    Ok(())
}

/// Reads SQL as far as comments, quotes and semicolons go.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// The first word, in capitals.
    fn command(&mut self) -> Option<String> {
        loop {
            self.skip_space();
            match self.rest.strip_prefix('(') {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match (word, rest.chars().next()) {
            ("", None) => None,
            ("", Some(other)) => Some(format!("what begins with `{other}`")),
            (word, _) => Some(word.to_ascii_uppercase()),
        }
    }

    /// Whether anything but space stands behind a semicolon.
    fn goes_on_after_semicolon(&mut self) -> bool {
        let mut before = ' ';
        while let Some(letter) = self.rest.chars().next() {
            if letter == ';' {
                self.rest = &self.rest[1..];
                self.skip_space();
                while let Some(rest) = self.rest.strip_prefix(';') {
                    self.rest = rest;
                    self.skip_space();
                }
                return !self.rest.is_empty();
            }
            let length = match letter {
                '\'' => self.quoted('\'', matches!(before, 'e' | 'E')),
                '"' => self.quoted('"', false),
                '`' => self.quoted('`', false),
                '$' if !is_word(before) => self.dollar_quoted(),
                '-' if self.rest.starts_with("--") => self.line_comment(),
                '/' if self.rest.starts_with("/*") => self.block_comment(),
                other => other.len_utf8(),
            };
            before = letter;
            self.rest = &self.rest[length..];
        }
        false
    }

    fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let length = if self.rest.starts_with("--") {
                self.line_comment()
            } else if self.rest.starts_with("/*") {
                self.block_comment()
            } else {
                return;
            };
            self.rest = &self.rest[length..];
        }
    }

    fn line_comment(&self) -> usize {
        self.rest.find(['\n', '\r']).unwrap_or(self.rest.len())
    }

    /// PostgreSQL's comments nest, SQLite's do not. A text that the two read differently is taken
    /// to end where SQLite ends it, so that nothing is hidden in it: an unmatched opening then
    /// leaves more text, which is looked at.
    fn block_comment(&self) -> usize {
        let (mut depth, mut at) = (0_usize, 0);
        let bytes = self.rest.as_bytes();
        while at + 1 < bytes.len() {
            match &bytes[at..at + 2] {
                b"/*" => (depth, at) = (depth + 1, at + 2),
                b"*/" => {
                    (depth, at) = (depth - 1, at + 2);
                    if depth == 0 {
                        return at;
                    }
                }
                _ => at += 1,
            }
        }
        self.rest.len()
    }

    /// The length of a quoted text; doubled quotes belong to it.
    fn quoted(&self, quote: char, backslashes: bool) -> usize {
        let mut letters = self.rest.char_indices().skip(1).peekable();
        while let Some((at, letter)) = letters.next() {
            if backslashes && letter == '\\' {
                letters.next();
            } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
                return at + 1;
            }
        }
        self.rest.len()
    }

    /// The length of `$tag$ … $tag$`, or of the `$` alone if it begins no such text.
    fn dollar_quoted(&self) -> usize {
        let Some(end) = self.rest[1..].find('$') else { return 1 };
        let tag = &self.rest[..end + 2];
        let name = &tag[1..tag.len() - 1];
        let is_tag = name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit());
        if !is_tag {
            return 1;
        }
        match self.rest[tag.len()..].find(tag) {
            Some(at) => at + 2 * tag.len(),
            None => self.rest.len(),
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn queries_and_changes_of_rows_pass() {
        for sql in [
            "SELECT 1",
            " \n-- a comment; with a semicolon\n /* and /* another; */ */ select ';' ; -- end",
            "(SELECT 1) UNION (SELECT 2)",
            "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a",
            "INSERT INTO t VALUES ('it''s; fine', E'a\\';b', $$;$$, $x$;$$;$x$, \"a;b\")",
            "UPDATE t SET a = $1 WHERE b = $2;",
            "VALUES (1), (2)",
            "SELECT a$b, $1 FROM t",
        ] {
            assert!(check(sql).is_ok(), "{sql}: {:?}", check(sql));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for sql in [
            "",
            " -- nothing",
            ";",
            "COMMIT",
            "/* x */ rollback",
            "END",
            "ABORT",
            "BEGIN",
            "START TRANSACTION",
            "SAVEPOINT a",
            "RELEASE a",
            "PREPARE TRANSACTION 'x'",
            "SET ROLE postgres",
            "set local nile.tenant_id = 'x'",
            "RESET ROLE",
            "RESET ALL",
            "DISCARD ALL",
            "DO $$ BEGIN END $$",
            "CALL p()",
            "COPY t TO STDOUT",
            "LISTEN x",
            "CREATE TEMP TABLE leads (id int)",
            "TRUNCATE leads",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "PRAGMA foreign_keys = 0",
            "ATTACH 'x' AS y",
            "SELECT 1; COMMIT",
            "SELECT '\\'; COMMIT; --'",
            "SELECT 1 /* ; */; RESET ROLE",
            "SELECT $a$ $a$; RESET ROLE",
            "SELECT pg_catalog.Set_Config('role', 'postgres', true)",
            "é",
        ] {
            assert!(check(sql).is_err(), "{sql}");
        }
    }
}
