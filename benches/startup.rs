//! What commands cost beside what the server costs: each time as a ratio to `psql` in the same run, on a
//! server of its own. `TENANTRY_BENCH_ROUNDS` says how often each is done (7). `cargo bench --bench startup`

#![allow(
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
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use figures::{Bar, Times, median, ratio, rounds};
use migration::{PROJECT, Project, ops::v1};
use sea_orm_migration::{
    MigrationTrait,
    prelude::*,
    schema::{string_len, text, timestamp_with_time_zone, uuid},
};
use support::{Engine, TestDb};

/// With it in the environment, this program is a `migration` with so many migrations.
const MIGRATIONS: &str = "TENANTRY_BENCH_MIGRATIONS";

fn main() -> ExitCode {
    if std::env::var_os(MIGRATIONS).is_some() {
        return migration::cli::main(&MANY);
    }
    let (rounds, mut times) = (rounds(7), Times::default());
    let done = TestDb::new(Engine::Postgres);
    done.migration(&["up"]).ok();
    let script = script(&done);
    let drop = format!(
        "DROP TABLE {} CASCADE",
        entity::all().iter().map(|def| def.name).collect::<Vec<_>>().join(", ")
    );
    for _ in 0..rounds {
        times.add("psql -c 'select 1'", psql(&done, &["-c", "select 1"]));
        times.add("up, nothing to do", timed(&done, &["up"]));
        times.add("status", timed(&done, &["status"]));
        times.add("diff", timed(&done, &["diff"]));
        times.add("validate", timed_bin(&done, "tenantry", &["validate"]));
        times.add("pg_dump -s", pg_dump(&done));

        let fresh = TestDb::new(Engine::Postgres);
        let file = fresh.folder().join("up.sql");
        std::fs::write(&file, &script).unwrap();
        let file = file.display().to_string();
        times.add("psql -1 -f", psql(&fresh, &["-1", "-f", &file]));
        times.add("one DROP", psql(&fresh, &["-c", &drop]));
        let fresh = TestDb::new(Engine::Postgres);
        times.add("up, from nothing", timed(&fresh, &["up"]));
        times.add("rolling everything back", timed_bin(&fresh, "tenantry", &["rollback"]));
    }
    for (name, all) in &times.0 {
        println!("{name:<34} {:>7.1} ms", median(all).as_secs_f64() * 1e3);
    }
    let against = |own: &str, floor: &str, bar: Bar| {
        ratio(&format!("{own} : {floor}"), times.of(own), times.of(floor), bar);
    };
    against("up, from nothing", "psql -1 -f", Bar::AtMost(1.35));
    against("up, nothing to do", "psql -c 'select 1'", Bar::AtMost(1.5));
    against("status", "psql -c 'select 1'", Bar::AtMost(1.5));
    against("rolling everything back", "one DROP", Bar::AtMost(2.0));
    against("diff", "pg_dump -s", Bar::AtMost(1.2));
    against("validate", "pg_dump -s", Bar::AtMost(1.8));
    for (count, bar) in [(13, 5.0), (300, 15.0)] {
        let own = processor_time(count);
        let verdict = if own <= bar { "reached" } else { "missed" };
        println!("processor, no-op of {count:<14} {own:>7.1} ms, bar {bar} ms: {verdict}");
    }
    ExitCode::SUCCESS
}

/// The SQL that `up` sends for the tables, as a rehearsal writes it.
fn script(done: &TestDb) -> String {
    let fresh = TestDb::new(Engine::Postgres);
    fresh.migration(&["up", "--sql", "up.sql"]).ok();
    let script = std::fs::read_to_string(fresh.folder().join("up.sql")).unwrap();
    assert!(script.contains("CREATE TABLE"), "{}", done.url);
    // It is run in one transaction by `-1`.
    let is_own = |line: &&str| {
        !["BEGIN", "COMMIT", "\\"].iter().any(|word| line.trim_start().starts_with(word))
    };
    script.lines().filter(is_own).collect::<Vec<_>>().join("\n")
}

fn timed(db: &TestDb, args: &[&str]) -> Duration {
    timed_bin(db, "migration", args)
}

fn timed_bin(db: &TestDb, name: &str, args: &[&str]) -> Duration {
    let bin = db.bin(name).args(args);
    let began = Instant::now();
    bin.run().ok();
    began.elapsed()
}

