//! What policies and scopes cost: queries of a tenant with few, many and most of a million rows, as the owner with
//! a filter and behind each form of policy; and a scope beside a bare transaction. On a server of its own.
//! `TENANTRY_BENCH_ROUNDS` says how often each is done (7), `TENANTRY_BENCH_ROWS` with how many rows.
//! `cargo bench --bench isolation`

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::single_match_else,
    clippy::unused_self,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unused_macros,
    unreachable_pub,
    reason = "a benchmark may stop at the first surprise, and uses some of what the tests stand on"
)]

#[macro_use]
#[path = "../tests/support/mod.rs"]
mod support;
mod figures;

use std::time::{Duration, Instant, SystemTime};

use entity::{
    prelude::*,
    scope::{ScopeOptions, SealKey},
};
use figures::{Bar, Times, median, ratio, rounds};
use migration::ops::v1;
use sea_orm::{
    ConnectOptions, Database, Statement,
    sqlx::{self, AssertSqlSafe, PgConnection, Row as _},
};
use support::{Engine, TestDb, postgres::SECRET};

/// How often a query is sent in a round that an index answers at once; the round's time is the median.
const REPEATS: usize = 100;

const KEY: &str = "a key of the benchmark, which is long enough";

/// The tables, and how many hundredths of the rows each of their tenants has.
const TABLES: [(&str, &[i32]); 2] = [("leads", &[1, 9, 90]), ("leads_30", &[30, 70])];

/// How rows are kept apart: the name, and the condition of the policy; the owner filters.
const FORMS: [(&str, Option<&str>); 4] = [
    ("owner", None),
    ("plain", Some("tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid")),
    (
        "(SELECT …)",
        Some("tenant_id = (SELECT nullif(current_setting('nile.tenant_id', true), '')::uuid)"),
    ),
    ("sealed", Some("tenant_id = (SELECT tenantry_sealed_tenant())")),
];

/// What is asked of a table, with a place for the filter, and whether an index of the table finds it.
const QUERIES: [(&str, &str, bool); 4] = [
    ("point", "SELECT * FROM {t} WHERE {f} id = '{id}'", true),
    ("page", "SELECT * FROM {t} WHERE {f} status = 'new' ORDER BY created_at DESC LIMIT 50", true),
    ("filter", "SELECT count(*) FROM {t} WHERE {f} name = 'name 7'", false),
    ("count", "SELECT count(*) FROM {t} WHERE {f} true", false),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rows: i32 = std::env::var("TENANTRY_BENCH_ROWS").map_or(1_000_000, |rows| {
        let rows = rows.parse().ok().filter(|rows| *rows >= 100);
        rows.expect("TENANTRY_BENCH_ROWS is a number from 100 on")
    });
    let db = TestDb::new(Engine::Postgres);
    db.migration(&["up"]).ok();
    let login = db.server().role("IN ROLE tenantry_app");
    let mut owner = connection(&db.url).await;
    run(&mut owner, &v1::seal_sql()).await;
    run(&mut owner, &migration::seal::lend_sql(&KEY.parse().unwrap())).await;
    run(
        &mut owner,
        "CREATE TABLE leads_30 (LIKE leads INCLUDING ALL); ALTER TABLE leads_30 ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY leads_30_tenant_isolation ON leads_30 USING (true); \
         GRANT SELECT ON leads_30 TO tenantry_app",
    )
    .await;
    let mut tenants = Vec::new();
    for (table, shares) in TABLES {
        for share in shares {
            let tenant = Uuid::now_v7();
            fill(&mut owner, table, tenant, rows / 100 * share).await;
            tenants.push((table, *share, tenant));
        }
    }
    run(&mut owner, "VACUUM ANALYZE leads").await;
    run(&mut owner, "VACUUM ANALYZE leads_30").await;
    let mut member = connection(&db.server().url_as(&login, SECRET)).await;
    println!("{rows} rows; milliseconds, and rows that the planner expects");
    for (table, share, tenant) in tenants.iter().filter(|(_, share, _)| [1, 30, 90].contains(share))
    {
        queries(&mut owner, &mut member, table, *share, *tenant).await;
    }
    drop(member);
    scopes(&db, &login, &mut owner, tenants[0].2).await;
}

async fn connection(url: &str) -> PgConnection {
    use sqlx::Connection as _;
    PgConnection::connect(url).await.unwrap()
}

