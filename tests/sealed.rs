//! Sealed scopes: no SQL that is sent in one leaves its tenant, whatever it is; keys come and go without an
//! outage, and `validate` says what is missing.

use std::{
    collections::BTreeSet,
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use entity::prelude::*;
use entity::scope::{SEAL_KEY_VARIABLE, ScopeOptions, SealKey};
use sea_orm::{ConnectOptions, Database, Statement, sqlx::Row as _};

use crate::{
    support::{Bin, Engine, Ran, TestDb, postgres::SECRET},
    tenant_api,
};

const FIRST: &str = "the first key of the tests, which is long enough";
const SECOND: &str = "the second key of the tests, which is long enough";

/// How many rows of `leads` the tenants have: no text has these numbers in it.
const OF_A: i64 = 3;
const OF_B: i64 = 41;

/// What is in each row of B and nowhere else.
const MARK: &str = "zulu7";

fn key(secret: &str) -> SealKey {
    secret.parse().unwrap()
}

/// A database of the application, with two tenants and a login that is nothing but a member of the role.
struct Sealed {
    db: TestDb,
    login: String,
    a: Uuid,
    b: Uuid,
    lead_of_b: Uuid,
}

impl Sealed {
    async fn new(sealed: bool) -> Self {
        let db = TestDb::new(Engine::Postgres);
        if sealed {
            program(&db, "migration").args(&["up"]).run().ok();
            program(&db, "migration").env(SEAL_KEY_VARIABLE, FIRST).args(&["seal"]).run().ok();
        } else {
            db.migration(&["up"]).ok();
        }
        let login = db.server().role("IN ROLE tenantry_app");
        let owner = db.open().await;
        let [a, b] = [("alpha", OF_A), (MARK, OF_B)].map(|(mark, count)| (mark.to_owned(), count));
        let a = tenant(&owner.connection, &a.0, a.1).await;
        let b = tenant(&owner.connection, &b.0, b.1).await;
        let of_b = Lead::find().filter(lead::COLUMN.tenant_id.eq(b)).one(&owner.connection);
        let lead_of_b = of_b.await.unwrap().unwrap().id;
        owner.close().await;
        Self { db, login, a, b, lead_of_b }
    }

    async fn pool(&self) -> DatabaseConnection {
        connect(&self.db.server().url_as(&self.login, SECRET)).await
    }

    /// Everything of B, and all users, as an administrator sees it.
    fn rows_of_b(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for def in entity::all() {
            let of_b = match def.name {
                "tenants" => format!("WHERE id = '{}'", self.b),
                "users" => String::new(),
                _ => format!("WHERE tenant_id = '{}'", self.b),
            };
            let sql = format!("SELECT t::text FROM {} t {of_b} ORDER BY 1", def.name);
            texts.extend(self.db.server().texts_as_superuser(&sql));
        }
        texts
    }

    /// The corpus, with the names and tokens of this database in it.
    fn corpus(&self) -> Vec<String> {
        let file = include_str!("samples/hostile.sql");
        let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with("-- "));
        lines.map(|line| self.filled(line)).collect()
    }

    fn filled(&self, text: &str) -> String {
        let hour = Duration::from_hours(1);
        let now = SystemTime::now();
        let other = key("a key that this database has never seen");
        let [inner, outer] = other.blocks().map(|block| format!("\\x{block}"));
        let mut text = text.to_owned();
        for (name, value) in [
            ("{a}", self.a.to_string()),
            ("{b}", self.b.to_string()),
            ("{lead}", self.lead_of_b.to_string()),
            ("{owner}", self.db.server().name.clone()),
            ("{token}", key(FIRST).token(self.a, now + hour / 2)),
            ("{forged}", other.token(self.b, now + hour / 2)),
            ("{old}", key(FIRST).token(self.b, now - hour)),
            ("{ahead}", key(FIRST).token(self.b, now + hour * 2)),
            ("{inner}", inner),
            ("{outer}", outer),
        ] {
            text = text.replace(name, &value);
        }
        text
    }

    /// Sends each statement in a scope of A over a connection of its own, without any filter, looks at what is
    /// seen afterwards, in the transaction and after its end, and returns the statements that showed or counted a
    /// row of B.
    fn leaks(&self, url: &str, statements: &[String], end: End) -> Vec<String> {
        let look = "SELECT string_agg(l::text, ',') FROM leads l;\nSELECT count(*) FROM leads;\n\
                    SELECT string_agg(t::text, ',') FROM tenants t;\n";
        let mut script = String::new();
        for (number, statement) in statements.iter().enumerate() {
            // A session as it is at its beginning; psql makes another one now and then, since some of it is only seen
            // there. Then, by psql's own words, what tells the outputs apart.
            script += if number % 20 == 0 { "\\connect\n" } else { "ROLLBACK;\nDISCARD ALL;\n" };
            script += &format!("\\echo == case {number} of the corpus\n");
            script += &format!("\\warn == case {number} of the corpus\n");
            script += &self.filled(
                "BEGIN;\nSET LOCAL nile.tenant_id = '{a}';\nSET LOCAL ROLE tenantry_app;\n\
                 SELECT set_config('tenantry.seal', '{token}', true) \\g /dev/null\n",
            );
            script += &format!("{statement};\n{look}");
            script += &match end {
                End::Committed => format!("COMMIT;\n{look}"),
                End::RolledBack => format!("ROLLBACK;\n{look}"),
                End::OfOwner => "ROLLBACK;\n".to_owned(),
            };
        }
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]);
        psql.args(["--set", "ON_ERROR_ROLLBACK=on", url]).env("PGOPTIONS", "");
        let psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut psql = psql.spawn().unwrap();
        let mut input = psql.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = psql.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        let mut leaking = BTreeSet::new();
        for stream in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(stream);
            let parts: Vec<&str> = text.split("== case ").skip(1).collect();
            assert_eq!(parts.len(), statements.len(), "psql came to the end");
            for part in parts {
                let (number, seen) = part.split_once(" of the corpus").unwrap();
                if shows_b(seen) {
                    leaking.insert(number.parse::<usize>().unwrap());
                }
            }
        }
        leaking.into_iter().map(|number| statements[number].clone()).collect()
    }
}

