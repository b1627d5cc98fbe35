//! What was lost comes back from its backup, and what a user has worked with counts as real.

use crate::support::{Engine, TestDb, all_but, before, migrations};

on_both_engines!(
    every_row_comes_back,
    one_real_row_among_ten_thousand,
    a_lost_column_comes_back,
    what_cannot_come_back_is_said,
    what_the_database_computes_it_computes_again,
    a_row_in_another_ones_place_is_named,
    strange_values_come_back,
    a_file_that_was_cut_off_is_noticed,
    each_part_of_a_divided_call_has_its_file,
    a_backup_takes_nobodys_place,
    a_file_that_is_no_backup_is_refused,
    edited_sample_rows_count_as_real,
    going_forward_loses_nothing_unasked,
    rows_that_went_beside_a_column_come_back,
    what_goes_with_a_deleted_row_counts,
);

/// All rows, without what restoring may not bring back to the letter.
async fn rows(db: &TestDb) -> Vec<(String, Vec<String>)> {
    db.rows().await
}

async fn every_row_comes_back(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("it's \"real\" \\ ☃\n, with a line").await;
    db.execute(
        "INSERT INTO leads (tenant_id, id, email, name) SELECT (SELECT id FROM tenants \
         WHERE name LIKE 'it%'), id, 'a@example.com', 'O''Hara \\ ; -- x' FROM leads",
    )
    .await;
    let before = rows(&db).await;
    for (name, args, up) in [
        ("migration", &["down", "-n", &all_but(0)][..], true),
        ("tenantry", &["rollback"], true),
        ("migration", &["fresh"], false),
        ("migration", &["redo", "-n", &all_but(7)], false),
    ] {
        let file = format!("{}.jsonl", args[0]);
        let hash = db.bin(name).args(args).run().expect_code(1).hash();
        db.bin(name).args(args).args(&["--confirm", &hash, "--backup", &file]).run().ok();
        if up {
            db.migration(&["up"]).ok();
        }
        assert_ne!(rows(&db).await, before, "{name} {args:?}");
        let restored = db.migration(&["restore", &file]).ok();
        assert!(restored.last_line().ends_with("rows restored"), "{restored:#?}");
        assert!(rows(&db).await == before, "{name} {args:?}: {restored:#?}");
        // Once more changes nothing.
        let again = db.migration(&["restore", &file]).ok();
        assert!(again.last_line().starts_with("0 rows restored; "), "{again:#?}");
        assert!(rows(&db).await == before);
        assert_eq!(db.tenantry(&["validate"]).ok().code, 0);
    }
}

