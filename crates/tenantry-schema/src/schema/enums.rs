//! Statements about enum types that are to run in one transaction.

use std::collections::BTreeMap;

/// The statements with each value that is added to an enum type in the statement that creates the type: PostgreSQL
/// lets no statement of the same transaction use a value that was added.
pub(super) fn with_values_at_once(statements: Vec<String>) -> Vec<String> {
    if !statements.iter().any(|sql| sql.contains(" ADD VALUE ")) {
        return statements;
    }
    // By the names that the types have where the statement stands.
    let mut created: BTreeMap<String, usize> = BTreeMap::new();
    let mut left: Vec<String> = Vec::new();
    for sql in statements {
        if let Some((name, _)) = read(&sql, "CREATE TYPE ", " AS ENUM (") {
            created.insert(name.to_owned(), left.len());
        } else if let Some((from, to)) = read(&sql, "ALTER TYPE ", " RENAME TO ")
            && let Some(at) = created.remove(from)
        {
            created.insert(to.to_owned(), at);
        } else if let Some((name, value)) = read(&sql, "ALTER TYPE ", " ADD VALUE ")
            && let Some(at) = created.get(name)
            && let Some(with_it) = with_value(&left[*at], value)
        {
            left[*at] = with_it;
            continue;
        }
        left.push(sql);
    }
    left
}

/// What stands before and behind a part of a statement.
fn read<'a>(sql: &'a str, begin: &str, part: &str) -> Option<(&'a str, &'a str)> {
    sql.strip_prefix(begin)?.split_once(part)
}

/// The statement that creates a type, with one value more: before another one, or at the end.
fn with_value(create: &str, value: &str) -> Option<String> {
    let values = create.strip_suffix(')')?;
    let Some((value, other)) = value.rsplit_once(" BEFORE '") else {
        let whole = value.starts_with('\'') && value.ends_with('\'') && !value.contains(" AFTER '");
        return whole.then(|| format!("{values}, {value})"));
    };
    let (head, list) = values.split_once(" AS ENUM (")?;
    let other = format!("'{other}");
    let mut all = super::ddl::parts(list);
    let at = all.iter().position(|it| *it == other)?;
    all.insert(at, value);
    Some(format!("{head} AS ENUM ({}", all.join(", ")) + ")")
}

#[cfg(test)]
mod tests {
    use super::with_values_at_once;

    #[test]
    fn values_are_there_from_the_beginning() {
        let sent = [
            r#"CREATE TYPE "mood" AS ENUM ('ok', 'it''s, or')"#,
            r#"CREATE TABLE "t" ( "m" "mood" )"#,
            r#"ALTER TYPE "mood" ADD VALUE 'last'"#,
            r#"ALTER TYPE "mood" ADD VALUE 'new' BEFORE 'it''s, or'"#,
            r#"ALTER TYPE "mood" RENAME TO "old""#,
            r#"CREATE TYPE "mood" AS ENUM ('ok')"#,
            r#"ALTER TYPE "mood" ADD VALUE 'a'"#,
            r#"ALTER TYPE "old" ADD VALUE 'b'"#,
            r#"ALTER TYPE "others" ADD VALUE 'c'"#,
        ];
        let wanted = [
            r#"CREATE TYPE "mood" AS ENUM ('ok', 'new', 'it''s, or', 'last', 'b')"#,
            r#"CREATE TABLE "t" ( "m" "mood" )"#,
            r#"ALTER TYPE "mood" RENAME TO "old""#,
            r#"CREATE TYPE "mood" AS ENUM ('ok', 'a')"#,
            r#"ALTER TYPE "others" ADD VALUE 'c'"#,
        ];
        assert_eq!(with_values_at_once(sent.map(str::to_owned).to_vec()), wanted);
    }
}