/// How a hostile scope ends, and whether it is looked at what is seen afterwards: the owner sees everything.
#[derive(Clone, Copy)]
enum End {
    Committed,
    RolledBack,
    OfOwner,
}

/// Whether an output has a row of B in it, or its number, or the error of a query that met one.
fn shows_b(output: &str) -> bool {
    let counts = [OF_B.to_string(), (OF_A + OF_B).to_string()];
    output.contains(MARK)
        || output.contains("division by zero")
        || output
            .lines()
            .flat_map(|line| line.split('|'))
            .any(|cell| counts.iter().any(|it| it == cell))
}

/// The program of the application with sealed scopes.
fn program(db: &TestDb, name: &str) -> Bin {
    db.more(&[]).env("TENANTRY_TEST_SEALED", name)
}

fn seal(db: &TestDb, secret: &str, args: &[&str]) -> Ran {
    program(db, "migration").env(SEAL_KEY_VARIABLE, secret).args(args).run()
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).min_connections(1);
    Database::connect(options).await.unwrap()
}

/// A tenant with so many leads, and one row in some other tables, each with the mark in it.
async fn tenant(db: &DatabaseConnection, mark: &str, leads: i64) -> Uuid {
    let name = Set(format!("{mark} tenant"));
    let tenant = tenant::ActiveModel { name, ..ActiveModelBehavior::new() };
    let id = tenant.insert(db).await.unwrap().id;
    let leads = (0..leads).map(|number| lead::ActiveModel {
        tenant_id: Set(id),
        email: Set(format!("{mark}-{number}@example.com")),
        ..ActiveModelBehavior::new()
    });
    Lead::insert_many(leads).exec(db).await.unwrap();
    let user = user::ActiveModel {
        email: Set(format!("{mark}@example.com")),
        ..ActiveModelBehavior::new()
    };
    user.insert(db).await.unwrap();
    let company = company::ActiveModel {
        tenant_id: Set(id),
        name: Set(format!("{mark} company")),
        ..ActiveModelBehavior::new()
    };
    company.insert(db).await.unwrap();
    id
}

fn sealed(secret: &str) -> ScopeOptions {
    TenantScope::options().sealed(key(secret))
}

