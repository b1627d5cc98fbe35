//! Larger sets: the same rows whichever way they are loaded, and whole units whatever stops it.

use std::{
    process::{Child, Command},
    time::Instant,
};

use serde_json::Value;

use crate::support::{Engine, Ran, TestDb, pause, wait_until};

on_both_engines!(
    killed_it_goes_on_where_it_stopped,
    asked_to_stop_it_finishes_what_is_under_way,
    cleaning_goes_on_where_it_stopped,
    on_a_terminal_there_are_bars,
    a_larger_set_only_adds,
    rows_of_another_data_set_are_refused,
    adversarial_rows_are_as_they_should_be,
    one_tenant_is_put_back_alone,
    what_is_in_the_way_is_named,
    a_plan_touches_nothing,
);

/// Some units of it, on either engine.
const SEVERAL: [&str; 4] = ["--preset", "demo", "--scale", "3"];

/// So many that it can be stopped between two of them.
const MANY: [&str; 4] = ["--preset", "demo", "--scale", "6"];

/// What is in the rows, and how many there are.
fn digest(db: &TestDb) -> String {
    db.seeder(&["verify"]).ok().stdout
}

/// Asserts that each sample tenant has all of its rows or none, and is then not there itself.
async fn assert_whole_units(db: &TestDb) {
    let report = db.seeder(&["verify", "--json"]).json();
    for difference in report["differences"].as_array().unwrap() {
        assert_eq!((&difference["changed"], &difference["unknown"]), (&0.into(), &0.into()));
        let Some(tenant) = difference["tenant"].as_str() else { continue };
        let token = &tenant[tenant.len() - 7..tenant.len() - 1];
        let sql = format!("SELECT count(*) FROM tenants WHERE slug LIKE '%{token}'");
        assert_eq!(db.number(&sql).await, 0, "{difference}");
    }
}

async fn killed_it_goes_on_where_it_stopped(db: TestDb) {
    db.migration(&["up"]).ok();
    let began = Instant::now();
    db.seeder(&SEVERAL).ok();
    let takes = began.elapsed();
    let whole = digest(&db);
    db.seeder(&["clean"]).ok();
    let (rounds, mut killed) = (5, 0);
    for round in 1..=rounds {
        let began = Instant::now();
        let mut child = db.bin("seeder").args(&SEVERAL).spawn();
        let until = began + takes * round / (rounds + 1);
        wait_until(until);
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        if db.number("SELECT count(*) FROM tenants").await > 0 {
            assert_whole_units(&db).await;
        }
    }
    assert!(killed > 0);
    // What was begun is known, also to those who do not say what it was.
    db.bin("seeder").env("SEED_PRESET", "").args(&SEVERAL).run().ok();
    assert_eq!(digest(&db), whole);
    assert!(db.seeder(&SEVERAL).ok().last_line().starts_with("nothing to insert"));
    // It is noted as a whole, so it is not taken for a user's work.
    db.seeder(&["clean"]).ok();
}

/// How many tenants there are; unknown while another process writes to the file.
async fn tenants(db: &TestDb) -> Option<i64> {
    let sql = "SELECT count(*) FROM tenants";
    if db.engine != Engine::Sqlite {
        return Some(db.number(sql).await);
    }
    let asked = Command::new("sqlite3").arg(db.file()).arg(sql).output().unwrap();
    String::from_utf8(asked.stdout).unwrap().trim().parse().ok()
}

