//! Which statements a scope sends. What could end its transaction, change whom it works for, or
//! outlive it in the session is refused before it is sent.
//!
//! This is for confused code, so it is blunt where a lexer would have to agree with two servers: a
//! semicolon inside a text is refused even in a literal. Values belong into parameters.

use sea_orm::DbErr;

/// The commands that a scope sends. Everything else (transaction control, SET, RESET, DISCARD, DO,
/// CALL, COPY, LISTEN, PREPARE, LOCK, cursors, DDL) is refused.
const ALLOWED: [&str; 11] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", "VALUES", "TABLE",
    "EXPLAIN", "SHOW",
];

/// What is refused wherever it stands, because it changes settings, outlives the transaction, or
/// runs another text: by a part of its name, in small letters.
const FORBIDDEN: [(&str, &str); 12] = [
    ("set_config", "changes of settings"),
    ("pg_settings", "changes of settings"),
    ("pg_advisory_lock", "locks of the session: there are pg_advisory_xact_lock and the like"),
    ("pg_try_advisory_lock", "locks of the session: there is pg_try_advisory_xact_lock"),
    ("to_xml", "functions that run another text"),
    ("dblink", "connections of their own"),
    ("citus_", RUNS_ANOTHER),
    ("run_command_on_", RUNS_ANOTHER),
    ("intermediate_result", RUNS_ANOTHER),
    ("alter_role_if_exists", RUNS_ANOTHER),
    ("database_command", RUNS_ANOTHER),
    ("u&\"", "names in Unicode escapes"),
];

/// What functions of Citus do that every role may call: `citus_run_local_command('RESET ROLE')`.
const RUNS_ANOTHER: &str = "functions of Citus that run another text";

/// How functions of Citus begin that do the same, in small letters. Columns may begin so as well.
const FORBIDDEN_CALLS: [&str; 2] = ["worker_", "master_"];

/// Whether a [`TenantScope`](super::TenantScope) sends this text: one statement, of a kind that can
/// neither end the transaction nor change whom it works for.
///
/// # Errors
///
/// What is refused about it.
pub fn check(sql: &str) -> Result<(), DbErr> {
    let refused = |what: &str| Err(DbErr::Custom(format!("a tenant scope refuses {what}")));
    let Some(command) = command(sql) else {
        return refused("a text that does not begin with a command");
    };
    if !ALLOWED.contains(&command.as_str()) {
        return refused(&format!("{command}: it sends queries and changes of rows, nothing else"));
    }
    if sql.trim_end().trim_end_matches([';', ' ', '\n']).contains(';') {
        return refused("a semicolon inside a text: send one statement, and bind its values");
    }
    let small = sql.to_ascii_lowercase();
    if let Some((_, what)) = FORBIDDEN.iter().find(|(part, _)| small.contains(part)) {
        return refused(what);
    }
    if FORBIDDEN_CALLS.iter().any(|start| calls(&small, start)) {
        return refused(RUNS_ANOTHER);
    }
    let words = words(&small);
    for (at, word) in words.iter().enumerate() {
        let before = |steps: usize| at.checked_sub(steps).map_or("", |at| words[at]);
        match *word {
            "into" if !matches!(before(1), "insert" | "merge" | "replace") && before(2) != "or" => {
                return refused("SELECT INTO: it sends queries and changes of rows, nothing else");
            }
            "create" | "execute" | "declare" if command == "EXPLAIN" => {
                return refused("EXPLAIN of anything but queries and changes of rows");
            }
            "rollback" if before(1) == "or" => return refused("OR ROLLBACK"),
            _ => {}
        }
    }
    Ok(())
}

