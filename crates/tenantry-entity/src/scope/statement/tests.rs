use super::check;
use crate::Engine;

/// Sent on every engine.
const PASS: [&str; 18] = [
    "SELECT 1",
    " \n-- a comment\n /* and another */ select 1 ; \n",
    "SELECT 1 ; -- done; really",
    "SELECT 1 /* ; it's */ ; /* ; */ ;",
    "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a",
    "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) INSERT INTO b SELECT n FROM a",
    "INSERT INTO t VALUES ('it''s fine to go into it; COMMIT', 'set_config(''a'')', \"a;b\")",
    "UPDATE t SET a = 'x' WHERE b = 'or rollback';",
    "VALUES (1), (2)",
    "SELECT a AS \"into\", b AS \"insert\" FROM t",
    "SELECT citus_id, worker_id, master_id FROM t WHERE (worker_id, \"master_id\") = (1, 2)",
    "SELECT count(worker_id) FROM coworker_ AS set_config (a) WHERE upper(master_key) = 'A'",
    "INSERT INTO worker_jobs (a) SELECT 1 -- it's \"done",
    "WITH worker_a (n) AS (SELECT 1) SELECT n FROM worker_a",
    "SELECT set_config, dblink, crosstab FROM pg_settings",
    "SELECT 'SELECT 1 INTO x', \"set_config\" FROM \"a;b\"",
    "SELECT \"a\"\"; COMMIT; --\" FROM t",
    "EXPLAIN SELECT 1",
];

/// Sent to PostgreSQL and what is like it.
const PASS_ON_POSTGRES: [&str; 16] = [
    "(SELECT 1) UNION (SELECT 2)",
    "((SELECT 1) LIMIT 1)",
    "SELECT $$; COMMIT; it's$$, $a$ $$ ; $a$, E'\\'; COMMIT; --', 'a\\', ';', U&'\\0061;'",
    "SELECT E'a'\n -- and\n '\\'; COMMIT; --'",
    "SELECT 1 AS into, t.into FROM t",
    "SELECT pg_advisory_xact_lock(1), a[1], $1::text FROM t",
    "SELECT ts_rewrite('a'::tsquery, 'a'::tsquery, coalesce('b', 'c')::tsquery)",
    "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'work_mem'",
    "WITH a AS (INSERT INTO b VALUES (1) RETURNING c), insert AS (SELECT 1) INSERT INTO d SELECT 1",
    "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES (1)",
    "EXPLAIN (ANALYZE, VERBOSE off) INSERT INTO t VALUES (1)",
    "EXPLAIN ANALYZE VERBOSE (SELECT 1)",
    "EXPLAIN (SELECT 1)",
    "SELECT 1 /* a /* nested; */ ; */",
    "/* /* */ COMMIT /* */ */ SELECT 1",
    "SHOW search_path",
];

const PASS_ON_SQLITE: [&str; 8] = [
    "INSERT OR IGNORE INTO t VALUES (1)",
    "REPLACE INTO t VALUES (1)",
    "SELECT 'a\\', ';', [a;b], `c;d` FROM t",
    "SELECT rollback, a OR rollback FROM t",
    "EXPLAIN QUERY PLAN SELECT 1",
    "SELECT '\\' || ';' /* /* ; */",
    "SELECT 1 /* not closed; COMMIT",
    "SELECT $a, :b, @c, ?1",
];

/// Refused on every engine.
const REFUSED: [&str; 39] = [
    "",
    " -- nothing",
    ";",
    "\"select\" 1",
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
    "LOCK TABLE orders",
    "CREATE TEMP TABLE orders (id int)",
    "TRUNCATE orders",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "PRAGMA foreign_keys = 0",
    "ATTACH 'x' AS y",
    "SELECT 1; COMMIT",
    "SELECT 1;;COMMIT",
    "SELECT 1 ; -- x\n COMMIT",
    "SELECT '\\'; COMMIT; --'",
    "SELECT 1 -- '\n; COMMIT -- '",
    "SELECT 'a' LIKE'\\'; COMMIT; --'",
    "EXPLAIN CREATE TABLE leak AS SELECT 1",
    "EXPLAIN",
    "SELECT 'not closed",
    "SELECT 1\0; COMMIT",
    "é",
];