#[tokio::test]
async fn a_sealed_scope_sees_and_changes_its_own_rows() {
    let it = Sealed::new(true).await;
    let pool = it.pool().await;
    let scope = sealed(FIRST).begin(&pool, it.a).await.unwrap();
    assert_eq!(Lead::find().count(&scope).await.unwrap(), u64::try_from(OF_A).unwrap());
    let new = lead::ActiveModel {
        email: Set("new@example.com".to_owned()),
        ..ActiveModelBehavior::new()
    };
    scope.insert(new.clone()).await.unwrap();
    let foreign = lead::ActiveModel { tenant_id: Set(it.b), ..new };
    assert!(foreign.insert(&scope).await.is_err());
    scope.rollback().await.unwrap();
    for tenant in [it.a, it.b, it.a] {
        let scope = sealed(FIRST).begin(&pool, tenant).await.unwrap();
        let all = Lead::find().all(&scope).await.unwrap();
        assert!(!all.is_empty() && all.iter().all(|lead| lead.tenant_id == tenant));
        scope.commit().await.unwrap();
    }
    // Without a seal, and without a scope, there is no row.
    let plain = TenantScope::begin(&pool, it.a).await.unwrap();
    assert_eq!(Lead::find().count(&plain).await.unwrap(), 0);
    plain.commit().await.unwrap();
    assert_eq!(Lead::find().count(&pool).await.unwrap(), 0);
    pool.close().await.unwrap();
}

#[tokio::test]
async fn a_seal_has_its_time_and_its_key() {
    let it = Sealed::new(true).await;
    let pool = it.pool().await;
    let shows = async |options: ScopeOptions| {
        let scope = options.begin(&pool, it.a).await.unwrap();
        let count = Lead::find().count(&scope).await;
        scope.rollback().await.unwrap();
        count.map_err(|error| error.to_string())
    };
    assert_eq!(shows(sealed(FIRST)).await, Ok(3));
    let other = shows(sealed(SECOND)).await.unwrap_err();
    assert!(other.contains("no key of this database has sealed"), "{other}");
    assert!(!other.contains(SECOND) && !other.contains(&it.a.to_string()), "{other}");
    for wrong in [Duration::ZERO, Duration::from_hours(2)] {
        let error = shows(sealed(FIRST).seal_lifetime(wrong)).await.unwrap_err();
        // Zero seconds are cut to the second that has begun.
        assert!(error.contains("not good at this time"), "{error}");
    }
    // A scope may be longer than its seal: what counts is when it begins.
    let scope =
        sealed(FIRST).seal_lifetime(Duration::from_secs(1)).begin(&pool, it.a).await.unwrap();
    let is_over = "SELECT clock_timestamp() > \
                   to_timestamp(split_part(current_setting('tenantry.seal'), '.', 2)::bigint) AS is_over";
    let is_over = async || {
        let stmt = Statement::from_string(pool.get_database_backend(), is_over);
        scope.query_one_raw(stmt).await.unwrap().unwrap().try_get::<bool>("", "is_over").unwrap()
    };
    while !is_over().await {}
    assert_eq!(Lead::find().count(&scope).await.unwrap(), 3);
    scope.commit().await.unwrap();
    pool.close().await.unwrap();
}

/// Two keys are good at the same time, so that programs change from one to the other while they run.
#[tokio::test]
async fn keys_come_and_go() {
    let it = Sealed::new(true).await;
    let pool = it.pool().await;
    let good = async |secret| {
        let scope = sealed(secret).begin(&pool, it.a).await.unwrap();
        let is_good = Lead::find().count(&scope).await.is_ok();
        scope.rollback().await.unwrap();
        is_good
    };
    assert_eq!((good(FIRST).await, good(SECOND).await), (true, false));
    let again = seal(&it.db, FIRST, &["seal"]).ok();
    assert!(again.stdout.contains("nothing to do"), "{again:?}");
    let second = seal(&it.db, SECOND, &["seal"]).ok();
    assert!(second.stdout.contains(&key(FIRST).fingerprint()), "{second:?}");
    assert!(!format!("{second:?}").contains(SECOND));
    assert_eq!((good(FIRST).await, good(SECOND).await), (true, true));
    let only = seal(&it.db, SECOND, &["seal", "--only"]).ok();
    assert!(only.stdout.contains("1 key forgotten"), "{only:?}");
    assert_eq!((good(FIRST).await, good(SECOND).await), (false, true));
    // It survives going back and forth, since nothing else can make it again.
    program(&it.db, "migration").args(&["down", "-n", "1"]).run().ok();
    program(&it.db, "migration").args(&["up"]).run().ok();
    assert!(good(SECOND).await);
    pool.close().await.unwrap();

    let missing = program(&it.db, "migration").args(&["seal"]).run();
    assert!(missing.code == 2 && missing.stderr.contains(SEAL_KEY_VARIABLE), "{missing:?}");
    let short = seal(&it.db, "short", &["seal"]);
    assert!(short.code == 2 && short.stderr.contains("fewer than 32 bytes"), "{short:?}");
    let plain = it.db.bin("migration").env(SEAL_KEY_VARIABLE, FIRST).args(&["seal"]).run();
    assert!(plain.code == 1 && plain.stderr.contains("ask for no seal"), "{plain:?}");
}

