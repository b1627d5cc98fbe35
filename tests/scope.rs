//! `TenantScope`: what it shows and takes, what it refuses, and that nothing of it is left on its
//! connection, however it ends.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use entity::prelude::*;
use sea_orm::{
    ConnectOptions, Database, Statement, TransactionTrait,
    sqlx::{self, FromRow as _},
};

use crate::support::{Engine, TestDb, postgres::SECRET};

on_both_engines!(
    a_scope_sees_and_changes_its_own_rows,
    a_scope_that_is_not_committed_is_undone,
    transactions_inside_a_scope,
    a_rollback_that_is_cut_off_is_made_up_for,
    statements_that_could_leave_the_scope_are_refused,
    texts_are_read_as_the_server_reads_them,
    several_rows_at_once,
);

/// Three tenants, each with as many leads as its place says.
async fn tenants(db: &DatabaseConnection) -> [Uuid; 3] {
    let mut ids = [Uuid::nil(); 3];
    for (place, id) in ids.iter_mut().enumerate() {
        let tenant = tenant::ActiveModel {
            name: Set(format!("Tenant {place}")),
            ..ActiveModelBehavior::new()
        };
        *id = tenant.insert(db).await.unwrap().id;
        let leads = (0..=place).map(|number| lead::ActiveModel {
            tenant_id: Set(*id),
            email: Set(format!("{number}@example.com")),
            ..ActiveModelBehavior::new()
        });
        Lead::insert_many(leads).exec(db).await.unwrap();
    }
    ids
}

/// A pool of so many connections, on a migrated database.
async fn pool(db: &TestDb, size: u32) -> DatabaseConnection {
    db.migration(&["up"]).ok();
    let size = if db.engine == Engine::Sqlite { 1 } else { size };
    connect(&db.url, size).await
}

async fn connect(url: &str, size: u32) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(size).min_connections(size);
    Database::connect(options).await.unwrap()
}

fn new_lead(email: &str) -> lead::ActiveModel {
    lead::ActiveModel { email: Set(email.to_owned()), ..ActiveModelBehavior::new() }
}

/// What the next user of each connection of the pool finds: the tenant, whether the role is the
/// login, whether no transaction is open, and how many temporary tables there are.
type Left = (String, bool, bool, i64);

async fn left_behind(db: &DatabaseConnection, size: u32) -> Vec<Left> {
    let sql = "SELECT coalesce(current_setting('nile.tenant_id', true), ''), \
               current_user = session_user, now() = statement_timestamp(), \
               (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema())";
    let (mut connections, mut found) = (Vec::new(), Vec::new());
    for _ in 0..size {
        let mut connection = db.get_postgres_connection_pool().acquire().await.unwrap();
        // By the simple protocol, in which a statement has one moment.
        let row = sqlx::raw_sql(sql).fetch_one(&mut *connection).await.unwrap();
        found.push(Left::from_row(&row).unwrap());
        connections.push(connection);
    }
    found
}

fn clean(size: u32) -> Vec<Left> {
    (0..size).map(|_| (String::new(), true, true, 0)).collect()
}

