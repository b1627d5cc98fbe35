//! No real row is lost unasked, and consent covers exactly what was shown.

use std::io::Write as _;

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use crate::support::{Engine, Ran, TestDb, all_but, pause};

on_both_engines!(
    sample_rows_need_no_consent,
    every_destructive_command_refuses_real_rows,
    consent_covers_exactly_what_was_shown,
    what_was_made_by_hand_is_named,
    tables_of_others_stay,
    a_table_that_refers_to_ours_is_named,
    production_always_needs_consent,
    only_the_tables_that_go_are_counted,
    fresh_mends_lost_bookkeeping,
    a_yes_on_a_terminal_is_consent,
    copied_ids_make_no_sample_rows,
    a_hole_in_the_bookkeeping_is_mended_by_fresh,
    history_of_another_program_is_named,
    what_others_refer_to_does_not_go_first,
    one_row_for_another_voids_consent,
);

/// However the history came into disorder: what refers to the rows of a table would go with them.
async fn what_others_refer_to_does_not_go_first(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    db.execute(
        "INSERT INTO leads (tenant_id, id, email) SELECT id, id, 'real@example.com' FROM tenants \
         WHERE name = 'real'",
    )
    .await;
    let disorder = "UPDATE seaql_migrations_journal SET number = 9999 \
                    WHERE event = 'applied' AND name LIKE '%create_tenants'";
    db.execute(disorder).await;
    let before = (db.catalogue().await, db.rows().await);
    let refused = db.migration(&["down"]).expect_code(1).clean_output();
    assert!(refused.error().contains("refers to"), "{refused:#?}");
    assert!((db.catalogue().await, db.rows().await) == before);
    // Where consent helps, it costs the references and no row.
    if db.engine == Engine::Postgres {
        let said = "made by hand: the table leads, which refers to tenants";
        assert!(refused.error().contains(said), "{refused:#?}");
        db.migration(&["down", "--confirm", &refused.hash()]).ok();
        assert_eq!(db.number("SELECT count(*) FROM leads").await, 44);
    }
}

/// Consent is to the loss of these rows, not of as many others.
async fn one_row_for_another_voids_consent(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let insert = async |byte: &str| {
        let id = match db.engine {
            Engine::Sqlite => {
                format!("x'{0}{0}{0}{0}{0}{0}4{1}{0}8{1}{0}{0}{0}{0}{0}{0}{0}'", byte, &byte[..1])
            }
            _ => format!(
                "'{0}{0}{0}{0}-{0}{0}-4{1}{0}-8{1}{0}-{0}{0}{0}{0}{0}{0}'",
                byte,
                &byte[..1]
            ),
        };
        let row = format!("INSERT INTO users (id, email) VALUES ({id}, '{byte}@example.com')");
        db.execute(&row).await;
    };
    insert("ff").await;
    insert("11").await;
    let hash = db.tenantry(&["rollback"]).expect_code(1).hash();
    db.execute("DELETE FROM users WHERE email = '11@example.com'").await;
    insert("22").await;
    let refused = with_hash(&db, "tenantry", &["rollback"], &hash).expect_code(1);
    assert!(refused.error().contains("does not fit"), "{refused:#?}");
    // Nor other ids that add up to the same, nor the same row with something else in it.
    db.execute("DELETE FROM users WHERE email IN ('ff@example.com', '22@example.com')").await;
    for byte in ["11", "44"] {
        insert(byte).await;
    }
    let hash = db.tenantry(&["rollback"]).expect_code(1).hash();
    db.execute("DELETE FROM users WHERE email IN ('11@example.com', '44@example.com')").await;
    for byte in ["22", "33"] {
        insert(byte).await;
    }
    with_hash(&db, "tenantry", &["rollback"], &hash).expect_code(1);
    let hash = db.tenantry(&["rollback"]).expect_code(1).hash();
    db.execute("UPDATE users SET name = 'important' WHERE email = '22@example.com'").await;
    with_hash(&db, "tenantry", &["rollback"], &hash).expect_code(1);
    db.execute("DELETE FROM users WHERE email IN ('22@example.com', '33@example.com')").await;
    // Nor as much else done with sample rows.
    db.execute("DELETE FROM users WHERE email IN ('ff@example.com', '22@example.com')").await;
    db.execute("UPDATE leads SET name = 'a' WHERE email = (SELECT min(email) FROM leads)").await;
    let hash = db.tenantry(&["rollback"]).expect_code(1).hash();
    db.execute("UPDATE leads SET name = 'hours of work'").await;
    with_hash(&db, "tenantry", &["rollback"], &hash).expect_code(1);
    // A hash for one database is none for another.
    let other = TestDb::new(db.engine);
    other.tenantry(&["run"]).ok();
    for db in [&db, &other] {
        db.execute("UPDATE leads SET name = 'the same'").await;
    }
    let hash = db.seeder(&["clean"]).expect_code(1).hash();
    other.seeder(&["clean", "--confirm", &hash]).expect_code(1);
    db.seeder(&["clean", "--confirm", &hash]).ok();
}