/// The first word, in capitals. Comments before it that servers read differently are no beginning.
fn command(sql: &str) -> Option<String> {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches([' ', '\n', '\t', '\r', '(']);
        if let Some(comment) = rest.strip_prefix("--") {
            let (comment, after) = comment.split_once('\n')?;
            if comment.contains('\r') {
                return None;
            }
            rest = after;
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let (comment, after) = comment.split_once("*/")?;
            if comment.contains("/*") {
                return None;
            }
            rest = after;
        } else {
            break;
        }
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    (end > 0).then(|| rest[..end].to_ascii_uppercase())
}

/// Whether something may be a call of a function whose name begins so. What stands between a name and its
/// parenthesis counts as a call if it is a comment.
fn calls(small: &str, start: &str) -> bool {
    let in_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    small.match_indices(start).any(|(at, _)| {
        let begins = !small[..at].ends_with(in_name);
        let after = small[at..].trim_start_matches(in_name);
        let after = after.strip_prefix('"').unwrap_or(after).trim_start();
        begins && (after.starts_with('(') || after.starts_with("/*") || after.starts_with("--"))
    })
}

/// The words outside single quotes.
fn words(sql: &str) -> Vec<&str> {
    sql.split('\'')
        .step_by(2)
        .flat_map(|part| part.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn queries_and_changes_of_rows_pass() {
        for sql in [
            "SELECT 1",
            " \n-- a comment\n /* and another */ select 1 ; \n",
            "(SELECT 1) UNION (SELECT 2)",
            "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a",
            "INSERT OR IGNORE INTO t VALUES (1)",
            "INSERT INTO t VALUES ('it''s fine to go into it', $$a$$, \"a b\")",
            "UPDATE t SET a = $1 WHERE b = $2;",
            "VALUES (1), (2)",
            "SELECT pg_advisory_xact_lock(1), a[1] FROM t",
            "SELECT worker_id, master_id FROM t WHERE (worker_id, \"master_id\") = (1, 2)",
            "SELECT count(worker_id) FROM coworker_ (a) WHERE upper(master_key) = 'A'",
            "EXPLAIN SELECT 1",
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
            "/* /* */ COMMIT /* */ */ SELECT 1",
            "-- \r COMMIT\n SELECT 1",
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
            "LOCK TABLE leads",
            "CREATE TEMP TABLE leads (id int)",
            "TRUNCATE leads",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "PRAGMA foreign_keys = 0",
            "ATTACH 'x' AS y",
            "SELECT 1; COMMIT",
            "SELECT '\\'; COMMIT; --'",
            "SELECT 1 /* /* */; COMMIT",
            "SELECT 'a' LIKE'\\'; COMMIT; --'",
            "SELECT 1 AS [']; COMMIT; --'",
            "SELECT $a$ $a$; RESET ROLE",
            "SELECT pg_catalog.Set_Config('role', 'postgres', true)",
            "SELECT U&\"set\\005fconfig\"('role', 'none', true)",
            "UPDATE pg_settings SET setting = 'evil' WHERE name = 'search_path'",
            "SELECT query_to_xml('select 1', true, true, '')",
            "SELECT pg_advisory_lock(1)",
            "SELECT run_command_on_workers('SELECT 1')",
            "SELECT citus_run_local_command('RESET ROLE')",
            "SELECT * FROM pg_catalog.\"worker_apply_shard_ddl_command\" (0, 'RESET ROLE')",
            "SELECT worker_save_query_explain_analyze/**/('SELECT 1', '{}')",
            "SELECT Master_Run_On_Worker -- \n ('{a}', '{1}', '{x}', false)",
            "SELECT create_intermediate_result('a', 'SELECT 1')",
            "SELECT alter_role_if_exists('a', 'RESET ROLE')",
            "SELECT * INTO leak FROM leads",
            "SELECT 1 AS id INTO TEMP leads",
            "EXPLAIN ANALYZE CREATE TABLE leak AS SELECT 1",
            "INSERT OR ROLLBACK INTO t VALUES (1)",
            "é",
        ] {
            assert!(check(sql).is_err(), "{sql}");
        }
    }
}
