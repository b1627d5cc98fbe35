//! How fast rows are loaded, each time as a ratio to something else in the same run: `cargo bench`.
//!
//! `TENANTRY_BENCH_PRESET` says how many rows (`dev` unless it does), `TENANTRY_BENCH_ROUNDS` how often
//! each is done (3). What is shown is the median, and all rounds of it. It needs what the tests need.

#![allow(
    clippy::cast_precision_loss,
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

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use figures::{Bar, Times, median, ratio, rounds};
use seeder::{Preset, Spec};
use support::{Engine, Ran, TestDb};

fn main() {
    let setting = |name: &str| std::env::var(name).ok();
    let preset = setting("TENANTRY_BENCH_PRESET").unwrap_or_else(|| "dev".to_owned());
    let rounds = rounds(3);
    let spec = Spec::preset(match preset.as_str() {
        "demo" => Preset::Demo,
        "dev" => Preset::Dev,
        "load" => Preset::Load,
        other => panic!("no such preset here: {other}"),
    });
    let bench =
        Bench { rows: seeder::data_set(spec.clone()).planned().values().sum(), preset, rounds };
    println!("{} rows ({spec}), {rounds} rounds", bench.rows);
    let files = tempfile::tempdir().unwrap();
    bench.export(files.path());

    let mut postgres = Times::default();
    let mut sqlite = Times::default();
    for _ in 0..rounds {
        postgres.add("\\copy, full schema", bench.psql_copy(files.path()));
        postgres.add("COPY", bench.seed(Engine::Postgres, &[]).0);
        postgres.add("COPY, 1 worker", bench.seed(Engine::Postgres, &["--workers", "1"]).0);
        postgres.add("COPY, 2 workers", bench.seed(Engine::Postgres, &["--workers", "2"]).0);
        postgres.add("script, builds after", bench.psql_script(files.path()));
        postgres.add("--bulk", bench.seed(Engine::Postgres, &["--bulk"]).0);
        sqlite.add(".import", bench.sqlite_import(files.path()));
        sqlite.add("INSERT", bench.seed(Engine::Sqlite, &[]).0);
        postgres.add("factories alone", generate(&spec));
    }
    bench.show(&postgres);
    bench.show(&sqlite);
    println!();
    ratio(
        "COPY : \\copy",
        postgres.of("\\copy, full schema"),
        postgres.of("COPY"),
        Bar::AtLeast(1.05),
    );
    ratio(
        "--bulk : \\copy",
        postgres.of("\\copy, full schema"),
        postgres.of("--bulk"),
        Bar::AtLeast(2.0),
    );
    ratio(
        "--bulk : script",
        postgres.of("script, builds after"),
        postgres.of("--bulk"),
        Bar::AtLeast(0.85),
    );
    ratio("SQLite : .import", sqlite.of(".import"), sqlite.of("INSERT"), Bar::AtLeast(1.2));
    ratio(
        "factories : --bulk",
        postgres.of("--bulk"),
        postgres.of("factories alone"),
        Bar::AtLeast(5.0),
    );
    ratio(
        "1 worker : \\copy",
        postgres.of("\\copy, full schema"),
        postgres.of("COPY, 1 worker"),
        Bar::None,
    );
    ratio(
        "2 workers : 1",
        postgres.of("COPY, 1 worker"),
        postgres.of("COPY, 2 workers"),
        Bar::None,
    );

    for engine in [Engine::Postgres, Engine::Sqlite] {
        let db = TestDb::new(engine);
        db.migration(&["up"]).ok();
        let small = measured(&db, &["--preset", "dev", "--tenants", "16"]).1;
        let db = TestDb::new(engine);
        db.migration(&["up"]).ok();
        let (first, large) = measured(&db, &["--preset", &bench.preset]);
        let (second, _) = measured(&db, &["--preset", &bench.preset]);
        println!(
            "{engine}: {small} KiB for 16 tenants, {large} KiB for all; the second run takes {:.2} % of the first",
            100.0 * second.as_secs_f64() / first.as_secs_f64()
        );
    }
}

struct Bench {
    preset: String,
    rows: u64,
    rounds: u32,
}

impl Bench {
    fn show(&self, times: &Times) {
        for (name, times) in &times.0 {
            let median = median(times).as_secs_f64();
            println!("{name:<22} {median:>8.2} s {:>10.0} rows/s", self.rows as f64 / median);
        }
    }