/// Every command that drops tables, with the binary it belongs to.
const DESTRUCTIVE: [(&str, &[&str]); 6] = [
    ("tenantry", &["rollback"]),
    ("migration", &["down", "-n", "1000"]),
    ("migration", &["fresh"]),
    ("migration", &["refresh"]),
    ("migration", &["reset"]),
    ("migration", &["redo", "-n", "1000"]),
];

const TRIGGER: &str = "CREATE TRIGGER watch AFTER DELETE ON leads BEGIN SELECT 1; END";
const TRIGGER_PG: &str = "CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS \
                          $$ BEGIN RETURN NULL; END $$; \
                          CREATE TRIGGER watch AFTER DELETE ON leads EXECUTE FUNCTION watch()";

fn with_hash(db: &TestDb, name: &str, args: &[&str], hash: &str) -> Ran {
    db.bin(name).args(args).args(&["--confirm", hash]).run()
}

async fn sample_rows_need_no_consent(db: TestDb) {
    for (name, args) in DESTRUCTIVE {
        db.tenantry(&["run"]).ok();
        db.bin(name).args(args).run().ok();
        let has_rows = db.tables().await.contains(&"tenants".to_owned())
            && db.number("SELECT count(*) FROM tenants").await > 0;
        assert!(!has_rows, "{name} {args:?}");
    }
}

async fn every_destructive_command_refuses_real_rows(db: TestDb) {
    for (name, args) in DESTRUCTIVE {
        let db = TestDb::new(db.engine);
        db.tenantry(&["run"]).ok();
        db.insert_real_tenant("one").await;
        let (catalogue, rows) = (db.catalogue().await, db.rows().await);
        let refused = db.bin(name).args(args).run().expect_code(1).clean_output();
        assert!(refused.error().contains("\n  tenants: 1 row, "), "{refused:#?}");
        assert_eq!(
            refused.error().matches(" row").count(),
            2,
            "only tables with real rows: {refused:#?}"
        );
        with_hash(&db, name, args, "0123456789ab").expect_code(1);
        assert_eq!(db.catalogue().await, catalogue, "{name} {args:?}");
        assert_eq!(db.rows().await, rows, "{name} {args:?}");
        // With the printed hash it goes, unless another row came in between.
        db.insert_real_tenant("two").await;
        let again = with_hash(&db, name, args, &refused.hash()).expect_code(1).clean_output();
        assert!(again.error().contains("tenants: 2 rows"), "{again:#?}");
        assert!(again.error().contains("does not fit"), "{again:#?}");
        assert_ne!(again.hash(), refused.hash());
        with_hash(&db, name, args, &again.hash()).ok();
    }
}