/// Waits until there are more or fewer tenants than there were; false if the child has ended before.
async fn begun(db: &TestDb, child: &mut Child, before: i64) -> bool {
    loop {
        if tenants(db).await.is_some_and(|count| count != before) {
            return child.try_wait().unwrap().is_none();
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        pause();
    }
}

async fn asked_to_stop_it_finishes_what_is_under_way(db: TestDb) {
    db.migration(&["up"]).ok();
    let mut child = db.bin("seeder").args(&[&MANY[..], &["--workers", "1"]].concat()).spawn();
    assert!(begun(&db, &mut child, 0).await, "there is more than one unit");
    interrupt(&child);
    let ran = Ran::from(child.wait_with_output().unwrap()).expect_code(3);
    assert!(ran.last_line().starts_with("stopped, with "), "{ran:#?}");
    assert_whole_units(&db).await;
    // What is there is still known to be as it was made, or not.
    db.execute(MEDDLE).await;
    let refused = db.seeder(&["clean"]).expect_code(1);
    assert!(refused.error().contains("leads: "), "{refused:#?}");
    db.execute(MEND).await;
    // The rest of what was begun, without saying what that was.
    let mut command = db.bin("seeder").command();
    let ran = Ran::from(command.env_remove("SEED_PRESET").output().unwrap()).ok();
    assert!(ran.last_line().contains(" sample rows inserted"), "{ran:#?}");
    digest(&db);
}

/// A user works with a sample row, and thinks better of it.
const MEDDLE: &str =
    "UPDATE leads SET name = 'Somebody and ' || name WHERE email = (SELECT min(email) FROM leads)";
const MEND: &str = "UPDATE leads SET name = substr(name, 14) WHERE name LIKE 'Somebody and %'";

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

async fn cleaning_goes_on_where_it_stopped(db: TestDb) {
    db.migration(&["up"]).ok();
    db.insert_real_tenant("real").await;
    let real = db.rows().await;
    db.seeder(&[&MANY[..], &["--alongside"]].concat()).ok();
    let clean = || db.bin("seeder").args(&["clean"]).spawn();
    let all = tenants(&db).await.unwrap();
    let mut child = clean();
    assert!(begun(&db, &mut child, all).await, "there is more than one batch");
    interrupt(&child);
    let ran = Ran::from(child.wait_with_output().unwrap()).expect_code(3);
    assert!(ran.last_line().starts_with("stopped, with "), "{ran:#?}");
    let left = tenants(&db).await.unwrap();
    assert!(1 < left && left < all, "{left} of {all}");
    assert_whole_units(&db).await;
    // Nor does it forget meanwhile what it has to ask for.
    db.execute(MEDDLE).await;
    let refused = db.seeder(&["clean"]).expect_code(1);
    assert!(refused.error().contains("leads: "), "{refused:#?}");
    db.execute(MEND).await;
    db.migration(&["reset"]).expect_code(1);
    let mut child = clean();
    begun(&db, &mut child, left).await;
    child.kill().unwrap();
    child.wait().unwrap();
    // Whoever seeds again gets all of them.
    let mut again = db.bin("seeder").args(&["--alongside"]).command();
    Ran::from(again.env_remove("SEED_PRESET").output().unwrap()).ok();
    assert_eq!(tenants(&db).await, Some(all));
    digest(&db);
    let ran = db.seeder(&["clean"]).ok();
    assert!(ran.last_line().ends_with(" sample rows removed"), "{ran:#?}");
    assert_eq!(db.rows().await, real);
}

/// What happens while batches are removed is seen before it would be lost.
#[tokio::test]
async fn cleaning_looks_again() {
    let notes = "CREATE TABLE notes (slug text REFERENCES tenants (slug) ON DELETE CASCADE)";
    for (meddle, said) in [
        (MEDDLE, "rows were edited while others were removed; nothing else was"),
        (
            "INSERT INTO notes SELECT slug FROM tenants LIMIT 1",
            "in notes: move or delete them first; nothing else was",
        ),
    ] {
        let db = TestDb::new(Engine::Postgres);
        db.migration(&["up"]).ok();
        db.seeder(&MANY).ok();
        let all = tenants(&db).await;
        let function = format!(
            "{notes}; CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN {meddle}; RETURN NULL; END $$"
        );
        db.execute(&function).await;
        db.execute("CREATE TRIGGER meddle AFTER DELETE ON tenants EXECUTE FUNCTION meddle()").await;
        let refused = db.seeder(&["clean"]).expect_code(1);
        assert!(refused.stderr.contains(said), "{refused:#?}");
        assert!(
            refused.stderr.contains(" sample rows are gone; another time it goes on"),
            "{refused:#?}"
        );
        let left = tenants(&db).await;
        assert!(Some(0) < left && left < all, "{left:?} of {all:?}");
        db.execute("DROP TRIGGER meddle ON tenants").await;
        db.execute(MEND).await;
        db.execute("DELETE FROM notes").await;
        db.seeder(&["clean"]).ok();
        assert_eq!(tenants(&db).await, Some(0));
    }
}

async fn on_a_terminal_there_are_bars(db: TestDb) {
    db.migration(&["up"]).ok();
    let seeder = db.bin("seeder").args(&SEVERAL).command();
    let line = [seeder.get_program()].into_iter().chain(seeder.get_args());
    let line: Vec<_> = line.map(|word| word.to_str().unwrap()).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).stdin(std::process::Stdio::null());
    script.envs(seeder.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let shown =
        Ran::from(script.current_dir(db.folder()).env("TERM", "xterm").output().unwrap()).ok();
    let bar =
        shown.stdout.split(['\r', '\n']).find(|line| line.contains("leads ") && line.contains('['));
    assert!(bar.is_some_and(|bar| bar.contains(" of ")), "{shown:#?}");
    assert!(shown.stdout.contains(" a second"), "{shown:#?}");
}

async fn a_larger_set_only_adds(db: TestDb) {
    db.migration(&["up"]).ok();
    db.seeder(&[]).ok();
    let before = db.rows().await;
    db.seeder(&["--tenants", "5", "--edge"]).ok();
    let after = db.rows().await;
    for ((table, before), (_, after)) in before.iter().zip(&after) {
        assert!(before.iter().all(|row| after.contains(row)), "{table}");
        assert!(after.len() > before.len(), "{table}");
    }
    let whole = digest(&db);
    // The smaller one is there.
    assert!(db.seeder(&[]).ok().last_line().starts_with("nothing to insert"));
    assert_eq!(digest(&db), whole);
    db.tenantry(&["validate", "--deep"]).ok();
    db.seeder(&["clean"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 0);
}

async fn rows_of_another_data_set_are_refused(db: TestDb) {
    db.migration(&["up"]).ok();
    db.seeder(&[]).ok();
    let rows = db.rows().await;
    for args in
        [&["--seed", "1"][..], &["--preset", "demo"], &["--as-of", "now"], &["--scale", "2"]]
    {
        let refused = db.seeder(args).expect_code(1).clean_output();
        assert!(refused.error().contains("another data set (v1 seed=0 tenants=2 "), "{refused:#?}");
    }
    assert_eq!(db.rows().await, rows);
    // Killed before there was a tenant, the users are still those of this one.
    db.execute("DELETE FROM tenants").await;
    let refused = db.seeder(&["--seed", "1"]).expect_code(1);
    assert!(refused.error().contains("another data set"), "{refused:#?}");
    db.seeder(&[]).ok();
    assert_eq!(db.rows().await, rows);
    // Whoever says nothing means what is there.
    let mut run = db.bin("tenantry").args(&["run"]).command();
    Ran::from(run.env_remove("SEED_PRESET").output().unwrap()).ok();
    // And whoever says something, how it differs from that.
    let mut larger = db.bin("seeder").args(&["--tenants", "3"]).command();
    Ran::from(larger.env_remove("SEED_PRESET").output().unwrap()).ok();
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 3);
    for args in [
        &["--factor", "lead=2"][..],
        &["--factor", "team_members=2"],
        &["--scale", "4294967.999"],
        &["--preset", "xl", "--scale", "1000", "--tenants", "1", "--factor", "leads=1000"],
        &["--factor", "leads"],
        &["--scale", "1,5"],
        &["--as-of", "yesterday"],
        &["--as-of", "0001-01-01T00:00:00Z"],
        &["--tenants", "0"],
        &["--bulk", "--workers", "2"],
    ] {
        let ran = db.seeder(args).expect_code(2);
        assert!(ran.stderr.contains("error: "), "{ran:#?}");
    }
}

async fn adversarial_rows_are_as_they_should_be(db: TestDb) {
    db.migration(&["up"]).ok();
    db.seeder(&["--edge"]).ok();
    db.tenantry(&["validate", "--deep"]).ok();
    let of = |table: &str, condition: &str| {
        format!(
            "SELECT count(*) FROM {table} x JOIN tenants t ON t.id = x.tenant_id WHERE {condition}"
        )
    };
    // One has nothing at all.
    let empty = "SELECT count(*) FROM tenants t WHERE NOT EXISTS \
                 (SELECT 1 FROM team_members m WHERE m.tenant_id = t.id)";
    assert_eq!(db.number(empty).await, 1);
    // One has NULL wherever it may be, and is the only one without a slug.
    let schema = migration::PROJECT.schema().unwrap();
    for table in schema.tables.values().filter(|table| table.column("tenant_id").is_some()) {
        for column in table.columns.iter().filter(|column| column.nullable) {
            let set = format!("t.slug IS NULL AND x.{} IS NOT NULL", column.name);
            assert_eq!(
                db.number(&of(&table.name, &set)).await,
                0,
                "{}.{}",
                table.name,
                column.name
            );
        }
        assert!(db.number(&of(&table.name, "t.slug IS NULL")).await > 0, "{}", table.name);
    }
    // One writes as much as a column takes.
    for (table, column, length) in [
        ("leads", "name", 200),
        ("leads", "email", 255),
        ("campaigns", "name", 200),
        ("templates", "subject", 255),
        ("inbox_messages", "subject", 500),
        ("companies", "name", 100),
    ] {
        assert!(
            db.number(&of(table, &format!("length(x.{column}) = {length}"))).await > 0,
            "{table}"
        );
    }
    // One has others' addresses, and a user who has seats elsewhere.
    let shared = "SELECT count(*) FROM leads a JOIN leads b ON a.email = b.email \
                  WHERE a.tenant_id <> b.tenant_id";
    assert!(db.number(shared).await >= 16);
    let seats = "SELECT count(*) FROM (SELECT user_id FROM team_members GROUP BY user_id \
                 HAVING count(*) > 1) x";
    assert!(db.number(seats).await > 0);
    assert!(
        db.number(&of("leads", "x.name LIKE '%\u{645}\u{631}\u{62d}\u{628}\u{627}%'")).await > 0
    );
}

async fn one_tenant_is_put_back_alone(db: TestDb) {
    db.migration(&["up"]).ok();
    db.seeder(&["--tenants", "4"]).ok();
    let whole = digest(&db);
    db.execute("DELETE FROM tenants").await;
    db.execute("DELETE FROM users").await;
    // The users of the others, some of whom are guests.
    db.seeder(&["--tenants", "4"]).ok();
    db.execute("DELETE FROM tenants WHERE slug LIKE '%-g007m2'").await;
    db.execute("UPDATE leads SET name = 'Somebody'").await;
    db.seeder(&["verify", "--tenant", "2"]).expect_code(1);
    db.seeder(&["--repair", "--tenant", "2"]).ok();
    let report = db.seeder(&["verify", "--tenant", "2"]).ok();
    assert!(report.last_line().contains(" sample rows are as they were made"), "{report:#?}");
    let report = db.seeder(&["verify", "--json"]).expect_code(1).json();
    let differences = report["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 3, "{report:#}");
    assert!(differences.iter().all(|it| it["table"] == "leads" && it["missing"] == 0));
    let none = db.seeder(&["verify", "--tenant", "5"]).expect_code(2).clean_output();
    assert!(none.error().contains("has no tenant 5"), "{none:#?}");
    db.seeder(&["--repair"]).ok();
    assert_eq!(digest(&db), whole);
}

async fn what_is_in_the_way_is_named(db: TestDb) {
    db.migration(&["up"]).ok();
    db.seeder(&[]).ok();
    let email = "elena.takeda@nightjar-hthtt6.example";
    let there = format!("SELECT count(*) FROM users WHERE email = '{email}'");
    assert_eq!(db.number(&there).await, 1);
    db.seeder(&["clean"]).ok();
    let id = if db.engine == Engine::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    db.execute(&format!("INSERT INTO users (id, email) VALUES ({id}, '{email}')")).await;
    let failed = db.seeder(&[]).expect_code(2).clean_output();
    let said = failed.error();
    assert!(said.contains("a row of users that the seeder did not make"), "{said}");
    assert!(said.contains("email"), "{said}");
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 0);
    assert_eq!(db.number(&there).await, 1);
}

async fn a_plan_touches_nothing(db: TestDb) {
    // Not even a file is made.
    let plan = |args: &[&str]| {
        let args: Vec<&str> = ["plan"].iter().chain(args).copied().collect();
        db.seeder(&args)
    };
    let ran = plan(&["--preset", "xl"]).ok().clean_output();
    assert!(ran.stdout.contains("leads") && ran.last_line().contains(" rows, about "), "{ran:#?}");
    assert!(db.engine != Engine::Sqlite || !db.file().exists());
    db.migration(&["up"]).ok();
    let rows = db.rows().await;
    let report = plan(&["--json"]).ok().json();
    assert_eq!(report["loader"], "insert");
    let planned = report["rows"].as_u64().unwrap();
    let of = |args: &[&str]| plan(&[args, &["--json"]].concat()).ok().json();
    assert!(of(&["--scale", "3"])["rows"].as_u64() > Some(planned));
    let large = of(&["--preset", "dev"]);
    let loader = if db.engine == Engine::Sqlite { "insert-by-unit" } else { "copy" };
    assert_eq!(large["loader"], loader);
    assert_eq!(db.rows().await, rows);
    // What is planned is what comes.
    db.seeder(&[]).ok();
    let report = plan(&["--json"]).ok().json();
    for table in report["tables"].as_array().unwrap() {
        let count =
            db.number(&format!("SELECT count(*) FROM {}", table[0].as_str().unwrap())).await;
        assert_eq!(table[1], Value::from(count), "{table}");
    }
}

/// What was exported and loaded by other means is what the seeder would have made.
#[tokio::test]
async fn exported_rows_are_the_same() {
    let expected = |args: &[&str]| {
        let db = TestDb::new(Engine::Sqlite);
        db.migration(&["up"]).ok();
        db.seeder(args).ok();
        let report = db.seeder(&["verify", "--json"]).ok().json();
        report["tables"].clone()
    };
    let expected = expected(&["--edge"]);
    for (engine, format) in [
        (Engine::Sqlite, "sql"),
        (Engine::Postgres, "sql"),
        (Engine::Postgres, "csv"),
        (Engine::Postgres, "copy"),
    ] {
        let db = TestDb::new(engine);
        db.migration(&["up"]).ok();
        // Nothing else tells which rows they are: the journal has it of those that were there.
        db.seeder(&["--edge"]).ok();
        db.execute("DELETE FROM tenants; DELETE FROM users").await;
        let args = ["export", "--edge", "--format", format, "--to", "rows"];
        let files = db.seeder(&args).ok().stdout;
        let again = db.seeder(&args).expect_code(2).clean_output();
        assert!(again.error().contains("is there already"), "{again:#?}");
        for file in files.lines() {
            let path = db.folder().join(file);
            if format == "sql" {
                db.run_script(file).ok();
                continue;
            }
            let (_, table) = path.file_stem().unwrap().to_str().unwrap().split_once('_').unwrap();
            let options = if format == "csv" { "FORMAT csv, HEADER" } else { "FORMAT text" };
            // A column that came later is at the end of a table, and where the entity has it in a file.
            let def = entity::all().into_iter().find(|def| def.name == table).unwrap();
            let columns = def.columns.join(", ");
            let sql = format!("\\copy {table} ({columns}) FROM '{}' ({options})", path.display());
            let psql = Command::new("psql")
                .args(["-qX", "-v", "ON_ERROR_STOP=1", "-c", &sql, &db.url])
                .output();
            Ran::from(psql.unwrap()).ok();
        }
        let report = db.seeder(&["verify", "--json"]).ok().json();
        assert_eq!(report["tables"], expected, "{engine:?} {format}");
    }
}

/// However rows are loaded, they are the same.
#[tokio::test]
async fn every_loader_makes_the_same_rows() {
    let mut digests = Vec::new();
    let ways: [(Engine, &[&str]); 4] = [
        (Engine::Sqlite, &[]),
        (Engine::Postgres, &[]),
        (Engine::Postgres, &["--workers", "4"]),
        (Engine::Postgres, &["--bulk"]),
    ];
    for (engine, args) in ways {
        let db = TestDb::new(engine);
        db.migration(&["up"]).ok();
        let catalogue = db.catalogue().await;
        db.seeder(&[&SEVERAL, args].concat()).ok();
        digests.push(digest(&db));
        assert_eq!(db.catalogue().await, catalogue, "{args:?}");
        db.migration(&["diff"]).ok();
        db.seeder(&["clean"]).ok();
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:#?}");
}

/// What is taken off for loading comes back, also what was made by hand; where it cannot be
/// taken off, nothing happens.
#[tokio::test]
async fn bulk_loading_is_all_or_nothing() {
    let db = TestDb::new(Engine::Postgres);
    db.migration(&["up"]).ok();
    db.execute(
        "CREATE INDEX \"By Hand\" ON leads (lower(email) DESC) INCLUDE (name) WHERE status <> 'new'",
    )
    .await;
    db.execute("COMMENT ON INDEX leads_tenant_id_email_idx IS 'for the search'").await;
    let comment = "SELECT count(*) FROM pg_description WHERE description = 'for the search'";
    let catalogue = db.catalogue().await;
    let bulk = [&SEVERAL[..], &["--bulk"]].concat();
    let mut killed = 0;
    for after in ["LOCK", "COPY", "CREATE INDEX", "ALTER TABLE"] {
        let mut child = db.bin("seeder").args(&bulk).spawn();
        let doing = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND query LIKE '{after}%' AND application_name LIKE 'tenantry %' AND pid <> pg_backend_pid()"
        );
        while child.try_wait().unwrap().is_none() && db.number(&doing).await == 0 {
            pause();
        }
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name LIKE 'tenantry %' AND pid <> pg_backend_pid()";
        while db.number(left).await > 0 {
            pause();
        }
        assert_eq!(db.catalogue().await, catalogue, "{after}");
        if db.number("SELECT count(*) FROM tenants").await > 0 {
            // It was too late to be killed.
            db.seeder(&["--repair"]).ok();
            db.seeder(&["clean"]).ok();
        }
    }
    assert!(killed > 0);
    db.seeder(&bulk).ok();
    assert_eq!(db.catalogue().await, catalogue);
    assert_eq!(db.number(comment).await, 1);
    digest(&db);
    assert!(db.seeder(&bulk).ok().last_line().starts_with("nothing to insert"));
    db.seeder(&["clean"]).ok();
    db.insert_real_tenant("real").await;
    let refused = db.seeder(&[&bulk[..], &["--alongside"]].concat()).expect_code(1).clean_output();
    assert!(refused.error().contains("--bulk is for empty tables"), "{refused:#?}");
    assert!(refused.error().contains("in tenants;"), "{refused:#?}");
    assert_eq!(db.catalogue().await, catalogue);
    let sqlite = TestDb::new(Engine::Sqlite);
    sqlite.migration(&["up"]).ok();
    let failed = sqlite.seeder(&["--bulk"]).expect_code(2).clean_output();
    assert!(failed.error().contains("--bulk is for a PostgreSQL server"), "{failed:#?}");
}