async fn a_scope_sees_and_changes_its_own_rows(db: TestDb) {
    let pool = pool(&db, 2).await;
    let [a, b, c] = tenants(&pool).await;
    let of_b = Lead::find().filter(lead::COLUMN.tenant_id.eq(b)).one(&pool).await.unwrap().unwrap();

    let scope = TenantScope::begin(&pool, a).await.unwrap();
    assert_eq!(*scope.tenant(), a);
    assert_eq!(scope.find::<Lead>().all(&scope).await.unwrap().len(), 1);
    if db.engine == Engine::Postgres {
        // The database's own doing: nothing here filters.
        assert_eq!(Lead::find().all(&scope).await.unwrap().len(), 1);
        assert_eq!(Tenant::find().all(&scope).await.unwrap().len(), 1);
        let inner = TransactionTrait::begin(&scope).await.unwrap();
        assert!(User::find().all(&inner).await.is_err());
    }
    let lead = scope.insert(new_lead("new@example.com")).await.unwrap();
    assert!(scope.is_owner_of(&lead) && lead.tenant_id == a);
    let foreign = lead::ActiveModel { tenant_id: Set(b), ..new_lead("b@example.com") };
    assert!(scope.insert(foreign).await.is_err());
    assert!(scope.update(of_b.clone().into_active_model()).await.is_err());
    assert_eq!(scope.find_by_id::<Lead>(of_b.id).one(&scope).await.unwrap(), None);
    assert!(!scope.delete_by_id::<Lead>(of_b.id).await.unwrap());
    let mut changed = lead.into_active_model();
    changed.status = Set(lead::Status::Contacted);
    scope.update(changed).await.unwrap();
    let all = scope.update_many::<Lead>().col_expr(lead::Column::Name, Expr::value("Ada"));
    assert_eq!(all.exec(&scope).await.unwrap().rows_affected, 2);
    assert_eq!(scope.delete_many::<Lead>().exec(&scope).await.unwrap().rows_affected, 2);
    scope.insert(new_lead("last@example.com")).await.unwrap();
    scope.commit().await.unwrap();

    let mut count = Vec::new();
    for tenant in [a, b, c] {
        let scope = TenantScope::begin(&pool, tenant).await.unwrap();
        count.push(scope.find::<Lead>().count(&scope).await.unwrap());
        scope.rollback().await.unwrap();
    }
    assert_eq!(count, [1, 2, 3]);
    let named = Lead::find().filter(lead::COLUMN.name.is_not_null()).count(&pool).await.unwrap();
    assert_eq!(named, 0, "no row of another tenant was named");
    if db.engine == Engine::Postgres {
        assert_eq!(left_behind(&pool, 2).await, clean(2));
    }
}

async fn several_rows_at_once(db: TestDb) {
    let pool = pool(&db, 1).await;
    let [a, b, _] = tenants(&pool).await;
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    let rows = ["x@example.com", "y@example.com"].map(new_lead);
    scope.insert_many(rows).unwrap().exec(&scope).await.unwrap();
    let foreign = lead::ActiveModel { tenant_id: Set(b), ..new_lead("z@example.com") };
    assert!(scope.insert_many([new_lead("z@example.com"), foreign]).is_err());
    assert_eq!(scope.find::<Lead>().count(&scope).await.unwrap(), 3);
    scope.commit().await.unwrap();
}

async fn a_scope_that_is_not_committed_is_undone(db: TestDb) {
    let pool = pool(&db, 1).await;
    let [a, ..] = tenants(&pool).await;
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    scope.insert(new_lead("new@example.com")).await.unwrap();
    scope.rollback().await.unwrap();
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    scope.insert(new_lead("new@example.com")).await.unwrap();
    drop(scope);
    // The one connection of the pool is free again.
    assert_eq!(Lead::find().count(&pool).await.unwrap(), 6);
    if db.engine == Engine::Postgres {
        assert_eq!(left_behind(&pool, 1).await, clean(1));
        // A statement that fails ends the transaction, and the commit says so.
        let scope = TenantScope::begin(&pool, a).await.unwrap();
        scope.insert(new_lead("new@example.com")).await.unwrap();
        assert!(scope.execute_unprepared("SELECT 1/0").await.is_err());
        assert!(scope.commit().await.is_err());
        assert_eq!(Lead::find().count(&pool).await.unwrap(), 6);
        assert_eq!(left_behind(&pool, 1).await, clean(1));
    }
}