async fn consent_covers_exactly_what_was_shown(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("one").await;
    let hash = db.migration(&["reset"]).expect_code(1).hash();
    assert_eq!(
        db.migration(&["reset"]).expect_code(1).hash(),
        hash,
        "the same question, the same hash"
    );
    // One row replaced by another leaves the count as it was.
    db.execute("DELETE FROM tenants WHERE name = 'one'").await;
    db.insert_real_tenant("another").await;
    let other = with_hash(&db, "migration", &["reset"], &hash).expect_code(1).hash();
    assert_ne!(other, hash);
    // The hash of one database is void for another.
    let elsewhere = TestDb::new(db.engine);
    elsewhere.tenantry(&["run"]).ok();
    elsewhere.insert_real_tenant("one").await;
    with_hash(&elsewhere, "migration", &["reset"], &hash).expect_code(1);
    // The hash of one command is void for one that drops something else.
    // And it has to fit even where none was needed.
    with_hash(&db, "migration", &["down", "-n", &all_but(1)], &other).expect_code(1);
    db.migration(&["down", "-n", &all_but(1)]).ok();
    with_hash(&db, "migration", &["down"], &other).expect_code(1);
}

async fn what_was_made_by_hand_is_named(db: TestDb) {
    for (sql, named) in [
        ("ALTER TABLE leads ADD COLUMN mood text", "the column leads.mood"),
        ("CREATE INDEX by_hand ON leads (name)", "the index by_hand on leads"),
        ("CREATE VIEW v AS SELECT email FROM leads", "the view v, which reads leads"),
        (
            "CREATE VIEW v AS SELECT email FROM leads; CREATE VIEW a AS SELECT * FROM v",
            "the view a, which reads v",
        ),
        (TRIGGER, "the trigger watch on leads"),
    ] {
        let db = TestDb::new(db.engine);
        let sql = if db.engine == Engine::Postgres && sql == TRIGGER { TRIGGER_PG } else { sql };
        db.tenantry(&["run"]).ok();
        db.execute(sql).await;
        let refused = db.tenantry(&["rollback"]).expect_code(1).clean_output();
        assert!(refused.error().contains(&format!("made by hand: {named}")), "{refused:#?}");
        assert!(!refused.error().contains("rows would be lost"), "{refused:#?}");
        with_hash(&db, "tenantry", &["rollback"], &refused.hash()).ok();
        assert_eq!(db.tables().await, Vec::<String>::new());
    }
}

async fn tables_of_others_stay(db: TestDb) {
    db.execute("CREATE TABLE notes (id int); INSERT INTO notes VALUES (1)").await;
    db.tenantry(&["run"]).ok();
    for (name, args) in
        [("migration", &["fresh"][..]), ("migration", &["refresh"]), ("tenantry", &["rollback"])]
    {
        db.bin(name).args(args).run().ok();
        assert_eq!(db.number("SELECT count(*) FROM notes").await, 1, "{name} {args:?}");
    }
    assert_eq!(db.tables().await, ["notes"]);
}

async fn a_table_that_refers_to_ours_is_named(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let uuid = if db.engine == Engine::Sqlite { "uuid_text" } else { "uuid" };
    db.execute(&format!(
        "CREATE TABLE notes (id int, t {uuid} REFERENCES tenants (id) ON DELETE CASCADE); \
         INSERT INTO notes SELECT 1, id FROM tenants"
    ))
    .await;
    let refused = db.tenantry(&["rollback"]).expect_code(1).clean_output();
    assert!(refused.error().contains("the table notes, which refers to tenants"), "{refused:#?}");
    if db.engine == Engine::Sqlite {
        // A foreign key cannot be taken from a table here, and without that its rows would go.
        assert!(refused.error().contains("drop the table that has it first"), "{refused:#?}");
        assert!(!refused.stderr.contains("--confirm"), "{refused:#?}");
    } else {
        with_hash(&db, "tenantry", &["rollback"], &refused.hash()).ok();
        assert_eq!(db.tables().await, ["notes"]);
    }
    assert_eq!(db.number("SELECT count(*) FROM notes").await, 2);
}

async fn production_always_needs_consent(db: TestDb) {
    db.tenantry(&["run"]).ok();
    for (name, args) in DESTRUCTIVE {
        let refused = db.bin(name).env("APP_ENV", "production").args(args).run().expect_code(1);
        assert!(!refused.hash().is_empty());
    }
    let bin = || db.bin("tenantry").env("APP_ENV", "production").args(&["rollback"]);
    let hash = bin().run().hash();
    bin().args(&["--confirm", &hash]).run().ok();
}