async fn run(connection: &mut PgConnection, sql: &str) {
    let ran = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    ran.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn fill(owner: &mut PgConnection, table: &str, tenant: Uuid, rows: i32) {
    let sql = format!(
        "INSERT INTO tenants (id, name) VALUES ('{tenant}', '{tenant}'); \
         INSERT INTO {table} (tenant_id, id, email, name, status, created_at) \
         SELECT '{tenant}', md5('{tenant}' || n)::uuid, n || '@example.com', 'name ' || n % 1000, \
         CASE WHEN n % 4 = 0 THEN 'new' ELSE 'contacted' END, now() - n * interval '1 minute' \
         FROM generate_series(1, {rows}) n"
    );
    run(owner, &sql).await;
}

/// The queries of one tenant in each form, in turn.
async fn queries(
    owner: &mut PgConnection,
    member: &mut PgConnection,
    table: &'static str,
    share: i32,
    tenant: Uuid,
) {
    let rounds = rounds(7);
    let mut times: Vec<Times> = QUERIES.iter().map(|_| Times::default()).collect();
    let mut expected = Vec::new();
    for round in 0..=rounds {
        for (form, condition) in FORMS {
            if let Some(condition) = condition {
                let policy =
                    format!("ALTER POLICY {table}_tenant_isolation ON {table} USING ({condition})");
                run(owner, &policy).await;
            }
            let connection = if condition.is_some() { &mut *member } else { &mut *owner };
            let scope = match condition {
                None => "BEGIN".to_owned(),
                Some(_) => {
                    let key: SealKey = KEY.parse().unwrap();
                    let token = key.token(tenant, SystemTime::now() + Duration::from_mins(1));
                    format!(
                        "BEGIN; SET LOCAL nile.tenant_id = '{tenant}'; SET LOCAL tenantry.seal = '{token}'; \
                         SET LOCAL ROLE tenantry_app"
                    )
                }
            };
            run(connection, &scope).await;
            for ((name, query, by_index), times) in QUERIES.iter().zip(&mut times) {
                let filter = match condition {
                    None => format!("tenant_id = '{tenant}' AND"),
                    Some(_) => String::new(),
                };
                let id = first_id(connection, tenant).await.to_string();
                let sql = query.replace("{t}", table).replace("{f}", &filter).replace("{id}", &id);
                if round == 0 {
                    // Nothing is cold after that.
                    expected.push((form, *name, estimate(connection, &sql).await));
                } else {
                    let repeats = if *by_index { REPEATS } else { 1 };
                    let mut all = Vec::with_capacity(repeats);
                    for _ in 0..repeats {
                        let began = Instant::now();
                        run(connection, &sql).await;
                        all.push(began.elapsed());
                    }
                    times.add(form, median(&all));
                }
            }
            run(connection, "COMMIT").await;
        }
    }
    for ((name, _, by_index), times) in QUERIES.iter().zip(&times) {
        println!("\n{name}, tenant with {share} %");
        for (form, all) in &times.0 {
            let rows = expected.iter().find(|it| it.0 == *form && it.1 == *name).unwrap().2;
            println!("  {form:<12} {:>9.3} ms {rows:>9}", median(all).as_secs_f64() * 1e3);
        }
        for (form, _) in &times.0[1..] {
            let bar = if *by_index && *form == "plain" { Bar::AtMost(1.1) } else { Bar::None };
            ratio(&format!("  {form} : owner"), times.of(form), times.of("owner"), bar);
        }
    }
}

/// The id of the tenant's first row.
async fn first_id(connection: &mut PgConnection, tenant: Uuid) -> Uuid {
    let sql = format!("SELECT md5('{tenant}' || 1)::uuid");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap()
}

/// How many rows the planner expects of the scan below everything else.
async fn estimate(connection: &mut PgConnection, sql: &str) -> i64 {
    let explain = format!("EXPLAIN {sql}");
    let lines = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(connection).await.unwrap();
    let lines: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
    let scan = lines.iter().find(|line| line.contains(" on leads")).expect("a scan");
    let (_, rows) = scan.split_once("rows=").unwrap();
    rows.split(' ').next().unwrap().parse().unwrap()
}

/// A scope with one query beside a bare transaction with the same.
async fn scopes(db: &TestDb, login: &str, owner: &mut PgConnection, tenant: Uuid) {
    const TIMES: usize = 300;
    let url = db.server().url_as(login, SECRET);
    let mut options = ConnectOptions::new(&url);
    options.max_connections(1).min_connections(1);
    let pool = Database::connect(options.clone()).await.unwrap();
    // On the same connection, each would have the other's statements planned again, for another role.
    let plain = Database::connect(options).await.unwrap();
    let mut times = Times::default();
    let query = "SELECT count(*) FROM leads WHERE id = '00000000-0000-0000-0000-000000000000'";
    let query = Statement::from_string(pool.get_database_backend(), query);
    for _ in 0..rounds(7) {
        for (name, beside, condition) in [
            ("scope", "bare transaction", FORMS[1].1),
            ("sealed scope", "bare, beside sealed", FORMS[3].1),
        ] {
            let policy = format!(
                "ALTER POLICY leads_tenant_isolation ON leads USING ({})",
                condition.unwrap()
            );
            run(owner, &policy).await;
            let options = match name {
                "scope" => TenantScope::options(),
                _ => ScopeOptions::default().sealed(KEY.parse().unwrap()),
            };
            // In turn, so that both meet the same moments of the machine.
            let (mut scoped, mut bare) = (Vec::new(), Vec::new());
            for _ in 0..TIMES {
                let began = Instant::now();
                let scope = options.begin(&pool, tenant).await.unwrap();
                scope.query_one_raw(query.clone()).await.unwrap();
                scope.commit().await.unwrap();
                scoped.push(began.elapsed());
                let began = Instant::now();
                let transaction = plain.begin().await.unwrap();
                transaction.query_one_raw(query.clone()).await.unwrap();
                transaction.commit().await.unwrap();
                bare.push(began.elapsed());
            }
            times.add(name, median(&scoped));
            times.add(beside, median(&bare));
        }
    }
    println!("\na scope with one query, median of {TIMES}");
    for (name, all) in &times.0 {
        println!("  {name:<20} {:>9.3} ms", median(all).as_secs_f64() * 1e3);
    }
    ratio(
        "scope : bare transaction",
        times.of("scope"),
        times.of("bare transaction"),
        Bar::AtMost(1.3),
    );
    let sealed = times.of("sealed scope");
    ratio("sealed scope : bare transaction", sealed, times.of("bare, beside sealed"), Bar::None);
    pool.close().await.unwrap();
    plain.close().await.unwrap();
}