async fn one_real_row_among_ten_thousand(db: TestDb) {
    db.migration(&["up"]).ok();
    let open = db.open().await;
    let count = crate::support::samples::more_than_ten_thousand_leads(&open).await;
    open.close().await;
    assert!(count > 10_000);
    db.execute(
        "INSERT INTO leads (tenant_id, id, email) SELECT tenant_id, tenant_id, 'real@example.com' \
         FROM leads LIMIT 1",
    )
    .await;
    let refused = db.migration(&["down", "-n", &all_but(8)]).expect_code(1).clean_output();
    let lines: Vec<&str> = refused.error().lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(lines.len(), 1, "{refused:#?}");
    assert!(lines[0].starts_with("  leads: 1 row, "), "{refused:#?}");
    assert!(lines[0].ends_with("iB"), "{refused:#?}");
    let args = ["down", "-n", &all_but(8), "--backup", "leads.jsonl", "--confirm", &refused.hash()];
    db.migration(&args).ok();
    db.migration(&["up"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM leads").await, 0);
    db.migration(&["restore", "leads.jsonl"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM leads").await, i64::try_from(count).unwrap() + 1);
    let real = "SELECT count(*) FROM leads WHERE email = 'real@example.com'";
    assert_eq!(db.number(real).await, 1);
}

/// Rows that stay get back the column that they have lost.
async fn a_lost_column_comes_back(db: TestDb) {
    let more = |args: &[&str]| db.more(args).run();
    db.tenantry(&["run"]).ok();
    more(&["up"]).ok();
    let text = if db.engine == Engine::Sqlite { "hex(id)" } else { "id" };
    db.execute(&format!("UPDATE leads SET token = {text}")).await;
    // One of the rows is new since, and so is not in the backup.
    let refused = more(&["down"]).expect_code(1);
    assert!(
        refused.error().contains("leads: 43 rows would lose the column token, "),
        "{refused:#?}"
    );
    assert!(refused.error().contains("edited sample rows"), "{refused:#?}");
    more(&["down", "--confirm", &refused.hash(), "--backup", "tokens.jsonl"]).ok();
    more(&["up"]).ok();
    let same = format!("SELECT count(*) FROM leads WHERE token = {text}");
    assert_eq!(db.number(&same).await, 0);
    assert_eq!(more(&["restore", "tokens.jsonl"]).ok().last_line(), "43 rows restored");
    assert_eq!(db.number(&same).await, 43);
}

async fn what_cannot_come_back_is_said(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    db.execute(
        "ALTER TABLE leads ADD COLUMN mood text; CREATE VIEW v AS SELECT 1 AS one FROM leads",
    )
    .await;
    let hash = db.tenantry(&["rollback"]).expect_code(1).hash();
    db.tenantry(&["rollback", "--confirm", &hash, "--backup", "all.jsonl"]).ok();
    db.migration(&["up", "-n", &before("create_email_services")]).ok();
    // A row that stands in the way, and a table that is not there.
    db.execute("INSERT INTO users (id, email) SELECT id, 'x' FROM tenants").await;
    db.execute("DROP INDEX leads_tenant_id_email_idx").await;
    let restored = db.migration(&["restore", "all.jsonl"]).expect_code(1).clean_output();
    for said in [
        "not restored: the table email_services is not there",
        "not restored: the column leads.mood is not there",
        "not restored: the view v, which reads leads",
    ] {
        assert!(restored.stderr.contains(said), "{said}: {restored:#?}");
    }
    assert_eq!(db.number("SELECT count(*) FROM leads").await, 43);
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 3);
    // Rows whose parents are not there are named one by one, and the others come back.
    db.migration(&["up"]).ok();
    db.tenantry(&["rollback"]).expect_code(1);
    let parents = "DELETE FROM inbox_messages; DELETE FROM payments; DELETE FROM team_members";
    db.execute(parents).await;
    db.execute("DELETE FROM users WHERE email LIKE '%a%'").await;
    let restored = db.migration(&["restore", "all.jsonl"]);
    assert!(restored.code <= 1, "{restored:#?}");
}

async fn a_row_in_another_ones_place_is_named(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.migration(&["down", "-n", &all_but(7), "--backup", "lost"]).ok();
    db.migration(&["up"]).ok();
    db.migration(&["restore", "lost"]).ok();
    // One has the unique columns of another; and one is not as it was.
    let id = if db.engine == Engine::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    let first = "email = (SELECT min(email) FROM email_accounts)";
    db.execute(&format!("UPDATE email_accounts SET id = {id} WHERE {first}")).await;
    db.execute("UPDATE leads SET name = 'Somebody' WHERE email = (SELECT max(email) FROM leads)")
        .await;
    let before = rows(&db).await;
    let restored = db.migration(&["restore", "lost"]).expect_code(1).clean_output();
    for said in
        ["another row has what must be unique of it", "the row that is there now is not the same"]
    {
        assert_eq!(restored.stderr.matches(said).count(), 1, "{said}: {restored:#?}");
    }
    assert_eq!(restored.stderr.matches("not restored: ").count(), 2, "{restored:#?}");
    assert!(restored.last_line().starts_with("0 rows restored; "), "{restored:#?}");
    assert!(rows(&db).await == before);
}

async fn strange_values_come_back(db: TestDb) {
    db.migration(&["up"]).ok();
    let (id, json) = match db.engine {
        Engine::Sqlite => ("x'0000000000004000800000000000000A'", "'null'"),
        _ => ("'00000000-0000-4000-8000-00000000000a'", "'null'::jsonb"),
    };
    let text = match db.engine {
        Engine::Sqlite => "'C:\new' || char(0) || 'after' || char(10)",
        _ => "E'C:\\\\new\\ttab\\nline \"quoted\" 😀'",
    };
    db.execute(&format!(
        "INSERT INTO tenants (id, name) VALUES ({id}, {text}); \
         INSERT INTO email_services (tenant_id, id, provider, config) VALUES ({id}, {id}, {text}, {json})"
    ))
    .await;
    if db.engine == Engine::Postgres {
        // As a server may be set.
        let name = &db.server().name;
        db.server().execute_as_superuser(&format!(
            "ALTER DATABASE \"{name}\" SET standard_conforming_strings = off"
        ));
    }
    let shown = async || {
        let open = db.open().await;
        let sql = match db.engine {
            Engine::Sqlite => "SELECT hex(provider) || hex(config) AS name FROM email_services",
            _ => "SELECT provider || config::text AS name FROM email_services",
        };
        let shown = crate::support::texts(&open.connection, sql).await;
        open.close().await;
        shown
    };
    let before = shown().await;
    assert_eq!(before.len(), 1);
    let hash = db.migration(&["fresh"]).expect_code(1).hash();
    db.migration(&["fresh", "--confirm", &hash, "--backup", "all"]).ok();
    // Nothing of it is logged.
    let restored = db.migration(&["-v", "restore", "all"]).ok();
    assert!(!restored.stderr.contains("C:"), "{restored:#?}");
    assert_eq!(shown().await, before);
}

async fn a_file_that_was_cut_off_is_noticed(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.migration(&["down", "-n", &all_but(7), "--backup", "lost"]).ok();
    db.migration(&["up"]).ok();
    let path = db.folder().join("lost");
    let text = std::fs::read_to_string(&path).unwrap();
    let half: Vec<&str> = text.lines().take(9).collect();
    std::fs::write(db.folder().join("half"), half.join("\n")).unwrap();
    let restored = db.migration(&["restore", "half"]).expect_code(1).clean_output();
    assert!(restored.stderr.contains("it was cut off or altered"), "{restored:#?}");
    assert_eq!(restored.last_line(), "6 rows restored");
    assert_eq!(db.migration(&["restore", "lost"]).ok().code, 0);
    // Nor is bookkeeping brought back.
    let forged = text.replace("\"table\":\"leads\"", "\"table\":\"seaql_migrations\"");
    std::fs::write(db.folder().join("forged"), forged).unwrap();
    let restored = db.migration(&["restore", "forged"]).expect_code(1);
    assert!(restored.stderr.contains("seaql_migrations, which is bookkeeping"), "{restored:#?}");
    // And no half-written file is taken over.
    std::fs::write(db.folder().join("next.partial"), "precious").unwrap();
    db.tenantry(&["rollback", "--backup", "next"]).expect_code(2);
    assert_eq!(std::fs::read_to_string(db.folder().join("next.partial")).unwrap(), "precious");
}

async fn what_the_database_computes_it_computes_again(db: TestDb) {
    db.migration(&["up"]).ok();
    let stored = if db.engine == Engine::Sqlite { "VIRTUAL" } else { "STORED" };
    let columns = format!(
        "ALTER TABLE users ADD COLUMN shown text GENERATED ALWAYS AS (name || ' <' || email || '>') {stored}"
    );
    let numbered = "ALTER TABLE users ADD COLUMN number int GENERATED ALWAYS AS IDENTITY";
    let add = async || {
        db.execute(&columns).await;
        if db.engine == Engine::Postgres {
            db.execute(numbered).await;
        }
    };
    let insert = |id: &'static str| {
        let id = if db.engine == Engine::Sqlite { format!("x'{id}'") } else { format!("'{id}'") };
        format!("INSERT INTO users (id, email, name) VALUES ({id}, {id}, 'N')")
    };
    add().await;
    db.execute(&insert("00000000000000000000000000000001")).await;
    let before = rows(&db).await;
    let hash = db.migration(&["fresh"]).expect_code(1).hash();
    db.migration(&["fresh", "--confirm", &hash, "--backup", "users.jsonl"]).ok();
    add().await;
    // That columns added by hand did not come back by themselves is said.
    let restored = db.migration(&["restore", "users.jsonl"]).expect_code(1);
    assert_eq!(restored.last_line(), "1 row restored");
    assert!(rows(&db).await == before);
    db.execute(&insert("00000000000000000000000000000003")).await;
    if db.engine == Engine::Postgres {
        assert_eq!(db.number("SELECT max(number)::bigint FROM users").await, 2);
    }
}

/// A migration outside of a transaction divides it: what comes before is committed when what comes
/// after has not begun.
async fn each_part_of_a_divided_call_has_its_file(db: TestDb) {
    let more = |args: &[&str]| db.more(args).run();
    db.tenantry(&["run"]).ok();
    more(&["up"]).ok();
    if db.engine == Engine::Postgres {
        // Something else than the default would count as real.
        let zero = "'00000000-0000-0000-0000-000000000000'::uuid";
        let all = "UPDATE leads SET token = DEFAULT";
        db.execute(&format!("ALTER TABLE leads ALTER token SET DEFAULT {zero}; {all}")).await;
    }
    let before = rows(&db).await;
    more(&["down", "-n", &(migrations() + 2).to_string(), "--backup", "a"]).ok();
    more(&["up"]).ok();
    // The first has all that the call was going to lose, the second what was there later.
    more(&["restore", "a"]).ok();
    let zero = "SELECT count(*) FROM leads WHERE token::text LIKE '00000000%'";
    assert!(db.engine == Engine::Sqlite || db.number(zero).await == 43);
    assert!(rows(&db).await == before);
    let again = more(&["restore", "a.2"]).ok();
    assert!(again.last_line().starts_with("0 rows restored; "), "{again:#?}");
}

async fn a_backup_takes_nobodys_place(db: TestDb) {
    db.tenantry(&["run"]).ok();
    std::fs::write(db.folder().join("mine"), "precious").unwrap();
    let refused = db.tenantry(&["rollback", "--backup", "mine"]).expect_code(2).clean_output();
    assert!(refused.error().contains("mine exists already"), "{refused:#?}");
    assert_eq!(std::fs::read_to_string(db.folder().join("mine")).unwrap(), "precious");
    let nowhere = db.tenantry(&["rollback", "--backup", "no/such/folder"]).expect_code(2);
    assert!(nowhere.error().contains("cannot write the backup"), "{nowhere:#?}");
    assert_eq!(db.number("SELECT count(*) FROM leads").await, 43);
    // A backup of what was refused is no backup.
    db.insert_real_tenant("real").await;
    db.tenantry(&["rollback", "--backup", "fine"]).expect_code(1);
    let files: Vec<String> = std::fs::read_dir(db.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("fine"))
        .collect();
    assert!(files.is_empty(), "{files:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let hash = db.tenantry(&["rollback"]).expect_code(1).hash();
        db.tenantry(&["rollback", "--backup", "fine", "--confirm", &hash]).ok();
        let mode = std::fs::metadata(db.folder().join("fine")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "rows are for the owner only");
    }
}

async fn a_file_that_is_no_backup_is_refused(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let before = rows(&db).await;
    let other = if db.engine == Engine::Sqlite { "postgres" } else { "sqlite" };
    let header = |engine: &str| {
        format!(
            "{{\"version\":1,\"engine\":\"{engine}\",\"made_at\":\"\",\"command\":\"\",\
             \"not_included\":[]}}\n"
        )
    };
    let table = "#{\"table\":\"leads\",\"columns\":[\"tenant_id\",\"id\",\"email\"],\
                 \"key\":[\"tenant_id\",\"id\"],\"lost\":[],\"rows\":true}\n";
    let injected = "{\"tenant_id\":\"(SELECT 1)\",\"id\":\"1); DELETE FROM leads; --\",\
                    \"email\":\"'a'\"}\n";
    for (text, code) in [
        (String::new(), 2),
        ("no backup".to_owned(), 2),
        (header(other), 2),
        (format!("{}#nonsense\n", header(db.engine.name())), 2),
        (format!("{}{table}nonsense\n", header(db.engine.name())), 1),
        (format!("{}{table}{injected}", header(db.engine.name())), 1),
    ] {
        std::fs::write(db.folder().join("file"), &text).unwrap();
        let ran = db.migration(&["restore", "file"]).expect_code(code).clean_output();
        assert!(!ran.stderr.is_empty());
        assert!(rows(&db).await == before, "{text}");
    }
    db.migration(&["restore", "nowhere"]).expect_code(2);
}

async fn edited_sample_rows_count_as_real(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let own = "UPDATE leads SET name = 'Somebody' WHERE email = (SELECT min(email) FROM leads)";
    db.execute(own).await;
    for (name, args) in [
        ("migration", &["down", "-n", &all_but(8)][..]),
        ("tenantry", &["rollback"]),
        ("migration", &["fresh"]),
        ("seeder", &["clean"]),
    ] {
        let refused = db.bin(name).args(args).run().expect_code(1).clean_output();
        let lines: Vec<&str> = refused.error().lines().filter(|it| it.starts_with("  ")).collect();
        assert_eq!(lines.len(), 1, "{name} {args:?}: {refused:#?}");
        assert!(lines[0].starts_with("  leads: 43 rows"), "{refused:#?}");
        assert!(lines[0].ends_with("edited sample rows"), "{refused:#?}");
    }
    // Seeding again does not make it the seeder's.
    db.execute("DELETE FROM email_services").await;
    db.seeder(&[]).ok();
    assert_eq!(db.number("SELECT count(*) FROM email_services").await, 2);
    let refused = db.migration(&["down", "-n", &all_but(8)]).expect_code(1);
    assert!(refused.error().contains("leads: 43 rows"), "{refused:#?}");
    // A migration that adds a column edits nothing.
    let clean = db.seeder(&["clean"]).expect_code(1).hash();
    db.seeder(&["clean", "--confirm", &clean]).ok();
    db.seeder(&[]).ok();
    db.execute("ALTER TABLE leads ADD COLUMN extra text").await;
    db.seeder(&["clean"]).ok();
    db.seeder(&[]).ok();
    db.migration(&["down", "-n", &all_but(9)]).ok();
}

/// A migration that drops something asks on the way up, too.
async fn going_forward_loses_nothing_unasked(db: TestDb) {
    use migration::{Error, Runner};
    use sea_orm::ConnectionTrait as _;
    use sea_orm_migration::MigrationTrait;

    use crate::journal::Sql;
    let made = || Sql("m1_a", "CREATE TABLE a (id int, b int)", "DROP TABLE a");
    let open = db.open().await;
    let connection = &open.connection;
    for (name, up) in [
        ("m2_drop", "DROP TABLE a"),
        ("m2_column", "ALTER TABLE a DROP COLUMN b"),
        ("m2_delete", "DELETE FROM a WHERE id > 0"),
    ] {
        let runner = |migrations: Vec<Box<dyn MigrationTrait>>| {
            Runner::of(connection, migrations, "seaql_migrations").unwrap()
        };
        let both = || -> Vec<Box<dyn MigrationTrait>> {
            vec![Box::new(made()), Box::new(Sql(name, up, "SELECT 1"))]
        };
        runner(vec![Box::new(made())]).up(None).await.unwrap();
        connection.execute_unprepared("INSERT INTO a VALUES (1, 2)").await.unwrap();
        let Err(Error::Refused(refusal)) = runner(both()).up(None).await else {
            panic!("{name} asked for no consent")
        };
        assert_eq!((refusal.losses[0].table.as_str(), refusal.losses[0].real_rows), ("a", 1));
        assert_eq!(db.number("SELECT count(*) FROM a WHERE b = 2").await, 1);
        // Rows come and go while an application runs; what is consented to is the loss itself.
        connection.execute_unprepared("INSERT INTO a VALUES (3, 4)").await.unwrap();
        runner(both()).confirm(refusal.hash).up(None).await.unwrap();
        let all = "DROP TABLE IF EXISTS a; DROP TABLE seaql_migrations; \
                   DROP TABLE seaql_migrations_journal";
        connection.execute_unprepared(all).await.unwrap();
    }
    open.close().await;
}

async fn what_goes_with_a_deleted_row_counts(db: TestDb) {
    use migration::{Error, Runner};
    use sea_orm::ConnectionTrait as _;
    use sea_orm_migration::MigrationTrait;

    use crate::journal::Sql;
    let open = db.open().await;
    let runner = || {
        let made = Sql(
            "m1_a",
            "CREATE TABLE a (id int PRIMARY KEY); \
             CREATE TABLE b (a int REFERENCES a (id) ON DELETE CASCADE); \
             CREATE TABLE c (a int REFERENCES a (id) ON DELETE SET NULL)",
            "SELECT 1",
        );
        let deleted = Sql("m2_b", "DELETE FROM a", "SELECT 1");
        let all: Vec<Box<dyn MigrationTrait>> = vec![Box::new(made), Box::new(deleted)];
        Runner::of(&open.connection, all, "seaql_migrations").unwrap()
    };
    runner().up(Some(1)).await.unwrap();
    let rows = "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1), (1); INSERT INTO c VALUES (1)";
    open.connection.execute_unprepared(rows).await.unwrap();
    let Err(Error::Refused(refusal)) = runner().up(None).await else {
        panic!("asked for no consent")
    };
    let losses: Vec<_> =
        refusal.losses.iter().map(|it| (it.table.as_str(), it.real_rows)).collect();
    assert_eq!(losses, [("a", 1), ("b", 2), ("c", 1)]);
    open.close().await;
}

/// One call that takes a column from a table and deletes some of its rows.
async fn rows_that_went_beside_a_column_come_back(db: TestDb) {
    use migration::{Error, Runner, backup};
    use sea_orm::ConnectionTrait as _;
    use sea_orm_migration::MigrationTrait;

    use crate::journal::Sql;
    let open = db.open().await;
    let runner = |second: Sql| {
        let made = Sql("m1_a", "CREATE TABLE a (id int PRIMARY KEY, b int, c int)", "SELECT 1");
        let all: Vec<Box<dyn MigrationTrait>> = vec![Box::new(made), Box::new(second)];
        Runner::of(&open.connection, all, "seaql_migrations").unwrap()
    };
    let less = || {
        let less = "DELETE FROM a WHERE id = 1; ALTER TABLE a DROP COLUMN c";
        Sql("m2_less", less, "ALTER TABLE a ADD COLUMN c int")
    };
    runner(less()).up(Some(1)).await.unwrap();
    let rows = "INSERT INTO a VALUES (1, 10, 100), (2, 20, 200)";
    open.connection.execute_unprepared(rows).await.unwrap();
    let Err(Error::Refused(refusal)) = runner(less()).up(None).await else {
        panic!("asked for no consent")
    };
    let file = db.folder().join("lost");
    let confirmed = runner(less()).confirm(refusal.hash).backup(Some(file.clone()));
    confirmed.up(None).await.unwrap();
    runner(less()).down(Some(1)).await.unwrap();
    let restored = backup::restore(&open, &file).await.unwrap();
    assert_eq!(restored.not_restored, Vec::<String>::new());
    let sum = "SELECT sum(id + b + c) FROM a";
    assert_eq!(db.number(&format!("SELECT CAST(({sum}) AS bigint)")).await, 333);
    open.close().await;
}