async fn transactions_inside_a_scope(db: TestDb) {
    let pool = pool(&db, 1).await;
    let [a, ..] = tenants(&pool).await;
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    let count = async |scope: &TenantScope| scope.find::<Lead>().count(scope).await.unwrap();

    let kept = TransactionTrait::begin(&scope).await.unwrap();
    kept.insert(new_lead("kept@example.com")).await.unwrap();
    assert!(
        TransactionTrait::begin(&scope).await.is_err(),
        "the outer one waits for the inner one"
    );
    kept.commit().await.unwrap();
    assert_eq!(count(&scope).await, 2);

    let undone = TransactionTrait::begin(&scope).await.unwrap();
    undone.insert(new_lead("undone@example.com")).await.unwrap();
    undone.rollback().await.unwrap();
    assert_eq!(count(&scope).await, 2);

    let dropped = TransactionTrait::begin(&scope).await.unwrap();
    dropped.insert(new_lead("dropped@example.com")).await.unwrap();
    let inner = TransactionTrait::begin(&dropped).await.unwrap();
    inner.insert(new_lead("inner@example.com")).await.unwrap();
    drop(dropped);
    drop(inner);
    assert_eq!(count(&scope).await, 2);

    let failed = scope
        .transaction::<_, (), DbErr>(|tx| {
            Box::pin(async move {
                tx.insert(new_lead("failed@example.com")).await?;
                Err(DbErr::Custom("no".to_owned()))
            })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(count(&scope).await, 2);
    if db.engine == Engine::Postgres {
        // A savepoint is what a failing statement can be survived by.
        let tx = TransactionTrait::begin(&scope).await.unwrap();
        assert!(tx.execute_unprepared("SELECT 1/0").await.is_err());
        tx.rollback().await.unwrap();
        assert_eq!(count(&scope).await, 2);
    }

    // What the outer one did meanwhile would be undone with the inner one.
    let inner = TransactionTrait::begin(&scope).await.unwrap();
    assert!(scope.insert(new_lead("meanwhile@example.com")).await.is_err());
    assert!(scope.find::<Lead>().all(&scope).await.is_err());
    inner.rollback().await.unwrap();

    // One that outlives the transaction around it can do no more, and does nothing to others.
    let parent = TransactionTrait::begin(&scope).await.unwrap();
    let orphan = TransactionTrait::begin(&parent).await.unwrap();
    orphan.insert(new_lead("orphan@example.com")).await.unwrap();
    drop(parent);
    assert!(orphan.insert(new_lead("orphan@example.com")).await.is_err());
    let other = TransactionTrait::begin(&scope).await.unwrap();
    let its_own = TransactionTrait::begin(&other).await.unwrap();
    its_own.insert(new_lead("other@example.com")).await.unwrap();
    assert!(orphan.commit().await.is_err());
    its_own.commit().await.unwrap();
    other.rollback().await.unwrap();
    assert_eq!(count(&scope).await, 2);

    // The outer one is dropped while an inner one goes on elsewhere: nothing is kept.
    let inner = TransactionTrait::begin(&scope).await.unwrap();
    let elsewhere = tokio::spawn(async move {
        let first = inner.insert(new_lead("first@example.com")).await;
        tokio::task::yield_now().await;
        let second = inner.insert(new_lead("second@example.com")).await;
        (first.is_ok(), second.is_ok(), inner.commit().await.is_ok())
    });
    tokio::task::yield_now().await;
    drop(scope);
    let (_, _, committed) = elsewhere.await.unwrap();
    assert!(!committed);
    assert_eq!(Lead::find().count(&pool).await.unwrap(), 6);

    // An inner one that is open keeps the outer one from committing.
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    let inner = TransactionTrait::begin(&scope).await.unwrap();
    inner.insert(new_lead("open@example.com")).await.unwrap();
    assert!(scope.commit().await.is_err());
    assert!(inner.insert(new_lead("late@example.com")).await.is_err());
    drop(inner);
    assert_eq!(Lead::find().count(&pool).await.unwrap(), 6);
}

/// A rollback that is cut off counts as dropped, wherever that is: it is made up for, or, where the
/// server has done it and the client has not heard so, the scope ends and keeps nothing.
async fn a_rollback_that_is_cut_off_is_made_up_for(db: TestDb) {
    let pool = pool(&db, 1).await;
    let [a, ..] = tenants(&pool).await;
    for polls in 0..150 {
        let scope = TenantScope::begin(&pool, a).await.unwrap();
        let inner = TransactionTrait::begin(&scope).await.unwrap();
        inner.insert(new_lead("cut@example.com")).await.unwrap();
        Cancelled { future: Box::pin(inner.rollback()), polls }.await;
        Cancelled { future: Box::pin(scope.find::<Lead>().count(&scope)), polls }.await;
        let count = scope.find::<Lead>().count(&scope).await;
        assert!(count.is_err() || count == Ok(1), "{polls}: {count:?}");
        let committed = scope.commit().await;
        assert_eq!(committed.is_ok(), count.is_ok(), "{polls}: {committed:?}");
        assert_eq!(Lead::find().count(&pool).await.unwrap(), 6, "{polls}");
    }
    if db.engine == Engine::Postgres {
        assert_eq!(left_behind(&pool, 1).await, clean(1));
    }
}

async fn statements_that_could_leave_the_scope_are_refused(db: TestDb) {
    let pool = pool(&db, 1).await;
    let [a, ..] = tenants(&pool).await;
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    scope.insert(new_lead("new@example.com")).await.unwrap();
    for sql in [
        "COMMIT",
        "ROLLBACK",
        "RESET ROLE",
        "SET ROLE postgres",
        "DISCARD ALL",
        "DO $$ BEGIN NULL; END $$",
        "SELECT 1; COMMIT",
        "SELECT set_config('role', 'none', false)",
        "CREATE TEMP TABLE leads (id int)",
        "TRUNCATE leads",
        "COPY leads TO STDOUT",
    ] {
        let error = scope.execute_unprepared(sql).await.unwrap_err().to_string();
        assert!(error.contains("a tenant scope refuses"), "{sql}: {error}");
        let stmt = Statement::from_string(pool.get_database_backend(), sql);
        assert!(scope.query_all_raw(stmt.clone()).await.is_err(), "{sql}");
        assert!(scope.query_one_raw(stmt.clone()).await.is_err(), "{sql}");
        assert!(scope.execute_raw(stmt).await.is_err(), "{sql}");
    }
    // None of them was sent, so nothing is spoilt.
    scope.commit().await.unwrap();
    assert_eq!(Lead::find().count(&pool).await.unwrap(), 7);
}

/// How texts, names and comments begin and end.
const QUOTES: [(&str, &str); 14] = [
    ("'", "'"),
    ("E'", "'"),
    ("e'", "'"),
    ("U&'", "'"),
    ("N'", "'"),
    ("1 AS \"", "\""),
    ("1 AS U&\"", "\""),
    ("$$", "$$"),
    ("$a$", "$a$"),
    ("1 AS a$b$c -- ", "\n"),
    ("1 /*", "*/"),
    ("1 --", "\n"),
    ("1 AS `", "`"),
    ("1 AS [", "]"),
];

/// What stands between them, and after.
const PIECES: [&str; 26] = [
    "'",
    "''",
    "\\",
    "\\'",
    "'\n'",
    "' -- x\n '",
    "' '",
    "\"",
    "\"\"",
    "`",
    "]",
    "$$",
    "$a$",
    "$",
    "--",
    "/*",
    "*/",
    "\n",
    "\r",
    "\u{b}",
    "\u{feff}",
    ";",
    "; SELECT 2",
    " E'",
    "é",
    "x",
];

/// Whether a text is one statement or several, both find in the same way, or the server refuses it.
async fn texts_are_read_as_the_server_reads_them(db: TestDb) {
    let pool = pool(&db, 1).await;
    let (mut seed, mut one, mut several) = (11, 0, 0);
    let mut below = |limit: usize| usize::try_from(random(&mut seed)).unwrap() % limit;
    for _ in 0..6000 {
        let mut text = "SELECT 1".to_owned();
        for _ in 0..=below(3) {
            let (opens, closes) = QUOTES[below(QUOTES.len())];
            text.push_str(", ");
            text.push_str(opens);
            for _ in 0..below(4) {
                text.push_str(PIECES[below(PIECES.len())]);
            }
            text.push_str(closes);
        }
        text.push_str(
            ["", ";", "; ; -- x", "; SELECT 2", "; SELECT '", "\n; SELECT 2 --"][below(6)],
        );
        let Some(is_one) = is_one_statement(&pool, &text).await else { continue };
        let passes = entity::scope::check(&text, db.engine).is_ok();
        assert_eq!(passes, is_one, "{text:?}");
        *(if is_one { &mut one } else { &mut several }) += 1;
    }
    assert!(one > 300 && several > 300, "{one}, {several}");
}

/// What the server says: `None` if it does not take the text.
async fn is_one_statement(pool: &DatabaseConnection, text: &str) -> Option<bool> {
    use futures_util::TryStreamExt as _;
    use sqlx::{AssertSqlSafe, Either, Executor as _, SqlSafeStr as _};
    if pool.get_database_backend() == sea_orm::DbBackend::Postgres {
        let mut connection = pool.get_postgres_connection_pool().acquire().await.unwrap();
        let sql = AssertSqlSafe(text.to_owned()).into_sql_str();
        return match connection.prepare(sql).await {
            Ok(_) => Some(true),
            Err(error) if error.to_string().contains("cannot insert multiple commands") => {
                Some(false)
            }
            Err(_) => None,
        };
    }
    let mut connection = pool.get_sqlite_connection_pool().acquire().await.unwrap();
    let mut results = sqlx::raw_sql(AssertSqlSafe(text.to_owned())).fetch_many(&mut *connection);
    let mut statements = 0;
    while let Some(result) = results.try_next().await.ok()? {
        statements += u32::from(matches!(result, Either::Left(_)));
    }
    Some(statements == 1)
}

/// Every built-in function that takes a text is called with one that leaves a trace: those that run it are
/// refused. A version of PostgreSQL that brings another one is noticed here.
#[tokio::test]
async fn functions_that_run_another_text_are_refused() {
    let db = TestDb::new(Engine::Postgres);
    let owner = &db.server().name;
    db.server().execute_as_superuser(&format!(
        "CREATE SEQUENCE public.trace; GRANT ALL ON SEQUENCE public.trace TO PUBLIC; \
         GRANT USAGE ON SCHEMA public TO PUBLIC; GRANT TEMP ON DATABASE {owner} TO PUBLIC"
    ));
    let pool = connect(&db.server().url_as(&db.server().role(""), SECRET), 1).await;
    let mut connection = pool.get_postgres_connection_pool().acquire().await.unwrap();
    let functions = "SELECT p.proname::text, ARRAY(SELECT format_type(t, NULL) \
                     FROM unnest(p.proargtypes) WITH ORDINALITY a (t, n) ORDER BY n) \
                     FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace \
                     AND p.prokind = 'f' AND p.proargtypes::oid[] && \
                     ARRAY['text', 'varchar', 'name', 'cstring', 'text[]', 'anyelement', '\"any\"']::regtype[]::oid[] \
                     AND has_function_privilege(p.oid, 'EXECUTE') AND p.proname !~ '^pg_sleep'";
    let functions: Vec<(String, Vec<String>)> =
        sqlx::query_as(functions).fetch_all(&mut *connection).await.unwrap();
    assert!(functions.len() > 300, "{}", functions.len());
    let limit = "SET statement_timeout = '2s'";
    sqlx::raw_sql(limit).execute(&mut *connection).await.unwrap();
    let trace = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.trace";
    let (mut runs, mut before) = (Vec::new(), 0);
    for (name, types) in functions {
        let values: Vec<String> = types.iter().map(|ty| argument(ty)).collect();
        let sql = format!("SELECT pg_catalog.{name}({})", values.join(", "));
        // Most refuse the text.
        let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await;
        let after: i64 = sqlx::query_scalar(trace).fetch_one(&mut *connection).await.unwrap();
        if after != before {
            runs.push(name.clone());
            let call = format!("SELECT {name}({})", vec!["'a'"; types.len()].join(", "));
            assert!(entity::scope::check(&call, Engine::Postgres).is_err(), "{call}");
        }
        before = after;
    }
    for known in ["query_to_xml", "ts_stat", "ts_rewrite"] {
        assert!(runs.iter().any(|name| name == known), "{known} in {runs:?}");
    }
}

/// A value of that type; a text is a statement that leaves a trace.
fn argument(ty: &str) -> String {
    let text = "$$SELECT nextval('public.trace')$$";
    match ty {
        "text" | "character varying" | "cstring" | "name" => format!("{text}::{ty}"),
        "text[]" => format!("ARRAY[{text}]"),
        "anyelement" | "\"any\"" | "anynonarray" | "anycompatible" => format!("{text}::text"),
        "boolean" => "true".to_owned(),
        "tsquery" | "tsvector" => format!("'a'::{ty}"),
        "json" | "jsonb" => format!("'{{}}'::{ty}"),
        "regclass" => "'pg_class'::regclass".to_owned(),
        "smallint" | "integer" | "bigint" | "oid" | "numeric" | "real" | "double precision" => {
            format!("1::{ty}")
        }
        _ => format!("NULL::{ty}"),
    }
}

/// What no client can see in a text: functions that change the session.
#[tokio::test]
async fn what_a_function_changes_is_found_before_the_commit() {
    let db = TestDb::new(Engine::Postgres);
    let pool = pool(&db, 1).await;
    let [a, b, _] = tenants(&pool).await;
    let owner = &db.server().name;
    db.server().execute_as_superuser(&format!(
        "CREATE FUNCTION change(name text, value text, local bool) RETURNS text LANGUAGE sql \
         AS 'SELECT set_config(name, value, local)'; \
         CREATE FUNCTION shadow() RETURNS int LANGUAGE plpgsql \
         AS 'BEGIN CREATE TEMP TABLE leads (id int); RETURN 1; END'; \
         CREATE FUNCTION hold() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(42)'; \
         GRANT TEMP ON DATABASE {owner} TO tenantry_app"
    ));
    let tenant =
        |tenant: Uuid, local| format!("SELECT change('nile.tenant_id', '{tenant}', {local})");
    let refused: [Vec<String>; 5] = [
        vec![tenant(b, true)],
        vec![tenant(b, false)],
        vec!["SELECT change('role', 'none', true)".to_owned()],
        vec!["SELECT change('role', 'none', false)".to_owned()],
        vec!["SELECT shadow()".to_owned()],
    ];
    for statements in refused {
        let scope = TenantScope::begin(&pool, a).await.unwrap();
        scope.insert(new_lead("new@example.com")).await.unwrap();
        for sql in &statements {
            scope.execute_unprepared(sql).await.unwrap();
        }
        let error = scope.commit().await.unwrap_err().to_string();
        assert!(error.contains("not committed"), "{statements:?}: {error}");
        assert_eq!(Lead::find().count(&pool).await.unwrap(), 6, "{statements:?}");
        assert_eq!(left_behind(&pool, 1).await, clean(1), "{statements:?}");
    }
    // A lock of the session goes with the scope.
    for commit in [true, false] {
        let scope = TenantScope::begin(&pool, a).await.unwrap();
        scope.execute_unprepared("SELECT hold()").await.unwrap();
        if commit {
            scope.commit().await.unwrap();
        } else {
            scope.rollback().await.unwrap();
        }
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42";
        assert_eq!(db.number(held).await, 0);
    }
    // So does a setting that a function has changed beyond the transaction, with its connection if need be.
    for (name, value) in
        [("search_path", "pg_temp"), ("TimeZone", "Asia/Tokyo"), ("row_security", "off")]
    {
        for commit in [true, false] {
            let scope = TenantScope::begin(&pool, a).await.unwrap();
            let change = format!("SELECT change('{name}', '{value}', false)");
            scope.execute_unprepared(&change).await.unwrap();
            if commit {
                scope.commit().await.unwrap();
            } else {
                scope.rollback().await.unwrap();
            }
            let sql = format!("SELECT current_setting('{name}') AS value");
            let stmt = Statement::from_string(pool.get_database_backend(), sql);
            let left = pool.query_one_raw(stmt).await.unwrap().unwrap();
            assert_ne!(left.try_get::<String>("", "value").unwrap(), value, "{name}");
        }
    }
    // There and back: what is committed is the tenant's, but the session would keep the setting.
    let hidden: [[String; 2]; 2] =
        [[tenant(b, false), tenant(a, false)], [tenant(a, false), tenant(a, true)]];
    for statements in hidden {
        let scope = TenantScope::begin(&pool, a).await.unwrap();
        for sql in &statements {
            scope.execute_unprepared(sql).await.unwrap();
        }
        scope.commit().await.unwrap();
        assert_eq!(left_behind(&pool, 1).await, clean(1), "{statements:?}");
    }
}

/// A temporary table that was made outside of a scope costs one scope, and its connection; it is found before the tables of
/// the schema.
#[tokio::test]
async fn a_temporary_table_of_others_costs_one_connection() {
    let db = TestDb::new(Engine::Postgres);
    let pool = pool(&db, 1).await;
    let [a, ..] = tenants(&pool).await;
    pool.execute_unprepared("CREATE TEMP TABLE leads (id int)").await.unwrap();
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    let error = scope.commit().await.unwrap_err().to_string();
    assert!(error.contains("a temporary table on its connection"), "{error}");
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    scope.insert(new_lead("new@example.com")).await.unwrap();
    scope.commit().await.unwrap();
    assert_eq!(left_behind(&pool, 1).await, clean(1));
}

/// A login whose sessions begin as the application role keeps its connections.
#[tokio::test]
async fn a_login_that_begins_as_the_role_keeps_its_connections() {
    let db = TestDb::new(Engine::Postgres);
    let owner = pool(&db, 1).await;
    let [a, ..] = tenants(&owner).await;
    let login = db.server().role("IN ROLE tenantry_app");
    db.server().execute_as_superuser(&format!("ALTER ROLE {login} SET role = 'tenantry_app'"));
    let pool = connect(&db.server().url_as(&login, SECRET), 1).await;
    let process = async || {
        let sql = "SELECT pg_backend_pid(), current_user::text";
        let mut connection = pool.get_postgres_connection_pool().acquire().await.unwrap();
        let found: (i32, String) = sqlx::query_as(sql).fetch_one(&mut *connection).await.unwrap();
        found
    };
    let before = process().await;
    assert_eq!(before.1, "tenantry_app");
    for commit in [true, false] {
        let scope = TenantScope::begin(&pool, a).await.unwrap();
        assert_eq!(Lead::find().count(&scope).await.unwrap(), 1);
        if commit {
            scope.commit().await.unwrap();
        } else {
            scope.rollback().await.unwrap();
        }
        assert_eq!(process().await, before);
    }
}

/// The login of an application that is nothing but a member of the role.
#[tokio::test]
async fn a_login_that_is_only_a_member_of_the_role() {
    let db = TestDb::new(Engine::Postgres);
    let owner = pool(&db, 1).await;
    let [a, b, _] = tenants(&owner).await;
    let login = db.server().role("IN ROLE tenantry_app");
    let pool = connect(&db.server().url_as(&login, SECRET), 1).await;
    // Without a scope it sees nothing.
    assert_eq!(Lead::find().count(&pool).await.unwrap(), 0);
    assert_eq!(Tenant::find().count(&pool).await.unwrap(), 0);
    assert!(User::find().count(&pool).await.is_err());
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    assert_eq!(Lead::find().count(&scope).await.unwrap(), 1);
    scope.insert(new_lead("new@example.com")).await.unwrap();
    scope.commit().await.unwrap();
    let scope = TenantScope::begin(&pool, b).await.unwrap();
    assert_eq!(Lead::find().count(&scope).await.unwrap(), 2);
    scope.rollback().await.unwrap();
    assert_eq!(Lead::find().count(&pool).await.unwrap(), 0);
    pool.close().await.unwrap();
}

#[tokio::test]
async fn a_role_that_cannot_be_worked_as_is_named() {
    let db = TestDb::new(Engine::Postgres);
    let pool = pool(&db, 1).await;
    let [a, ..] = tenants(&pool).await;
    let stranger = db.server().role("");
    let let_it = format!("run `GRANT \"{stranger}\" TO`");
    for (role, help) in [("no such role \"", "migration grant"), (stranger.as_str(), &let_it)] {
        let error = TenantScope::options().role(role).begin(&pool, a).await.unwrap_err();
        assert!(error.to_string().contains(help), "{error}");
    }
    for role in ["none", "", &"x".repeat(64)] {
        assert!(TenantScope::options().role(role).begin(&pool, a).await.is_err(), "{role}");
    }
    // The connection of the failed attempt does no harm.
    assert_eq!(left_behind(&pool, 1).await, clean(1));
}

/// Polls a future so many times and then drops it, wherever it is.
pub(crate) struct Cancelled<F> {
    pub(crate) future: Pin<Box<F>>,
    pub(crate) polls: u32,
}

impl<F: Future> Future for Cancelled<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        // Again, whether anything has happened or not.
        cx.waker().wake_by_ref();
        self.future.as_mut().poll(cx).map(Some)
    }
}