#[tokio::test]
async fn who_may_pass_the_policies_begins_no_sealed_scope() {
    let it = Sealed::new(true).await;
    let server = it.db.server();
    let inherits = server.role(&format!("IN ROLE tenantry_app, {}", server.name));
    let bypasses = server.role("BYPASSRLS IN ROLE tenantry_app");
    for url in
        [it.db.url.clone(), server.url_as(&inherits, SECRET), server.url_as(&bypasses, SECRET)]
    {
        let pool = connect(&url).await;
        let error = sealed(FIRST).begin(&pool, it.a).await.unwrap_err().to_string();
        assert!(error.contains("nothing but a member of tenantry_app"), "{error}");
        pool.close().await.unwrap();
    }
}

#[tokio::test]
async fn validate_says_what_is_missing() {
    let it = Sealed::new(true).await;
    let db = &it.db;
    let validate = || program(db, "tenantry").args(&["validate", "--json"]).run();
    let ran = validate();
    assert_eq!(ran.finding_codes(), Vec::<String>::new(), "{ran:?}");
    let diff = program(db, "migration").args(&["diff"]).run();
    assert_eq!(diff.code, 0, "{diff:?}");
    let reached = program(db, "tenantry").args(&["validate", "--reach"]).run().ok();
    assert!(
        reached.stdout.contains("what the policies ask for the tenant of a sealed scope"),
        "{reached:?}"
    );
    for (damage, code) in [
        ("GRANT SELECT ON tenantry_seal_keys TO tenantry_app", "tenantry_seal_keys table-exposed"),
        (
            "CREATE OR REPLACE FUNCTION tenantry_sealed_tenant() RETURNS uuid LANGUAGE sql STABLE \
             SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS \
             'SELECT nullif(current_setting(''nile.tenant_id'', true), '''')::uuid'",
            "(database) seal-altered",
        ),
        ("ALTER FUNCTION tenantry_sealed_tenant() SECURITY INVOKER", "(database) seal-altered"),
        ("ALTER FUNCTION tenantry_sealed_tenant() RESET search_path", "(database) seal-altered"),
        ("DELETE FROM tenantry_seal_keys", "(database) seal-key-missing"),
    ] {
        db.execute(damage).await;
        let codes = validate().finding_codes();
        assert!(codes.contains(&code.to_owned()), "{damage}: {codes:?}");
        // What says how to mend it.
        seal(db, FIRST, &["seal"]).ok();
        db.execute("REVOKE ALL ON tenantry_seal_keys FROM tenantry_app").await;
        let ran = validate();
        assert_eq!(ran.finding_codes(), Vec::<String>::new(), "after {damage}: {ran:?}");
    }
    // The policies of an application without seals are another thing.
    let plain = db.tenantry(&["validate", "--json"]).finding_codes();
    assert!(plain.iter().any(|code| code.ends_with("policy-differs")), "{plain:?}");
}

/// The token is a value apart from the text, and no session sees it in another's.
#[tokio::test]
async fn the_token_is_in_no_text() {
    let it = Sealed::new(true).await;
    let pool = it.pool().await;
    let scope = sealed(FIRST).begin(&pool, it.a).await.unwrap();
    let sql = format!("SELECT query FROM pg_stat_activity WHERE usename = '{}'", it.login);
    let texts = it.db.server().texts_as_superuser(&sql);
    assert!(texts.iter().any(|text| text.contains("set_config")), "{texts:?}");
    assert!(texts.iter().all(|text| !text.contains(&it.a.to_string())), "{texts:?}");
    scope.rollback().await.unwrap();
    pool.close().await.unwrap();
}