async fn only_the_tables_that_go_are_counted(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    db.migration(&["down", "-n", &all_but(10)]).ok();
    assert_eq!(db.tables().await.len(), 12);
    db.migration(&["down", "-n", "10"]).expect_code(1);
}

async fn fresh_mends_lost_bookkeeping(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.execute("DROP TABLE seaql_migrations").await;
    let up = db.migration(&["up"]).expect_code(2).clean_output();
    assert!(up.error().contains("tenants") && up.error().contains("`fresh`"), "{up:#?}");
    // Nothing is recorded, so every row may be a real one.
    let refused = db.migration(&["fresh"]).expect_code(1);
    with_hash(&db, "migration", &["fresh"], &refused.hash()).ok();
    db.tenantry(&["run"]).ok();
}

async fn a_yes_on_a_terminal_is_consent(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    // `script` runs its command on a terminal of its own.
    let on_a_terminal = |answer: &str| {
        let bin = db.bin("tenantry").command();
        let mut script = std::process::Command::new("script");
        script
            .args(["--quiet", "--return", "--echo", "never", "--command"])
            .arg(format!("{} rollback", bin.get_program().to_str().unwrap()))
            .arg("/dev/null")
            .env_clear()
            .env("DATABASE_URL", &db.url)
            .current_dir(db.folder());
        let mut child = script
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        Ran::from(child.wait_with_output().unwrap())
    };
    let no = on_a_terminal("no\n").expect_code(1);
    assert!(no.stdout.contains("tenants: 1 row") && no.stdout.contains("not confirmed"), "{no:#?}");
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 3);
    let yes = on_a_terminal("yes\n").expect_code(0);
    assert!(yes.stdout.contains("nothing of ours is left"), "{yes:#?}");
    // On a pipe there is no question.
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    db.bin("tenantry").args(&["rollback"]).run_with_input("yes\n").expect_code(1);
}