const REFUSED_ON_POSTGRES: [&str; 43] = [
    "-- \r COMMIT\n SELECT 1",
    "SELECT 1 -- \r; COMMIT",
    "SELECT $a$ $a$; RESET ROLE",
    "SELECT a$b$; COMMIT; --$b$",
    "SELECT 1 /* not closed",
    "SELECT E'\\\\'; COMMIT; --'",
    "SELECT xE'\\'; COMMIT; --'",
    "SELECT U&'\\'; COMMIT; --'",
    "SELECT 'a'\n'\\'; COMMIT; --'",
    "SELECT 'a' '\\'; COMMIT; --'",
    "SELECT set_config('role', 'postgres', true)",
    "SELECT pg_catalog.Set_Config /* x */ -- y\n ('role', 'postgres', true)",
    "SELECT pg_catalog . \"set_config\"\x0b('role', 'postgres', true)",
    "SELECT U&\"set\\005fconfig\"('role', 'none', true)",
    "SELECT u&\"set!005fconfig\" UESCAPE '!' ('role', 'none', true)",
    "SELECT U&\"set\\+00005fconfig\"('role', 'none', true)",
    "UPDATE pg_settings SET setting = 'evil' WHERE name = 'search_path'",
    "UPDATE ONLY (pg_catalog.\"pg_settings\") SET setting = 'evil'",
    "WITH a AS (UPDATE pg_settings SET setting = 'evil' RETURNING 1) SELECT 1",
    "SELECT query_to_xml('select 1', true, true, '')",
    "SELECT count(*) FROM ts_stat('select to_tsvector(set' || '_config(''role'',''none'',true))')",
    "SELECT ts_rewrite('a'::tsquery, 'SELECT set' || '_config(a, b, c)')",
    "SELECT pg_advisory_lock(1)",
    "SELECT setseed(0.5)",
    "SELECT dblink_exec('dbname=x', 'y')",
    "SELECT * FROM crosstab3('SELECT 1')",
    "SELECT * INTO leak FROM orders",
    "SELECT 1 AS id INTO TEMP orders",
    "SELECT email, true OR false INTO dump FROM orders",
    "SELECT email /* insert */ INTO dump FROM orders",
    "SELECT email AS insert INTO dump FROM orders",
    "SELECT email insert INTO dump FROM orders",
    "SELECT (email) insert INTO dump FROM orders",
    "SELECT email merge INTO dump FROM orders",
    "WITH a AS (SELECT 1) SELECT 2 insert INTO dump FROM a",
    "WITH a AS (SELECT 1) (SELECT 2 insert INTO dump FROM a)",
    "WITH insert AS (INSERT INTO b VALUES (1)) SELECT 2 insert INTO dump",
    "(SELECT 1 insert INTO dump)",
    "EXPLAIN ANALYZE CREATE TABLE leak AS SELECT 1",
    "EXPLAIN ANALYZE /* ' */ CREATE TABLE leak AS SELECT 1",
    "EXPLAIN (ANALYZE) EXECUTE a",
    "EXPLAIN ANALYZE REFRESH MATERIALIZED VIEW a",
    "EXPLAIN ANALYZE SELECT 1 INTO leak",
];

const REFUSED_ON_SQLITE: [&str; 8] = [
    "INSERT OR ROLLBACK INTO t VALUES (1)",
    "UPDATE OR /* x */ ROLLBACK orders SET a = 1",
    "UPDATE OR \u{feff}ROLLBACK orders SET a = 1",
    "WITH a AS (SELECT 1) UPDATE or -- x\n rollback orders SET a = 1",
    "SELECT 1 AS [a']; COMMIT; --'",
    "SELECT `a'`; COMMIT; --'",
    "SELECT 1 /* /* */; COMMIT",
    "/* /* */ COMMIT /* */ */ SELECT 1",
];

const REFUSED_ON_CITUS: [&str; 7] = [
    "SELECT run_command_on_workers('SELECT 1')",
    "SELECT citus_run_local_command('RESET ROLE')",
    "SELECT * FROM pg_catalog.\"worker_apply_shard_ddl_command\" (0, 'RESET ROLE')",
    "SELECT worker_save_query_explain_analyze/**/('SELECT 1', '{}')",
    "SELECT Master_Run_On_Worker -- \n ('{a}', '{1}', '{x}', false)",
    "SELECT create_intermediate_result('a', 'SELECT 1')",
    "SELECT alter_role_if_exists('a', 'RESET ROLE')",
];

const POSTGRES: [Engine; 3] = [Engine::Postgres, Engine::Nile, Engine::Citus];

fn passes(engines: &[Engine], texts: &[&str]) {
    for (engine, sql) in engines.iter().flat_map(|it| texts.iter().map(move |sql| (*it, sql))) {
        assert!(check(sql, engine).is_ok(), "{engine}: {sql}: {:?}", check(sql, engine));
    }
}

fn is_refused(engines: &[Engine], texts: &[&str]) {
    for (engine, sql) in engines.iter().flat_map(|it| texts.iter().map(move |sql| (*it, sql))) {
        assert!(check(sql, engine).is_err(), "{engine}: {sql}");
    }
}

#[test]
fn queries_and_changes_of_rows_pass() {
    passes(&POSTGRES, &PASS);
    passes(&POSTGRES, &PASS_ON_POSTGRES);
    passes(&[Engine::Sqlite], &PASS);
    passes(&[Engine::Sqlite], &PASS_ON_SQLITE);
}

#[test]
fn everything_else_is_refused() {
    is_refused(&POSTGRES, &REFUSED);
    is_refused(&POSTGRES, &REFUSED_ON_POSTGRES);
    is_refused(&[Engine::Sqlite], &REFUSED);
    is_refused(&[Engine::Sqlite], &REFUSED_ON_SQLITE);
    is_refused(&[Engine::Citus], &REFUSED_ON_CITUS);
    // Names that only Citus knows.
    passes(&[Engine::Postgres], &REFUSED_ON_CITUS);
}