/// The next of a row of numbers that look random and are always the same.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// What one scope does, and how it ends.
async fn one_scope(db: DatabaseConnection, tenants: [Uuid; 3], mut seed: u64) {
    let place = usize::try_from(random(&mut seed) % 3).unwrap();
    let (tenant, other) = (tenants[place], tenants[(place + 1) % 3]);
    let scope = TenantScope::begin(&db, tenant).await.unwrap();
    let own = |leads: Vec<lead::Model>| leads.into_iter().all(|lead| lead.tenant_id == tenant);
    for _ in 0..random(&mut seed) % 4 {
        match random(&mut seed) % 5 {
            0 => assert!(own(Lead::find().all(&scope).await.unwrap())),
            1 => assert!(scope.insert(new_lead("new@example.com")).await.is_ok()),
            2 => {
                let all = Lead::update_many()
                    .col_expr(lead::Column::Company, Expr::value(tenant.to_string()));
                all.exec(&scope).await.unwrap();
            }
            3 => {
                let tx = TransactionTrait::begin(&scope).await.unwrap();
                let foreign =
                    lead::ActiveModel { tenant_id: Set(other), ..new_lead("x@y.example") };
                assert!(foreign.insert(&tx).await.is_err());
                if random(&mut seed).is_multiple_of(2) {
                    tx.rollback().await.unwrap();
                }
            }
            _ => {
                let moved = Lead::update_many()
                    .col_expr(lead::Column::TenantId, Expr::value(other))
                    .filter(lead::COLUMN.email.eq("nobody@example.com"));
                assert_eq!(moved.exec(&scope).await.unwrap().rows_affected, 0);
            }
        }
    }
    match random(&mut seed) % 5 {
        0 | 1 => scope.commit().await.unwrap(),
        2 => scope.rollback().await.unwrap(),
        3 => drop(scope),
        // Without the noise of a panic's message.
        _ => std::panic::resume_unwind(Box::new("a panic in the middle of a scope")),
    }
}

