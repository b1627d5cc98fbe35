//! Bad input: one clear sentence on standard error, the right exit code, no panic, no password,
//! within ten seconds, and nothing changed.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectionTrait as _, SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
};
use tempfile::TempDir;

use crate::support::{
    Bin, Engine, Ran, TestDb, all_but, migrations,
    postgres::{SECRET, free_port, port},
};

on_both_engines!(
    a_number_that_is_none,
    tables_without_bookkeeping,
    bookkeeping_with_an_unknown_migration,
    a_closed_pipe,
);

/// Every command that connects.
const COMMANDS: [(&str, &[&str]); 6] = [
    ("migration", &["up"]),
    ("migration", &["status"]),
    ("migration", &["down"]),
    ("seeder", &[]),
    ("tenantry", &["run"]),
    ("tenantry", &["validate"]),
];

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("tenantry-test-").tempdir().unwrap()
}

/// Runs with a limit that only a hang exceeds: the promise is ten seconds.
#[track_caller]
fn promptly(bin: Bin) -> Ran {
    let start = Instant::now();
    let ran = bin.run();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}: {ran:#?}", start.elapsed());
    ran
}

/// Asserts one sentence, exit code 2 and that `expected` is in it.
#[track_caller]
fn one_sentence(ran: Ran, expected: &str) -> Ran {
    let ran = ran.expect_code(2).clean_output();
    assert_eq!(ran.stdout, "", "{ran:#?}");
    assert!(ran.error().starts_with("error: "), "{ran:#?}");
    assert_eq!(ran.error().trim().lines().count(), 1, "{ran:#?}");
    assert!(ran.error().contains(expected), "{expected:?} in {ran:#?}");
    ran
}

/// Every command against one URL, in an empty folder that stays empty.
#[track_caller]
fn all_commands(url: &str, expected: &str) {
    for (name, args) in COMMANDS {
        let folder = folder();
        let ran = promptly(Bin::new(name, folder.path()).env("DATABASE_URL", url).args(args));
        one_sentence(ran, expected);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name} {args:?}");
    }
}

#[test]
fn urls_that_are_not_usable() {
    for (url, expected) in [
        ("mysql://me:SECRET@localhost/app", "`mysql` are not supported"),
        ("mongodb+srv://me:SECRET@localhost/app", "`mongodb+srv` are not supported"),
        ("me:SECRET@localhost/app", "is not a URL"),
        ("app.db", "is not a URL"),
        ("SECRET", "is not a URL"),
        ("", "DATABASE_URL is empty"),
        ("  ", "DATABASE_URL is empty"),
        ("postgres://me:SECRET@localhost:port/app", "cannot be read"),
        ("postgres://me:SECRET@[/app", "cannot be read"),
        ("sqlite://", "names no file"),
        ("sqlite::memory:", "names no file"),
        ("sqlite://%3Amemory%3A", "names no file"),
        ("sqlite:file:x.db", "names no file"),
        ("sqlite://me:SECRET@localhost/app", "looks like that of a server"),
        ("sqlite://x.db?key=SECRET", "a parameter that is not supported"),
        ("postgres:/me:SECRET@localhost/app", "is not a URL"),
        ("postgres://me:/SECRET@localhost/app", "cannot be read"),
        ("postgres://me@localhost/app?pasword=SECRET", "the parameter `pasword`"),
        ("postgres://me:1#SECRET@localhost/app", "cannot be read"),
        ("postgres://localhost/app?user=me&password=a&SECRET", "cannot be read"),
    ] {
        all_commands(&url.replace("SECRET", SECRET), expected);
    }
}

#[test]
fn a_host_that_does_not_exist() {
    all_commands(
        &format!("postgres://me:{SECRET}@no-such-host.invalid/app"),
        "no-such-host.invalid",
    );
}