/// A key is `(tenant_id, id)`, so a real tenant's row may have the id of a sample row.
async fn copied_ids_make_no_sample_rows(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    db.execute(
        "INSERT INTO leads (tenant_id, id, email) SELECT \
         (SELECT id FROM tenants WHERE name = 'real'), id, 'copied' FROM leads",
    )
    .await;
    let refused = db.migration(&["down", "-n", &all_but(8)]).expect_code(1);
    assert!(refused.error().contains("leads: 43 rows"), "{refused:#?}");
    db.seeder(&["clean"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM leads").await, 43);
}

async fn a_hole_in_the_bookkeeping_is_mended_by_fresh(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.execute("DELETE FROM seaql_migrations WHERE version LIKE '%create_tenants'").await;
    let refused = db.migration(&["up"]).expect_code(1).clean_output();
    assert!(refused.error().contains("would be applied out of order"), "{refused:#?}");
    db.migration(&["up", "--out-of-order"]).expect_code(2);
    let refused = db.migration(&["fresh"]).expect_code(1).clean_output();
    assert!(refused.error().contains("made by hand: "), "{refused:#?}");
    with_hash(&db, "migration", &["fresh"], &refused.hash()).ok();
    db.tenantry(&["run"]).ok();
}

async fn history_of_another_program_is_named(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m1_other', 1)").await;
    let refused = db.migration(&["fresh"]).expect_code(1).clean_output();
    assert!(refused.error().contains("what m1_other did"), "{refused:#?}");
    // Whatever hangs on the bookkeeping would go with it.
    db.execute(
        "DELETE FROM seaql_migrations WHERE version = 'm1_other'; CREATE TABLE mine \
         (v varchar REFERENCES seaql_migrations (version) ON DELETE CASCADE)",
    )
    .await;
    let refused = db.migration(&["fresh"]).expect_code(1).clean_output();
    assert!(
        refused.error().contains("the table mine, which refers to seaql_migrations"),
        "{refused:#?}"
    );
}

/// SQLite does not tell names by their case.
#[tokio::test]
async fn names_in_another_case_are_the_same_names() {
    let db = TestDb::new(Engine::Sqlite);
    db.tenantry(&["run"]).ok();
    db.execute(
        "CREATE TABLE notes (t, l, FOREIGN KEY (t, l) REFERENCES Leads (tenant_id, id) \
         ON DELETE CASCADE); INSERT INTO notes SELECT tenant_id, id FROM leads LIMIT 1",
    )
    .await;
    let refused = db.migration(&["down", "--to", "create_email_accounts"]).expect_code(1);
    assert!(refused.error().contains("the table notes, which refers to leads"), "{refused:#?}");
    db.execute("DROP TABLE notes; ALTER TABLE leads RENAME TO zz; ALTER TABLE zz RENAME TO Leads")
        .await;
    // Under a name in another case it is the same table, with rows that are not known as the seeder's.
    let refused = db.migration(&["down", "--to", "create_email_accounts"]).expect_code(1);
    assert!(refused.error().contains("\n  Leads: 43 rows, "), "{refused:#?}");
    assert_eq!(db.number("SELECT count(*) FROM leads").await, 43);
}

/// Roles and schemas of PostgreSQL that could hide rows from the count, or lead a DROP astray.
#[tokio::test]
async fn nothing_hides_rows_from_the_count() {
    let db = TestDb::new(Engine::Postgres);
    let name = db.server().name.clone();
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    for (damage, undo, code) in [
        (
            "ALTER TABLE tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
             CREATE POLICY p ON tenants USING (false)"
                .to_owned(),
            "DROP POLICY p ON tenants; ALTER TABLE tenants NO FORCE ROW LEVEL SECURITY, \
             DISABLE ROW LEVEL SECURITY"
                .to_owned(),
            2,
        ),
        (
            format!("ALTER ROLE {name} SET default_transaction_isolation = 'serializable'"),
            format!("ALTER ROLE {name} RESET default_transaction_isolation"),
            1,
        ),
        (
            format!("ALTER ROLE {name} SET quote_all_identifiers = on"),
            format!("ALTER ROLE {name} RESET quote_all_identifiers"),
            1,
        ),
    ] {
        db.server().execute_as_superuser(&damage);
        for (bin, args) in [("tenantry", &["rollback"][..]), ("migration", &["fresh"])] {
            let ran = db.bin(bin).args(args).run().expect_code(code).clean_output();
            assert!(
                code == 2 || ran.error().contains("\n  tenants: 1 row, "),
                "{damage}: {ran:#?}"
            );
        }
        if code == 2 {
            db.seeder(&["clean"]).expect_code(2);
        }
        db.server().execute_as_superuser(&undo);
        assert_eq!(db.number("SELECT count(*) FROM tenants").await, 3, "{damage}");
    }
}

#[tokio::test]
async fn another_schemas_tables_are_nobodys_business() {
    let db = TestDb::new(Engine::Postgres);
    let name = db.server().name.clone();
    db.tenantry(&["run"]).ok();
    db.execute(
        "CREATE SCHEMA shared; CREATE TABLE shared.leads (id int); \
         CREATE TABLE shared.seaql_migrations (version varchar, applied_at bigint); \
         CREATE TABLE shared.audit (lead int); CREATE TABLE audit (lead int); \
         ALTER TABLE shared.leads ADD PRIMARY KEY (id); \
         ALTER TABLE audit ADD FOREIGN KEY (lead) REFERENCES shared.leads (id)",
    )
    .await;
    db.server()
        .execute_as_superuser(&format!("ALTER ROLE {name} SET search_path = public, shared"));
    // A table of that name elsewhere is not ours, and a key to it does not refer to ours.
    db.tenantry(&["rollback"]).ok();
    db.tenantry(&["rollback"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM shared.seaql_migrations").await, 0);
    db.tenantry(&["run"]).ok();
    db.execute("ALTER TABLE public.leads RENAME TO hidden").await;
    db.migration(&["down", "-n", &all_but(8)]).expect_code(2);
    assert_eq!(db.number("SELECT count(*) FROM shared.leads").await, 0);
    assert_eq!(
        db.number("SELECT count(*) FROM pg_constraint WHERE conrelid = 'audit'::regclass").await,
        1
    );
}

#[tokio::test]
async fn what_hangs_on_our_tables_from_afar_is_named_and_cut() {
    let db = TestDb::new(Engine::Postgres);
    db.tenantry(&["run"]).ok();
    db.execute(
        "CREATE SCHEMA crm; CREATE TABLE crm.notes (u uuid REFERENCES users (id)); \
         CREATE VIEW crm.report AS SELECT email FROM leads; CREATE TABLE report (id int); \
         CREATE TABLE late (u uuid); \
         ALTER TABLE late ADD FOREIGN KEY (u) REFERENCES users (id) NOT VALID; \
         CREATE TABLE events (u uuid REFERENCES users (id)) PARTITION BY HASH (u); \
         CREATE TABLE events_0 PARTITION OF events FOR VALUES WITH (MODULUS 1, REMAINDER 0); \
         CREATE TABLE old_leads () INHERITS (leads); \
         CREATE MATERIALIZED VIEW counts AS SELECT count(*) FROM users",
    )
    .await;
    let refused = db.tenantry(&["rollback"]).expect_code(1).clean_output();
    for named in [
        "the table crm.notes, which refers to users",
        "the view crm.report, which reads leads",
        "the table late, which refers to users",
        "the table events, which refers to users",
        "the table old_leads, which inherits from leads",
        "the view counts, which reads users",
    ] {
        assert!(refused.error().contains(named), "{named}: {refused:#?}");
    }
    with_hash(&db, "tenantry", &["rollback"], &refused.hash()).ok();
    assert_eq!(db.tables().await, ["events", "events_0", "late", "old_leads", "report"]);
}

/// While the user thinks, no other session waits.
#[tokio::test]
async fn the_question_holds_no_lock() {
    use std::io::Read as _;
    let db = TestDb::new(Engine::Postgres);
    db.tenantry(&["run"]).ok();
    db.insert_real_tenant("real").await;
    let bin = db.bin("tenantry").command();
    let mut child = std::process::Command::new("script")
        .args(["--quiet", "--return", "--echo", "never", "--command"])
        .arg(format!("{} rollback", bin.get_program().to_str().unwrap()))
        .arg("/dev/null")
        .env_clear()
        .env("DATABASE_URL", &db.url)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    let mut stdout = child.stdout.take().unwrap();
    while !shown.contains("Type yes") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{shown}");
        shown.push(char::from(byte[0]));
    }
    let held = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                WHERE l.mode = 'AccessExclusiveLock' AND c.relname = 'tenants'";
    assert_eq!(db.number(held).await, 0);
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 3);
    child.stdin.take().unwrap().write_all(b"no\n").unwrap();
    child.wait().unwrap();
}

/// A row that is committed while the command waits for the lock is counted, whatever the role's
/// default isolation.
#[tokio::test]
async fn a_row_that_comes_while_the_guard_waits_is_counted() {
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let db = TestDb::new(Engine::Postgres);
        let name = &db.server().name;
        db.tenantry(&["run"]).ok();
        db.server().execute_as_superuser(&format!(
            "ALTER ROLE {name} SET default_transaction_isolation = '{isolation}'"
        ));
        let open = db.open().await;
        let holder = open.connection.begin().await.unwrap();
        holder.execute_unprepared("INSERT INTO tenants (name) VALUES ('late')").await.unwrap();
        let child = db.bin("tenantry").args(&["rollback"]).spawn();
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                       AND mode = 'AccessExclusiveLock' AND database = \
                       (SELECT oid FROM pg_database WHERE datname = current_database())";
        while db.number(waiting).await == 0 {
            pause();
        }
        holder.commit().await.unwrap();
        let refused = Ran::from(child.wait_with_output().unwrap()).expect_code(1);
        assert!(refused.error().contains("tenants: 1 row"), "{isolation}: {refused:#?}");
        assert_eq!(db.number("SELECT count(*) FROM tenants").await, 3, "{isolation}");
        open.close().await;
    }
}