#[tokio::test]
async fn a_thousand_scopes_on_four_connections_leave_nothing_behind() {
    let db = TestDb::new(Engine::Postgres);
    let pool = pool(&db, 4).await;
    let tenants = tenants(&pool).await;
    let mut seed = 2026;
    let mut running = Vec::new();
    for _ in 0..1000 {
        let work = one_scope(pool.clone(), tenants, random(&mut seed));
        running.push(match random(&mut seed) % 3 {
            0 => {
                // Few in most cases, and many in some: from the begin to the end.
                let polls = 1_u32 << (random(&mut seed) % 12);
                let future = Box::pin(work);
                tokio::spawn(async move {
                    Cancelled { future, polls }.await;
                })
            }
            1 => {
                let unscoped = pool.clone();
                tokio::spawn(async move {
                    work.await;
                    assert_eq!(left_behind(&unscoped, 1).await, clean(1));
                })
            }
            _ => tokio::spawn(work),
        });
    }
    let mut panics = 0;
    for task in running {
        if let Err(error) = task.await {
            let said = error.into_panic();
            let said = said.downcast_ref::<&str>().copied();
            assert_eq!(said, Some("a panic in the middle of a scope"));
            panics += 1;
        }
    }
    assert!(panics > 50, "{panics}");
    assert_eq!(left_behind(&pool, 4).await, clean(4));
    let wrong =
        "SELECT count(*) FROM leads WHERE company <> tenant_id::text OR email = 'x@y.example'";
    assert_eq!(db.number(wrong).await, 0);
    assert!(Lead::find().count(&pool).await.unwrap() > 50, "commits were kept");
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND state LIKE 'idle in transaction%'";
    assert_eq!(db.number(open).await, 0);
}