/// Not one row of B is read, counted or written, with nothing in between that would refuse a text; and the same
/// statements show that they are hostile, where there are no seals.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "docs/tenancy.md has these numbers")]
async fn hostile_sql_stays_in_its_tenant() {
    let it = Sealed::new(true).await;
    let (url, corpus) = (it.db.server().url_as(&it.login, SECRET), it.corpus());
    assert!(corpus.len() >= 300, "{}", corpus.len());
    let before = it.rows_of_b();
    assert!(before.len() > 44, "{}", before.len());
    assert_eq!(it.leaks(&url, &corpus, End::Committed), Vec::<String>::new());
    assert_eq!(it.rows_of_b(), before);

    let plain = Sealed::new(false).await;
    let url = plain.db.server().url_as(&plain.login, SECRET);
    let corpus = plain.corpus();
    for (whose, url, end, at_least) in
        [("a member", &url, End::RolledBack, 15), ("the owner", &plain.db.url, End::OfOwner, 30)]
    {
        let leaks = plain.leaks(url, &corpus, end).len();
        println!("of {} hostile statements, {leaks} leave a plain scope of {whose}", corpus.len());
        assert!(leaks >= at_least, "{leaks} of {whose}");
    }
}

/// Statements put together from parts, as no list has them.
#[tokio::test]
async fn random_sql_stays_in_its_tenant() {
    let it = Sealed::new(true).await;
    let url = it.db.server().url_as(&it.login, SECRET);
    let cases = std::env::var("TENANTRY_SEALED_CASES").map_or(200, |cases| cases.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(20_261_130);
    let statements: Vec<String> =
        (0..cases).map(|_| it.filled(&random_sql(&mut random, 0))).collect();
    let before = it.rows_of_b();
    assert_eq!(it.leaks(&url, &statements, End::Committed), Vec::<String>::new());
    assert_eq!(it.rows_of_b(), before);
}

fn one<'t>(random: &mut fastrand::Rng, of: &[&'t str]) -> &'t str {
    of[random.usize(..of.len())]
}

/// A statement, or a few of them.
fn random_sql(random: &mut fastrand::Rng, depth: u32) -> String {
    let table = one(random, &["leads", "tenants", "companies", "users", "tenantry_seal_keys"]);
    match random.u32(..10) {
        0..=3 => random_query(random, depth),
        4 => format!(
            "UPDATE {table} SET tenant_id = {} WHERE {} RETURNING *",
            one(random, &["'{b}'", "tenant_id", "tenantry_sealed_tenant()", "'{a}'"]),
            random_condition(random, depth)
        ),
        5 => format!("DELETE FROM {table} WHERE {} RETURNING *", random_condition(random, depth)),
        6 => format!(
            "INSERT INTO leads (tenant_id, id, email) SELECT {}, gen_random_uuid(), 'x' FROM {} LIMIT 2 ON CONFLICT DO NOTHING",
            one(random, &["'{b}'", "'{a}'", "(SELECT id FROM tenants LIMIT 1)"]),
            random_source(random, depth)
        ),
        7 => {
            let name = one(
                random,
                &["nile.tenant_id", "tenantry.seal", "role", "search_path", "row_security"],
            );
            let value = one(
                random,
                &[
                    "'{b}'",
                    "'{forged}'",
                    "'{old}'",
                    "'{ahead}'",
                    "'none'",
                    "'pg_temp, public'",
                    "'off'",
                    "'{owner}'",
                    "''",
                ],
            );
            let local = one(random, &["LOCAL", "SESSION"]);
            format!("SET {local} {name} = {value}; {}", random_query(random, depth))
        }
        8 => {
            let wrap = one(
                random,
                &[
                    "PREPARE q AS {q}; EXECUTE q",
                    "DECLARE c CURSOR FOR {q}; FETCH ALL c",
                    "COPY ({q}) TO STDOUT",
                    "CREATE TEMP TABLE t AS {q}; TABLE t",
                    "CREATE TEMP VIEW v AS {q}; TABLE v",
                    "EXPLAIN ANALYZE {q}",
                ],
            );
            wrap.replace("{q}", &random_query(random, depth))
        }
        _ if depth < 2 => {
            let between = one(random, &["; ", "; SAVEPOINT s; ", "; COMMIT; ", "; RESET ROLE; "]);
            format!("{}{between}{}", random_sql(random, depth + 1), random_sql(random, depth + 1))
        }
        _ => "RESET ALL".to_owned(),
    }
}

