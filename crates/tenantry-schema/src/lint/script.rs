//! SQL text as statements, with what rules ask of them.

use sqlparser::{
    ast,
    dialect::PostgreSqlDialect,
    parser::Parser,
    tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace},
};

use super::psql::without_psql;

/// Statements that run one after the other.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where they come from.
    pub name: String,
    /// The statements.
    pub statements: Vec<Statement>,
    /// Whether all of them run in one transaction that began before, as migrations do.
    pub is_migration: bool,
    /// The text they were read from.
    pub text: String,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its first line in the script, from 1.
    pub line: u64,
    /// Its text, without the semicolon.
    pub sql: String,
    /// What the parser makes of it; `None` if it does not understand it.
    pub ast: Option<ast::Statement>,
    /// Its words outside of quotes, in capitals.
    pub words: Vec<String>,
    /// Which transaction of the script it is in: those that stand between BEGIN and its end have
    /// one, and all statements of a migration.
    pub transaction: Option<usize>,
}

impl Script {
    /// What a migration sends, a statement a line.
    #[must_use]
    pub fn of_migration(name: impl Into<String>, statements: &[String]) -> Self {
        let mut read = Vec::new();
        // Each by itself: a comment at the end of one must not hide the next.
        for (number, sql) in (1..).zip(statements) {
            for statement in split(sql) {
                read.push(Statement { line: number, transaction: Some(0), ..statement });
            }
        }
        let one_line = |it: &Statement| it.sql.split('\n').collect::<Vec<_>>().join(" ") + ";\n";
        let text = read.iter().map(one_line).collect();
        Self { name: name.into(), statements: read, is_migration: true, text }
    }

    /// An SQL file. Without a BEGIN in it, it counts as a migration. What is in it for psql alone does not count.
    #[must_use]
    pub fn of_file(name: impl Into<String>, text: &str) -> Self {
        let script = Self::read(name.into(), without_psql(text), false);
        if script.statements.iter().any(Statement::begins) {
            return script;
        }
        Self::read(script.name, script.text, true)
    }

    fn read(name: String, text: String, is_migration: bool) -> Self {
        let mut statements = split(&text);
        let (mut open, mut count) = (is_migration, 0);
        for statement in &mut statements {
            if !is_migration && statement.begins() {
                (open, count) = (true, count + 1);
            }
            statement.transaction = open.then_some(count);
            if !is_migration && statement.ends() {
                open = false;
            }
        }
        Self { name, statements, is_migration, text }
    }
}

/// The statements of a text. One that the tokenizer does not understand, an open quote say, is a
/// statement that nothing is known of.
fn split(text: &str) -> Vec<Statement> {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location() else {
        return vec![Statement::unknown(text)];
    };
    let mut statements = Vec::new();
    for part in tokens.split(|token| token.token == Token::SemiColon) {
        let is_blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
        let Some(first) = part.iter().find(|token| !is_blank(token)) else { continue };
        statements.push(Statement::read(first.span.start.line, part));
    }
    statements
}

impl Statement {
    fn unknown(text: &str) -> Self {
        let sql = text.trim().to_owned();
        Self { line: 1, sql, ast: None, words: Vec::new(), transaction: None }
    }

    fn read(line: u64, tokens: &[TokenWithSpan]) -> Self {
        let words = tokens.iter().filter_map(|token| match &token.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
            _ => None,
        });
        let words: Vec<String> = words.collect();
        let text: String = tokens
            .iter()
            .filter(|token| !is_comment(&token.token))
            .map(|token| token.token.to_string())
            .collect();
        let mut parser =
            Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens.to_vec());
        let ast = parser.parse_statement().ok();
        let ast = ast.filter(|_| parser.peek_token().token == Token::EOF);
        Self { line, sql: text.trim().to_owned(), ast, words, transaction: None }
    }

    /// Whether its first words are these. `OR REPLACE` and the like behind CREATE do not count.
    #[must_use]
    pub fn starts(&self, words: &[&str]) -> bool {
        let filler = |word: &&String| {
            !["OR", "REPLACE", "CONSTRAINT", "EVENT", "TRUSTED", "UNLOGGED"]
                .contains(&word.as_str())
        };
        let own = self.words.iter().filter(filler);
        own.map(String::as_str).take(words.len()).eq(words.iter().copied())
    }

    /// Whether these words stand in it one behind the other.
    #[must_use]
    pub fn has(&self, words: &[&str]) -> bool {
        self.words.windows(words.len()).any(|window| window.iter().eq(words.iter()))
    }

    /// Whether it begins a transaction.
    #[must_use]
    pub fn begins(&self) -> bool {
        self.starts(&["BEGIN"]) || self.starts(&["START", "TRANSACTION"])
    }

    /// Whether it ends one.
    fn ends(&self) -> bool {
        let ends = ["COMMIT", "END", "ABORT"].iter().any(|word| self.starts(&[word]));
        ends || (self.starts(&["ROLLBACK"]) && !self.has(&["ROLLBACK", "TO"]))
    }

    /// Whether it changes the schema.
    #[must_use]
    pub fn is_ddl(&self) -> bool {
        ["CREATE", "ALTER", "DROP", "COMMENT"].iter().any(|word| self.starts(&[word]))
    }
}

fn is_comment(token: &Token) -> bool {
    matches!(
        token,
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_))
    )
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn statements_are_split_where_the_server_would() {
        let script = Script::of_file(
            "x.sql",
            "-- one;\nCREATE TABLE a (b text DEFAULT ';');\n\nDO $$ BEGIN; END $$;\n /* ; */ SELECT 1",
        );
        let lines: Vec<(u64, bool)> =
            script.statements.iter().map(|it| (it.line, it.ast.is_some())).collect();
        assert_eq!(lines, [(2, true), (4, false), (5, true)], "{script:#?}");
        assert_eq!(script.statements[0].sql, "CREATE TABLE a (b text DEFAULT ';')");
        assert!(script.is_migration);
    }

    #[test]
    fn a_comment_hides_no_statement_of_a_migration() {
        let sent = ["-- old\nDROP TABLE a", "CREATE TABLE b (id int) -- x", "SELECT 'open", "DO 1"];
        let script = Script::of_migration("m", &sent.map(str::to_owned));
        let read: Vec<(u64, &str)> =
            script.statements.iter().map(|it| (it.line, it.sql.as_str())).collect();
        let wanted =
            [(1, "DROP TABLE a"), (2, "CREATE TABLE b (id int)"), (3, sent[2]), (4, sent[3])];
        assert_eq!(read, wanted);
    }

    #[test]
    fn transactions_are_told_apart() {
        let script = Script::of_file("x.sql", "BEGIN; SELECT 1; COMMIT; SELECT 2; BEGIN; SELECT 3");
        let transactions: Vec<_> = script.statements.iter().map(|it| it.transaction).collect();
        assert_eq!(transactions, [Some(1), Some(1), Some(1), None, Some(2), Some(2)]);
    }
}