/// PostgreSQL's own program: what Debian has on the path is a script that looks for it.
fn program(name: &str) -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        folders.map(|it| it.path().join("bin").join(name)).filter(|it| it.is_file()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

fn psql(db: &TestDb, args: &[&str]) -> Duration {
    run(Command::new(program("psql"))
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1"])
        .args(args)
        .arg(&db.url))
}

fn pg_dump(db: &TestDb) -> Duration {
    run(Command::new(program("pg_dump")).arg("-s").arg(&db.url))
}

fn run(command: &mut Command) -> Duration {
    command.stdout(Stdio::null());
    let began = Instant::now();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    began.elapsed()
}

/// Milliseconds of the client's processor for a no-op with so many migrations.
fn processor_time(count: usize) -> f64 {
    const TIMES: usize = 20;
    let db = TestDb::new(Engine::Postgres);
    let program = std::env::current_exe().unwrap();
    let call = || {
        let mut command = Command::new("sh");
        command.env_clear().env("DATABASE_URL", &db.url).env(MIGRATIONS, count.to_string());
        command.env("PROGRAM", &program).env("RUST_LOG", "error").current_dir(db.folder());
        command
    };
    let up = call().args(["-c", "\"$PROGRAM\" up"]).output().unwrap();
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    let repeat = format!(
        "n=0; while [ $n -lt {TIMES} ]; do \"$PROGRAM\" up >/dev/null || exit 1; n=$((n + 1)); done; times"
    );
    let output = call().args(["-c", &repeat]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // The second line is that of the children: `0m0.130000s 0m0.030000s`.
    let children = text.lines().nth(1).unwrap();
    let seconds = |word: &str| {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    let total: f64 = children.split_whitespace().map(seconds).sum();
    #[allow(clippy::cast_precision_loss, reason = "there are twenty")]
    let times = TIMES as f64;
    total / times * 1e3
}

static MANY: Project = Project {
    name: "bench",
    version: "0.1.0",
    tables: entity::all,
    schema_name: None,
    tenancy: Some(migration::TENANCY),
    engines: &migration::Engine::ALL,
    migrations: many,
    bookkeeping: "seaql_migrations",
    accepted_drift: "",
    objects: &[],
    sealed: false,
};

/// The migrations of the application, and more like them.
fn many() -> Vec<Box<dyn MigrationTrait>> {
    let count: usize = std::env::var(MIGRATIONS).unwrap().parse().unwrap();
    let mut all = (PROJECT.migrations)();
    for number in all.len()..count {
        all.push(Box::new(Extra {
            name: format!("m20270101_{number:06}_create_extra"),
            table: format!("extra_{number}"),
        }));
    }
    all
}

/// A migration of the usual size: a table with seven columns, three indexes, a policy and privileges.
struct Extra {
    name: String,
    table: String,
}

impl MigrationName for Extra {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Extra {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = self.table.as_str();
        v1::create_table(
            manager,
            Table::create()
                .table(table.to_owned())
                .col(uuid("tenant_id"))
                .col(v1::id(manager))
                .col(string_len("from_email", 255))
                .col(string_len("to_email", 255))
                .col(string_len("subject", 500))
                .col(text("content"))
                .col(timestamp_with_time_zone("received_at").default(v1::now(manager)))
                .primary_key(
                    Index::create().name(format!("{table}_pkey")).col("tenant_id").col("id"),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name(format!("{table}_tenant_id_fkey"))
                        .from_tbl(table.to_owned())
                        .from_col("tenant_id")
                        .to_tbl("tenants")
                        .to_col("id")
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .take(),
        )
        .await?;
        for column in ["from_email", "received_at", "to_email"] {
            v1::create_index(
                manager,
                Index::create()
                    .name(format!("{table}_tenant_id_{column}_idx"))
                    .table(table.to_owned())
                    .col("tenant_id")
                    .col(column)
                    .take(),
            )
            .await?;
        }
        v1::alter_access(table)
            .enable_row_security()
            .create_policy(
                &format!("{table}_tenant_isolation"),
                "tenant_id = nullif(current_setting('nile.tenant_id', true), '')::uuid",
            )
            .grant(&["SELECT", "INSERT", "UPDATE", "DELETE"])
            .run(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        v1::drop_table(manager, &self.table).await
    }
}