#[test]
fn a_port_that_is_refused() {
    let url = format!("postgres://me:{SECRET}@127.0.0.1:{}/app", free_port());
    all_commands(&url, "nothing listens there");
}

#[test]
fn a_server_that_says_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("postgres://me:{SECRET}@{}/app", listener.local_addr().unwrap());
    let folder = folder();
    let ran =
        promptly(Bin::new("migration", folder.path()).env("DATABASE_URL", &url).args(&["up"]));
    one_sentence(ran, "did not answer");
}

/// Older servers cannot be installed beside this one, so the test plays one: it lets the client
/// in as version 12 does, and that is all the client may need.
#[test]
fn a_postgres_that_is_too_old() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("postgres://me:{SECRET}@{}/app", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let message = |stream: &mut std::net::TcpStream| {
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
            stream.read_exact(&mut body).unwrap();
            body
        };
        if message(&mut stream) == 80_877_103_u32.to_be_bytes() {
            stream.write_all(b"N").unwrap(); // no TLS
            message(&mut stream);
        }
        let mut answer = Vec::new();
        for (kind, body) in [
            (b'R', &0_u32.to_be_bytes()[..]),
            (b'S', b"server_version\x0012.22\0"),
            (b'S', b"client_encoding\0UTF8\0"),
            (b'K', &[0, 0, 0, 1, 0, 0, 0, 2]),
            (b'Z', b"I"),
        ] {
            answer.push(kind);
            answer.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
            answer.extend(body);
        }
        stream.write_all(&answer).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    let folder = folder();
    let ran =
        promptly(Bin::new("migration", folder.path()).env("DATABASE_URL", &url).args(&["up"]));
    one_sentence(ran, "is version 12: 13 or newer is needed");
    server.join().unwrap();
}

#[test]
fn who_may_not_come_in() {
    let db = TestDb::new(Engine::Postgres);
    let server = db.server();
    all_commands(
        &server.url_as(&server.name, &format!("wrong-{SECRET}")),
        "password authentication failed",
    );
    all_commands(&server.url_as("nobody_like_that", SECRET), "password authentication failed");
    let url = format!("postgres://{}:{SECRET}@127.0.0.1:{}/no_such_database", server.name, port());
    all_commands(&url, "database \"no_such_database\" does not exist");
    let full = server.role("CONNECTION LIMIT 0");
    all_commands(&server.url_as(&full, SECRET), "too many connections");
}

#[tokio::test]
async fn who_may_not_create_tables() {
    let db = TestDb::new(Engine::Postgres);
    let role = db.server().role("");
    db.server().execute_as_superuser("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let before = db.catalogue().await;
    for (name, args) in
        [("migration", &["up"][..]), ("tenantry", &["run"]), ("migration", &["fresh"])]
    {
        let url = db.server().url_as(&role, SECRET);
        let ran = promptly(db.bin(name).env("DATABASE_URL", &url).args(args));
        let ran = one_sentence(ran, "permission denied for schema public");
        assert!(ran.error().contains("GRANT CREATE ON SCHEMA"), "{ran:#?}");
    }
    assert_eq!(db.catalogue().await, before);
}

#[tokio::test]
async fn a_read_only_server() {
    let db = TestDb::new(Engine::Postgres);
    let name = &db.server().name;
    db.tenantry(&["run"]).ok();
    db.migration(&["down", "-n", &all_but(8)]).ok();
    db.server().execute_as_superuser(&format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ));
    for (name, args) in
        [("migration", &["up"][..]), ("migration", &["down"]), ("tenantry", &["run"])]
    {
        let ran = one_sentence(promptly(db.bin(name).args(args)), "read-only");
        assert!(ran.error().contains("connect to the primary"), "{ran:#?}");
    }
    // What only reads still works.
    assert_eq!(
        db.migration(&["status"]).ok().last_line(),
        format!("8 applied, {} pending", migrations() - 8)
    );
    let report = db.tenantry(&["validate", "--json"]).expect_code(1);
    assert_eq!(report.finding_codes(), ["(database) migrations-pending"], "{report:#?}");
    assert_eq!(
        report.json()["notes"].as_array().unwrap().len(),
        2,
        "what was neither compared nor attacked is said"
    );
}