/// A statement that runs for long is cut off: its connection is not waited for.
#[tokio::test]
async fn a_cancelled_statement_holds_up_nobody() {
    let db = TestDb::new(Engine::Postgres);
    let pool = pool(&db, 1).await;
    let [a, ..] = tenants(&pool).await;
    let scope = TenantScope::begin(&pool, a).await.unwrap();
    let sleeping = Box::pin(scope.execute_unprepared("SELECT pg_sleep(60)"));
    assert!(Cancelled { future: sleeping, polls: 1000 }.await.is_none());
    drop(scope);
    assert_eq!(left_behind(&pool, 1).await, clean(1));
}

/// Wherever beginning is cut off, the connection's next user is in no transaction of it.
#[tokio::test]
async fn a_cancelled_begin_leaves_nothing_behind() {
    let db = TestDb::new(Engine::Postgres);
    let pool = pool(&db, 1).await;
    let [a, ..] = tenants(&pool).await;
    // Which poll finds what is the machine's doing, so several times.
    for _ in 0..5 {
        for polls in 1.. {
            let future = Box::pin(TenantScope::begin(&pool, a));
            let begun = Cancelled { future, polls }.await;
            let has_begun = begun.is_some();
            drop(begun);
            assert_eq!(left_behind(&pool, 1).await, clean(1), "after {polls} polls");
            if has_begun {
                break;
            }
        }
    }
}