    fn export(&self, folder: &Path) {
        let db = TestDb::new(Engine::Sqlite);
        for format in ["copy", "csv"] {
            let to = folder.join(format).display().to_string();
            let preset = self.preset.as_str();
            db.seeder(&["export", "--preset", preset, "--format", format, "--to", &to]).ok();
        }
    }

    /// Into a database of its own, which is gone afterwards.
    fn seed(&self, engine: Engine, args: &[&str]) -> (Duration, u64) {
        let db = TestDb::new(engine);
        db.migration(&["up"]).ok();
        measured(&db, &[&["--preset", &self.preset], args].concat())
    }

    /// What a person would do: every file, in the order of foreign keys.
    fn psql_copy(&self, files: &Path) -> Duration {
        let db = TestDb::new(Engine::Postgres);
        db.migration(&["up"]).ok();
        let began = Instant::now();
        psql(&db.url, &copies(files));
        began.elapsed()
    }

    /// What an expert would do: tables without anything, the rows, then keys, indexes and foreign keys.
    fn psql_script(&self, files: &Path) -> Duration {
        let model = TestDb::new(Engine::Postgres);
        model.migration(&["up"]).ok();
        let dump = |section: &str| {
            let args =
                ["--schema-only", "--no-owner", "--no-acl", "--section", section, &model.url];
            Ran::from(Command::new("pg_dump").args(args).output().unwrap()).ok().stdout
        };
        // Whoever may not make a schema has one already.
        let usable = |sql: &str| sql.replace("CREATE SCHEMA public;", "");
        let (before, after) = (usable(&dump("pre-data")), usable(&dump("post-data")));
        let db = TestDb::new(Engine::Postgres);
        psql(&db.url, &before);
        let tables = "SET search_path = public;\n";
        let began = Instant::now();
        let copies = copies(files);
        let names = entity::all().into_iter().map(|def| format!("public.{}", def.name));
        let analyze = format!("ANALYZE {};", names.collect::<Vec<_>>().join(", "));
        psql(&db.url, &format!("BEGIN;\n{tables}{copies}\n{after}\n{analyze}\nCOMMIT;\n"));
        began.elapsed()
    }

    fn sqlite_import(&self, files: &Path) -> Duration {
        let db = TestDb::new(Engine::Sqlite);
        db.migration(&["up"]).ok();
        let mut script = "PRAGMA foreign_keys = ON;\nBEGIN;\n".to_owned();
        for (table, path) in tables(&files.join("csv")) {
            let _ = writeln!(script, ".import --csv --skip 1 {path} {table}");
        }
        script += "COMMIT;\n";
        let began = Instant::now();
        run("sqlite3", &[&db.file().display().to_string()], &script);
        began.elapsed()
    }
}

/// The tables and their files, in the order of foreign keys.
fn tables(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    files.sort_unstable();
    let table = |path: &String| {
        let stem = Path::new(path).file_stem().unwrap().to_str().unwrap().to_owned();
        stem.split_once('_').unwrap().1.to_owned()
    };
    files.into_iter().map(|path| (table(&path), path)).collect()
}

fn copies(files: &Path) -> String {
    let copy = |(table, path): &(String, String)| format!("\\copy {table} FROM '{path}'\n");
    tables(&files.join("copy")).iter().map(copy).collect()
}

fn psql(url: &str, script: &str) {
    run("psql", &["-qX", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", url], script);
}

fn run(program: &str, args: &[&str], script: &str) {
    use std::io::Write as _;
    let mut child = Command::new(program).args(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{program}");
}

/// How long seeding takes, and the most memory it takes on the way, in KiB.
fn measured(db: &TestDb, args: &[&str]) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = db.bin("seeder").args(args).spawn();
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return (began.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Makes every row, as the loaders get it, and nothing of it.
fn generate(spec: &Spec) -> Duration {
    let set = seeder::data_set(spec.clone());
    let began = Instant::now();
    for tenant in set.tenants() {
        for (table, (_, rows)) in tenant.counts().enumerate() {
            (0..rows).for_each(|n| drop(std::hint::black_box(tenant.row(table, n))));
        }
    }
    began.elapsed()
}