fn random_query(random: &mut fastrand::Rng, depth: u32) -> String {
    let what = one(
        random,
        &[
            "*",
            "count(*)",
            "string_agg(x::text, ',')",
            "x::text",
            "to_json(x)",
            "set_config('nile.tenant_id', '{b}', true), x::text",
        ],
    );
    let source = random_source(random, depth);
    let mut sql =
        format!("SELECT {what} FROM {source} x WHERE {}", random_condition(random, depth));
    if depth < 2 && random.u32(..4) == 0 && what == "x::text" {
        let how = one(random, &["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
        let other = random_source(random, depth + 1);
        sql = format!("{sql} {how} SELECT y::text FROM {other} y");
    }
    sql
}

fn random_source(random: &mut fastrand::Rng, depth: u32) -> String {
    match random.u32(..8) {
        0..=3 => {
            one(random, &["leads", "tenants", "companies", "ONLY leads", "users", "public.leads"])
                .to_owned()
        }
        4 if depth < 2 => format!("({}) AS", random_query(random, depth + 1)),
        5 => "query_to_xml('SELECT * FROM leads', true, true, '') AS".to_owned(),
        6 => "ts_stat('SELECT to_tsvector(set_config(''role'', ''none'', true))') AS".to_owned(),
        _ => "leads TABLESAMPLE BERNOULLI (100)".replace(" TABLESAMPLE BERNOULLI (100)", ""),
    }
}

fn random_condition(random: &mut fastrand::Rng, depth: u32) -> String {
    match random.u32(..6) {
        0 => "true".to_owned(),
        1 => "tenant_id = '{b}'".to_owned(),
        2 => "tenant_id IS DISTINCT FROM '{a}' OR true".to_owned(),
        3 => "set_config('tenantry.seal', '{forged}', true) IS NOT NULL".to_owned(),
        4 if depth < 2 => format!("EXISTS ({})", random_query(random, depth + 1)),
        _ => "set_config('nile.tenant_id', '{b}', false) = '{b}'".to_owned(),
    }
}

/// By way of `TenantScope`, which refuses what it can, on one connection that all use in turn: B, whose scopes come
/// in between, finds everything as it was. Plain scopes hold off all of these, too.
#[tokio::test]
async fn the_next_scope_finds_nothing_of_it() {
    let it = Sealed::new(true).await;
    let pool = it.pool().await;
    it.send_in_scopes(&pool, &sealed(FIRST)).await;
    pool.close().await.unwrap();
    let plain = Sealed::new(false).await;
    for url in [plain.db.url.clone(), plain.db.server().url_as(&plain.login, SECRET)] {
        let pool = connect(&url).await;
        plain.send_in_scopes(&pool, &TenantScope::options()).await;
        pool.close().await.unwrap();
    }
}

/// The example application, with sealed scopes on four connections that two tenants share.
#[tokio::test]
async fn a_service_shows_each_tenant_its_own_rows() {
    let it = Sealed::new(true).await;
    let mut options = ConnectOptions::new(it.db.server().url_as(&it.login, SECRET));
    options.max_connections(4);
    let pool = Database::connect(options).await.unwrap();
    let app = tenant_api::app::router(pool.clone(), sealed(FIRST));
    let tenants = [it.a, it.b].map(|tenant| tenant.to_string());
    assert!(tenant_api::cut_off_at_random(&app, tenants).await >= 400);
    pool.close().await.unwrap();
}

impl Sealed {
    async fn send_in_scopes(&self, pool: &DatabaseConnection, options: &ScopeOptions) {
        for statement in self.corpus() {
            let scope = options.begin(pool, self.a).await.unwrap();
            let stmt = Statement::from_string(pool.get_database_backend(), &statement);
            for row in scope.query_all_raw(stmt).await.unwrap_or_default() {
                assert!(!has_mark(&row), "{statement}");
            }
            let seen = Lead::find().all(&scope).await.unwrap_or_default();
            assert!(seen.iter().all(|lead| lead.tenant_id == self.a), "{statement}");
            // What has failed cannot be committed.
            let _ = scope.commit().await;
            let scope = options.begin(pool, self.b).await.unwrap();
            let count = Lead::find().count(&scope).await.unwrap();
            assert_eq!(count, u64::try_from(OF_B).unwrap(), "{statement}");
            scope.commit().await.unwrap();
        }
    }
}

/// Whether the mark is in a column of any type.
fn has_mark(row: &sea_orm::QueryResult) -> bool {
    let row = row.try_as_pg_row().unwrap();
    (0..row.len()).any(|at| {
        let value = row.try_get_raw(at).unwrap();
        let bytes = value.as_bytes().unwrap_or_default();
        bytes.windows(MARK.len()).any(|part| part == MARK.as_bytes())
    })
}
