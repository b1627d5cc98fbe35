//! What `pg_dump` and people write for psql and not for the server: its commands, which begin with a backslash,
//! and the rows behind COPY.

/// The text with both as empty lines, so that all other lines keep their numbers.
pub(crate) fn without_psql(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    // The statement so far, without what is quoted; and whether rows come on the following lines.
    let (mut statement, mut are_rows) = (String::new(), false);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if kept.is_empty() || kept.ends_with('\n') {
            let line = rest.split('\n').next().unwrap_or_default();
            if are_rows || line.trim_start().starts_with('\\') {
                are_rows = are_rows && line.trim_end() != "\\.";
                rest = &rest[line.len()..];
                // Without an end of the line, it is the end of the text.
                let Some(after) = rest.strip_prefix('\n') else { break };
                kept.push('\n');
                rest = after;
                continue;
            }
        }
        let end = quoted(rest, &kept).unwrap_or(first.len_utf8());
        match first {
            ';' => {
                are_rows = is_copy_of_rows(&statement);
                statement.clear();
            }
            _ if end > first.len_utf8() => statement.push(' '),
            _ => statement.push(first),
        }
        kept.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    kept
}

/// `COPY … FROM STDIN`
fn is_copy_of_rows(statement: &str) -> bool {
    let words: Vec<String> = statement.split_whitespace().map(str::to_uppercase).collect();
    let is_copy = words.first().is_some_and(|word| word == "COPY");
    is_copy && words.windows(2).any(|two| two == ["FROM", "STDIN"])
}

/// Where the comment or the quoted text ends that `rest` begins with, if it does; to its end where it has none.
fn quoted(rest: &str, before: &str) -> Option<usize> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let until = |start: usize, end: &str| rest[start..].find(end).map(|at| start + at + end.len());
    let end = match rest.as_bytes() {
        [b'-', b'-', ..] => rest.find('\n'),
        [b'/', b'*', ..] => end_of_block(rest),
        [b'"', ..] => until(1, "\""),
        [b'\'', ..] => {
            // E'it\'s'
            let mut last = before.chars().rev();
            let escapes =
                matches!(last.next(), Some('e' | 'E')) && !last.next().is_some_and(is_word);
            if escapes { end_of_escaped(rest) } else { until(1, "'") }
        }
        [b'$', ..] if !before.ends_with(is_word) => {
            let name = rest[1..].find('$').map(|at| &rest[1..=at])?;
            let is_name = name.chars().all(|it| is_word(it) && it != '$')
                && !name.starts_with(|it: char| it.is_ascii_digit());
            let tag = &rest[..name.len() + 2];
            is_name.then(|| until(tag.len(), tag))?
        }
        _ => return None,
    };
    Some(end.unwrap_or(rest.len()))
}

/// Comments may be in one another.
fn end_of_block(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let sign = rest[at..].find(['/', '*'])? + at;
        let two = rest.get(sign..sign + 2)?;
        at = sign + 2;
        match two {
            "/*" => depth += 1,
            "*/" if depth == 1 => return Some(at),
            "*/" => depth -= 1,
            _ => at = sign + 1,
        }
    }
}

fn end_of_escaped(rest: &str) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '\'' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::without_psql;

    #[test]
    fn commands_and_rows_become_empty_lines() {
        let cases = [
            ("\\connect app\nSELECT 1;\n", "\nSELECT 1;\n"),
            ("  \\set x 1\nSELECT 1", "\nSELECT 1"),
            ("\\unrestrict x", ""),
            (
                "copy t (a) from stdin;\n1\tit's; one\n\\N\n\\.\nSELECT 1;",
                "copy t (a) from stdin;\n\n\n\nSELECT 1;",
            ),
            (
                "COPY t FROM STDIN WITH (FORMAT csv);\r\n1\r\n\\.\r\nSELECT 1",
                "COPY t FROM STDIN WITH (FORMAT csv);\r\n\n\nSELECT 1",
            ),
            ("-- COPY t FROM stdin;\nSELECT 1;\n", "-- COPY t FROM stdin;\nSELECT 1;\n"),
            ("COPY t FROM '/x'; SELECT 1;\n", "COPY t FROM '/x'; SELECT 1;\n"),
            ("COPY t TO stdout;\nSELECT 1;\n", "COPY t TO stdout;\nSELECT 1;\n"),
        ];
        for (text, kept) in cases {
            assert_eq!(without_psql(text), kept, "{text:?}");
        }
    }

    /// Where a line that begins with a backslash is a part of something else.
    #[test]
    fn what_is_quoted_stays() {
        let cases = [
            "SELECT 'a\n\\b';\n",
            "SELECT E'a\\'\n\\b';\n",
            "SELECT \"a\n\\b\";\n",
            "DO $$\n\\b\n$$;\n",
            "DO $x$ $$ \n\\b\n$y$ $x$;\n",
            "/* a /* b */\n\\c\n*/ SELECT 1;\n",
            "SELECT 'it''s\n\\x';\n",
            "SELECT name'\n\\x';\n",
            "SELECT 'ä\n\\ö', $ä$\n\\x$ä$;\n",
            "SELECT 'open\n\\x",
            "SELECT a$1\n;",
        ];
        for text in cases {
            assert_eq!(without_psql(text), text);
        }
    }
}