#[tokio::test]
async fn schemas_that_are_missing_or_strange() {
    let db = TestDb::new(Engine::Postgres);
    for schema in ["no_such_schema", "a\"b", "'; DROP TABLE x; --"] {
        for (name, args) in COMMANDS {
            let ran = promptly(db.bin(name).args(&["-s", schema]).args(args));
            let quoted = format!("\"{}\" does not exist", schema.replace('"', "\"\""));
            one_sentence(ran, &quoted);
        }
    }
    let ran = db.bin("migration").env("DATABASE_SCHEMA", "").args(&["up"]).run();
    one_sentence(ran, "the database schema is empty");
    assert_eq!(db.tables().await, Vec::<String>::new());
    // A strange name is a name all the same.
    db.execute("CREATE SCHEMA \"a\"\"b\"").await;
    db.migration(&["-s", "a\"b", "up"]).ok();
    db.bin("seeder").env("DATABASE_SCHEMA", "a\"b").run().ok();
    db.tenantry(&["validate", "-s", "a\"b"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM \"a\"\"b\".tenants").await, 2);
    assert_eq!(db.tables().await, Vec::<String>::new(), "nothing in the default schema");
    db.tenantry(&["rollback", "-s", "a\"b"]).ok();
}

#[test]
fn sqlite_files_that_cannot_be() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let up = |path: &str| {
        let url = format!("sqlite://{path}");
        promptly(Bin::new("migration", folder.path()).env("DATABASE_URL", &url).args(&["up"]))
    };
    one_sentence(up(&path("no/such/folder/x.db")), "does not exist");
    one_sentence(up(&path("")), "is a folder");
    fs::write(path("text.db"), "this is no database, but a text of some length".repeat(100))
        .unwrap();
    let before = fs::read(path("text.db")).unwrap();
    for (name, args) in COMMANDS {
        let url = format!("sqlite://{}", path("text.db"));
        let ran = promptly(Bin::new(name, folder.path()).env("DATABASE_URL", &url).args(args));
        one_sentence(ran, "is not an SQLite database");
    }
    assert_eq!(fs::read(path("text.db")).unwrap(), before);
}

#[test]
fn folders_and_files_that_are_read_only() {
    let folder = folder();
    // Root may write everywhere, so root steps down for this one.
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let run = |file: &str| {
        let mut command = Bin::new("migration", folder.path())
            .env("DATABASE_URL", &format!("sqlite://{file}"))
            .args(&["up"])
            .command();
        if root {
            // The build folder may be closed to others, so the program goes where they can reach it.
            let copy = folder.path().join("migration");
            if !copy.exists() {
                fs::copy(command.get_program(), &copy).unwrap();
            }
            let mut other = Command::new(copy);
            other.args(["up"]).current_dir(folder.path()).env_clear();
            other.env("DATABASE_URL", format!("sqlite://{file}")).uid(65534).gid(65534);
            command = other;
        }
        Ran::from(command.stdin(Stdio::null()).output().unwrap())
    };
    let file = folder.path().join("x.db");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    fs::create_dir(folder.path().join("closed")).unwrap();
    if root {
        run(""); // copies the program while the folder is open
    }
    fs::set_permissions(folder.path().join("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    one_sentence(run("closed/x.db"), "cannot be opened");
    one_sentence(run("x.db"), "read-only");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_file_that_another_process_has_locked() {
    let db = TestDb::new(Engine::Sqlite);
    db.tenantry(&["run"]).ok();
    let open = db.open().await;
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Exclusive),
        ..TransactionOptions::default()
    };
    let lock = open.connection.begin_with_options(options).await.unwrap();
    lock.execute_unprepared("UPDATE tenants SET name = name").await.unwrap();
    // Side by side, since each waits for the lock.
    std::thread::scope(|scope| {
        for (name, args) in COMMANDS {
            let db = &db;
            scope.spawn(move || {
                one_sentence(promptly(db.bin(name).args(args)), "another process is using")
            });
        }
    });
    lock.rollback().await.unwrap();
    open.close().await;
    db.tenantry(&["validate"]).ok();
}

#[test]
fn an_absent_file_is_named_and_not_created() {
    let folder = folder();
    for (name, args) in [
        ("migration", &["status"][..]),
        ("migration", &["status", "--json"]),
        ("migration", &["down"]),
        ("migration", &["reset"]),
        ("tenantry", &["validate"]),
        ("tenantry", &["rollback"]),
        ("seeder", &[]),
        ("seeder", &["clean"]),
    ] {
        let mut ran = Bin::new(name, folder.path()).args(args).run();
        if args.contains(&"--json") {
            assert_eq!(ran.json()["error"]["code"], "no-such-file");
            ran.stdout.clear();
        }
        one_sentence(ran, "there is no database file tenantry.db");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name} {args:?}");
    }
}

#[test]
fn a_dotenv_file_that_is_malformed() {
    for (text, line) in
        [("DATABASE_URL", 1), ("A=1\nthis is: no line SECRET\n", 2), ("A=\"SECRET", 1)]
    {
        let folder = folder();
        fs::write(folder.path().join(".env"), text.replace("SECRET", SECRET)).unwrap();
        for (name, args) in COMMANDS {
            let ran = one_sentence(
                Bin::new(name, folder.path()).args(args).run(),
                ".env file is malformed",
            );
            assert!(ran.error().contains(&format!("line {line}")), "{ran:#?}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        // Help needs no settings.
        Bin::new("migration", folder.path()).args(&["--help"]).run().ok();
    }
}

async fn a_number_that_is_none(db: TestDb) {
    for number in ["abc", "-1", "1.5", "", "99999999999"] {
        for command in ["up", "down"] {
            let ran = db.migration(&[command, "-n", number]).expect_code(2).clean_output();
            assert!(ran.stderr.contains("--num"), "{ran:#?}");
            assert_eq!(ran.stdout, "");
        }
    }
    db.open().await.close().await;
    assert_eq!(db.tables().await, Vec::<String>::new());
}

async fn tables_without_bookkeeping(db: TestDb) {
    db.execute("CREATE TABLE leads (id int); CREATE TABLE campaigns (id int)").await;
    let before = db.catalogue().await;
    for (name, args) in [("migration", &["up"][..]), ("tenantry", &["run"])] {
        let ran =
            one_sentence(promptly(db.bin(name).args(args)), "leads and campaigns exist already");
        assert!(ran.error().contains("use an empty database or schema"), "{ran:#?}");
    }
    assert_eq!(db.catalogue().await, before);
}

async fn bookkeeping_with_an_unknown_migration(db: TestDb) {
    db.migration(&["up"]).ok();
    db.execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20990101_000001_from_the_future', 1)").await;
    let before = db.catalogue().await;
    let status = db.migration(&["status"]).expect_code(1);
    assert!(
        status.stdout.contains("missing       m20990101_000001_from_the_future"),
        "{status:#?}"
    );
    assert_eq!(status.last_line(), format!("{} applied, 0 pending, 1 missing", migrations()));
    let json = db.migration(&["status", "--json"]).expect_code(1);
    assert_eq!(json.finding_codes(), ["seaql_migrations migration-missing"]);
    for (name, args) in [
        ("migration", &["up"][..]),
        ("migration", &["down"]),
        ("migration", &["refresh"]),
        ("migration", &["reset"]),
        ("tenantry", &["run"]),
        ("tenantry", &["rollback"]),
    ] {
        let ran = db.bin(name).args(args).run().expect_code(1).clean_output();
        assert!(ran.error().contains("m20990101_000001_from_the_future"), "{ran:#?}");
        assert!(ran.error().contains("run the version of the program"), "{ran:#?}");
        assert_eq!(db.catalogue().await, before);
    }
}

async fn a_closed_pipe(db: TestDb) {
    db.tenantry(&["run"]).ok();
    for (name, args) in [("migration", &["status"][..]), ("tenantry", &["validate", "--json"])] {
        let mut child = db.bin(name).args(args).spawn();
        // Closed before anything is read from it.
        drop(child.stdout.take());
        let ran = Ran::from(child.wait_with_output().unwrap()).clean_output();
        assert_eq!(ran.code, 0, "{ran:#?}");
    }
    // Nor does a closed standard error stop the work.
    let mut child = db.bin("migration").args(&["refresh"]).spawn();
    drop(child.stderr.take());
    assert_eq!(
        Ran::from(child.wait_with_output().unwrap()).ok().last_line().matches(&all_but(0)).count(),
        2
    );
    // And as people do it.
    let mut child = db.bin("migration").args(&["status"]).spawn();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("applied"), "{first}");
    Ran::from(child.wait_with_output().unwrap()).clean_output();
}

#[test]
fn a_url_in_the_wrong_place_is_not_repeated() {
    let folder = folder();
    let url = format!("postgres://me:{SECRET}@localhost/app");
    for args in [vec![&*url], vec!["down", "-n", &url], vec!["up", &url], vec!["-s", &url, "up"]] {
        let ran = Bin::new("migration", folder.path()).args(&args).run();
        ran.expect_code(2).clean_output();
    }
}

#[test]
fn a_dotenv_value_that_no_variable_can_hold() {
    let folder = folder();
    fs::write(folder.path().join(".env"), format!("A={SECRET}\0\n")).unwrap();
    let ran = Bin::new("migration", folder.path()).args(&["status"]).run();
    one_sentence(ran, "NUL character");
}

#[test]
fn read_only_urls_are_honoured() {
    let db = TestDb::new(Engine::Sqlite);
    let bin = |url: &str, args: &[&str]| {
        Bin::new("migration", db.folder()).env("DATABASE_URL", url).args(args).run()
    };
    one_sentence(bin(&format!("{}?mode=rw", db.url), &["up"]), "there is no database file");
    db.tenantry(&["run"]).ok();
    let url = format!("{}?mode=ro", db.url);
    bin(&url, &["status"]).ok();
    one_sentence(bin(&url, &["down"]), "read-only");
    assert_eq!(
        db.migration(&["status"]).ok().last_line(),
        format!("{} applied, 0 pending", migrations())
    );
}

#[test]
fn bookkeeping_that_is_somebody_elses() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let db = TestDb::new(engine);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for sql in [
            "CREATE TABLE seaql_migrations (a int, b text)",
            "DROP TABLE seaql_migrations; CREATE TABLE seaql_migrations (version text, applied_at text); \
             INSERT INTO seaql_migrations VALUES ('m1', 'yesterday')",
        ] {
            runtime.block_on(db.execute(sql));
            for args in [&["status"][..], &["up"], &["down"]] {
                one_sentence(db.migration(args), "is not as sea-orm-migration makes it");
            }
        }
    }
}

/// A role that may have one connection at a time, and a reader who meets another session's lock.
#[tokio::test]
async fn one_connection_is_enough() {
    let db = TestDb::new(Engine::Postgres);
    let name = &db.server().name;
    db.server().execute_as_superuser(&format!("ALTER ROLE {name} CONNECTION LIMIT 1"));
    for (bin, args) in COMMANDS {
        let ran = promptly(db.bin(bin).args(args));
        assert!(!ran.stderr.contains("onnection"), "{ran:#?}");
    }
}
