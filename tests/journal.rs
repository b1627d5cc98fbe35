//! What the database knows of its migrations: order, states, targets, adoption, repair, and the
//! environment.

use migration::{Currency, Migrator, MigratorTrait as _, Runner, ensure_current};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::support::{self, Bin, Engine, TestDb, all_but, number, texts};

on_both_engines!(
    every_event_is_noted,
    targets_are_names_or_parts_of_them,
    redo_does_it_again,
    what_comes_late_is_refused_and_undone_first,
    an_edit_is_found_and_accepted,
    a_missing_one_is_accepted,
    a_repair_needs_something_to_repair_and_a_reason,
    a_database_of_sea_orm_migration_is_adopted,
    what_the_other_program_did_meanwhile_is_noted,
    tables_that_are_there_are_taken_as_applied,
    tables_that_differ_are_not,
    a_record_that_is_not_kept_is_noticed,
    the_gate_tells_current_behind_and_ahead,
    production_stays_production,
    a_role_that_only_reads_sees_the_status,
);

async fn journal(db: &TestDb) -> Vec<String> {
    let open = db.open().await;
    let sql = "SELECT event || ' ' || name FROM seaql_migrations_journal WHERE event <> 'within' \
               ORDER BY number";
    let events = texts(&open.connection, sql).await;
    open.close().await;
    events
}

async fn every_event_is_noted(db: TestDb) {
    let bin =
        |args: &[&str]| db.bin("migration").env("TENANTRY_ACTOR", "deploy 17").args(args).run();
    bin(&["up", "-n", "2"]).ok();
    bin(&["down"]).ok();
    bin(&["up", "-n", "1"]).ok();
    let (first, second) = ("m20261122_000001_create_tenants", "m20261122_000002_create_users");
    assert_eq!(
        journal(&db).await,
        [
            format!("applied {first}"),
            format!("applied {second}"),
            format!("rolled_back {second}"),
            format!("applied {second}")
        ]
    );
    let status = db.migration(&["status", "--json"]).ok().json();
    let entry = &status["migrations"][1];
    // PostgreSQL's transactions are noted too.
    let order = if db.engine == Engine::Sqlite { 4 } else { 6 };
    assert_eq!((entry["order"].as_i64(), entry["state"].as_str()), (Some(order), Some("applied")));
    assert!(entry["duration_ms"].as_i64().is_some());
    let actor = entry["actor"].as_str().unwrap();
    match db.engine {
        Engine::Sqlite => assert_eq!(actor, "deploy 17"),
        _ => assert_eq!(actor, format!("deploy 17 as {}", db.server().name)),
    }
    assert_eq!(entry["tool"], concat!("tenantry ", env!("CARGO_PKG_VERSION")));
    assert!(!entry["host"].as_str().unwrap().is_empty());
    // Once everything is rolled back, nothing of it is left either.
    db.migration(&["reset"]).ok();
    assert_eq!(db.tables().await, Vec::<String>::new());
}

async fn targets_are_names_or_parts_of_them(db: TestDb) {
    db.migration(&["up", "--to", "create_payments"]).ok();
    assert_eq!(
        db.migration(&["status"]).ok().last_line(),
        format!("5 applied, {} pending", support::migrations() - 5)
    );
    db.migration(&["up", "--to", "m20261122_000009_create_leads"]).ok();
    db.migration(&["down", "--to", "create_users"]).ok();
    assert_eq!(
        db.migration(&["status"]).ok().last_line(),
        format!("2 applied, {} pending", support::migrations() - 2)
    );
    let several = db.migration(&["up", "--to", "create"]).expect_code(2);
    assert!(several.error().contains("m20261122_000001_create_tenants"), "{several:#?}");
    // Whoever is there already is where they want to be.
    assert_eq!(db.migration(&["up", "--to", "create_users"]).ok().last_line(), "nothing to apply");
    let none = db.migration(&["up", "--to", "create_nothing"]).expect_code(2).clean_output();
    assert!(none.error().contains("no migration is named `create_nothing`"), "{none:#?}");
    let several = db.migration(&["up", "--to", "compan"]).expect_code(2).clean_output();
    assert!(several.error().contains("several migrations have `compan`"), "{several:#?}");
    let late = db.migration(&["down", "--to", "create_leads"]).expect_code(1).clean_output();
    assert!(late.error().contains("create_leads is not applied"), "{late:#?}");
    db.migration(&["up", "--to", "create_leads", "-n", "1"]).expect_code(2);
}

async fn redo_does_it_again(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let before = db.catalogue().await;
    // From the one on that makes `templates`.
    let again = support::migrations() - 10;
    let redone = db.migration(&["redo", "-n", &again.to_string()]).ok();
    assert_eq!(
        redone.last_line(),
        format!("{again} migrations rolled back, {again} migrations applied")
    );
    assert_eq!(db.catalogue().await, before);
    assert_eq!(db.number("SELECT count(*) FROM templates").await, 0);
    // One question covers both halves.
    db.insert_real_tenant("real").await;
    let refused = db.migration(&["redo", "-n", &all_but(0)]).expect_code(1);
    db.migration(&["redo", "-n", &all_but(0), "--confirm", &refused.hash()]).ok();
    assert_eq!(db.catalogue().await, before);
}

/// A migration that makes or changes one table.
pub struct Sql(pub &'static str, pub &'static str, pub &'static str);

impl MigrationName for Sql {
    fn name(&self) -> &str {
        self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Sql {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.1).await.map(|_| ())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.2).await.map(|_| ())
    }
}

const A: Sql = Sql("m1_a", "CREATE TABLE a (id int)", "DROP TABLE a");
const B: Sql = Sql("m2_b", "CREATE TABLE b (id int)", "DROP TABLE b");
const C: Sql = Sql("m3_c", "CREATE TABLE c (id int)", "DROP TABLE c");

fn runner(db: &DatabaseConnection, migrations: Vec<Sql>) -> Runner<'_> {
    let boxed = |one| Box::new(one) as Box<dyn MigrationTrait>;
    Runner::of(db, migrations.into_iter().map(boxed).collect(), "seaql_migrations").unwrap()
}

/// As a merged branch brings it.
async fn what_comes_late_is_refused_and_undone_first(db: TestDb) {
    use migration::runner::{Command, Up};
    let open = db.open().await;
    let connection = &open.connection;
    runner(connection, vec![A, C]).up(None).await.unwrap();
    let merged = runner(connection, vec![A, B, C]);
    let states: Vec<String> =
        merged.status().await.unwrap().iter().map(|it| it.state.to_string()).collect();
    assert_eq!(states, ["applied", "out of order", "applied"]);
    let refused = merged.up(None).await.unwrap_err();
    assert_eq!(refused.exit_code(), 1);
    assert!(
        refused.to_string().contains("m2_b would be applied out of order: m3_c comes"),
        "{refused}"
    );
    let up = Command::Up(Up { out_of_order: true, ..Up::default() });
    assert_eq!(merged.run(&up).await.unwrap().applied, ["m2_b"]);
    // What was applied last goes first, whatever the list says.
    assert_eq!(merged.down(Some(1)).await.unwrap().rolled_back, ["m2_b"]);
    assert_eq!(merged.run(&up).await.unwrap().applied, ["m2_b"]);
    assert_eq!(merged.down(None).await.unwrap().rolled_back, ["m2_b", "m3_c", "m1_a"]);
    open.close().await;
}

async fn an_edit_is_found_and_accepted(db: TestDb) {
    use migration::runner::{Resolution, State};
    const EDITED: Sql = Sql("m1_a", "CREATE TABLE a (id int, more int)", "DROP TABLE a");
    let open = db.open().await;
    let connection = &open.connection;
    runner(connection, vec![A]).up(None).await.unwrap();
    let edited = runner(connection, vec![EDITED, B]);
    assert_eq!(edited.status().await.unwrap()[0].state, State::Edited);
    let refused = edited.up(None).await.unwrap_err();
    assert!(refused.to_string().contains("m1_a was edited after it was applied"), "{refused}");
    assert_eq!(number(connection, "SELECT count(*) FROM seaql_migrations").await, 1);
    // With nothing to build on it, it keeps no program from starting.
    runner(connection, vec![EDITED]).up(None).await.unwrap();
    connection.execute_unprepared("ALTER TABLE a ADD COLUMN more int").await.unwrap();
    let names = ["m1_a".to_owned()];
    let repaired = edited.repair(&names, Resolution::Applied, "added by hand").await.unwrap();
    assert_eq!(repaired[0].state, State::Edited);
    let state = &edited.status().await.unwrap()[0];
    assert_eq!((state.state, state.note.as_deref()), (State::Applied, Some("added by hand")));
    assert_eq!(edited.up(None).await.unwrap().applied, ["m2_b"]);
    // Another effect again, another edit.
    assert_eq!(runner(connection, vec![A, B]).status().await.unwrap()[0].state, State::Edited);
    open.close().await;
}

async fn a_missing_one_is_accepted(db: TestDb) {
    db.migration(&["up"]).ok();
    db.execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m1_other', 1)").await;
    let refused = db.migration(&["down"]).expect_code(1).clean_output();
    assert!(refused.error().contains("accept it with `repair`"), "{refused:#?}");
    db.migration(&["repair", "m1_other", "--reason", "of a plugin"]).ok();
    let status = db.migration(&["status"]).ok();
    assert!(status.stdout.contains("accepted      m1_other"), "{status:#?}");
    assert!(status.stdout.contains("(of a plugin)"), "{status:#?}");
    // And it stays so, whatever is called afterwards.
    for _ in 0..2 {
        assert_eq!(db.migration(&["up"]).ok().last_line(), "nothing to apply");
        let status = db.migration(&["status", "--exit-code"]).ok();
        assert!(status.stdout.contains("accepted      m1_other"), "{status:#?}");
    }
    db.migration(&["down", "-n", "1"]).expect_code(1);
}

async fn a_repair_needs_something_to_repair_and_a_reason(db: TestDb) {
    db.migration(&["up"]).ok();
    let name = "m20261122_000009_create_leads";
    let before = journal(&db).await;
    let refused = db.migration(&["repair", name, "--reason", "x"]).expect_code(1).clean_output();
    assert!(refused.error().contains("is applied, so there is nothing to repair"), "{refused:#?}");
    db.migration(&["repair", name]).expect_code(2);
    db.migration(&["repair", name, "--reason", " "]).expect_code(2);
    db.migration(&["repair", "--reason", "x"]).expect_code(2);
    db.migration(&["repair", "m1_nobody", "--reason", "x"]).expect_code(2);
    db.migration(&["repair", "create", "--reason", "x"]).expect_code(2);
    assert_eq!(journal(&db).await, before);
}

/// The same migrations, run by sea-orm-migration itself.
struct Plain;

impl sea_orm_migration::MigratorTrait for Plain {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Migrator::migrations()
    }
}

async fn a_database_of_sea_orm_migration_is_adopted(db: TestDb) {
    let open = db.open().await;
    Plain::up(&open.connection, Some(9)).await.unwrap();
    let status = db.migration(&["status"]).ok();
    assert_eq!(status.last_line(), format!("9 applied, {} pending", support::migrations() - 9));
    assert_eq!(
        db.migration(&["up"]).ok().last_line(),
        format!("{} migrations applied", support::migrations() - 9)
    );
    let events = journal(&db).await;
    assert_eq!(events[0], "adopted m20261122_000001_create_tenants");
    assert_eq!(events[8], "adopted m20261122_000009_create_leads");
    assert_eq!(events[12], "applied m20261122_000013_create_email_services");
    assert_eq!(events.len(), support::migrations());
    // The other program can go on from here, and we from there.
    Plain::down(&open.connection, Some(2)).await.unwrap();
    Plain::up(&open.connection, None).await.unwrap();
    open.close().await;
    db.migration(&["up"]).ok();
    db.tenantry(&["run"]).ok();
    db.migration(&["down", "-n", &all_but(0)]).ok();
}

async fn what_the_other_program_did_meanwhile_is_noted(db: TestDb) {
    db.migration(&["up", "-n", "10"]).ok();
    let open = db.open().await;
    Plain::down(&open.connection, Some(1)).await.unwrap();
    Plain::up(&open.connection, Some(2)).await.unwrap();
    open.close().await;
    db.migration(&["up", "-n", "1"]).ok();
    let events = journal(&db).await;
    assert_eq!(events[10], "adopted m20261122_000011_create_templates", "{events:#?}");
    let open = db.open().await;
    Plain::down(&open.connection, Some(2)).await.unwrap();
    open.close().await;
    db.migration(&["down", "-n", "1"]).ok();
    let events = journal(&db).await;
    assert!(events.contains(&"rolled_back m20261122_000012_create_inbox_messages".to_owned()));
    assert_eq!(
        db.migration(&["status"]).ok().last_line(),
        format!("9 applied, {} pending", support::migrations() - 9)
    );
    db.migration(&["up"]).ok();
}

async fn tables_that_are_there_are_taken_as_applied(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let wanted = db.catalogue().await;
    db.execute("DROP TABLE seaql_migrations; DROP TABLE seaql_migrations_journal").await;
    let rows = db.rows().await;
    assert_eq!(
        db.migration(&["baseline"]).ok().last_line(),
        format!("{} migrations recorded as applied", support::migrations())
    );
    assert_eq!(db.catalogue().await, wanted);
    assert_eq!(db.rows().await, rows);
    assert_eq!(
        db.migration(&["status", "--exit-code"]).ok().last_line(),
        format!("{} applied, 0 pending", support::migrations())
    );
    assert_eq!(db.migration(&["baseline"]).ok().last_line(), "nothing to record");
    // What the seeder has noted is gone too, so its rows count as real.
    let hash = db.tenantry(&["rollback"]).expect_code(1).hash();
    db.tenantry(&["rollback", "--confirm", &hash]).ok();
    // Only the first of them are there.
    db.migration(&["up", "-n", "4"]).ok();
    db.execute("DROP TABLE seaql_migrations; DROP TABLE seaql_migrations_journal").await;
    db.migration(&["baseline"]).expect_code(1);
    db.migration(&["baseline", "--to", "create_companies"]).ok();
    let rest = format!("{} migrations applied", support::migrations() - 4);
    assert_eq!(db.migration(&["up"]).ok().last_line(), rest);
}

async fn tables_that_differ_are_not(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.execute(
        "DROP TABLE seaql_migrations; DROP TABLE seaql_migrations_journal; \
         ALTER TABLE leads ADD COLUMN by_hand text; DROP INDEX leads_tenant_id_email_idx",
    )
    .await;
    let before = db.catalogue().await;
    let refused = db.migration(&["baseline"]).expect_code(1).clean_output();
    assert!(refused.error().contains("the column leads.by_hand is dropped"), "{refused:#?}");
    assert!(refused.error().contains("leads_tenant_id_email_idx"), "{refused:#?}");
    assert_eq!(refused.error().trim().lines().count(), 4, "{refused:#?}");
    assert_eq!(db.catalogue().await, before);
}

/// What is recorded is looked at, so that a trigger or a rule cannot swallow it.
async fn a_record_that_is_not_kept_is_noticed(db: TestDb) {
    db.migration(&["up"]).ok();
    let swallow = match db.engine {
        Engine::Sqlite => {
            "CREATE TRIGGER t BEFORE DELETE ON seaql_migrations BEGIN SELECT raise(IGNORE); END"
        }
        _ => "CREATE RULE r AS ON DELETE TO seaql_migrations DO INSTEAD NOTHING",
    };
    db.execute(swallow).await;
    let before = db.catalogue().await;
    let failed = db.migration(&["down"]).expect_code(2).clean_output();
    assert!(failed.error().contains("does not keep what is recorded in it"), "{failed:#?}");
    assert_eq!(db.catalogue().await, before);
    db.execute(match db.engine {
        Engine::Sqlite => "DROP TRIGGER t",
        _ => "DROP RULE r ON seaql_migrations",
    })
    .await;
    // The same holds for the journal.
    let swallow = match db.engine {
        Engine::Sqlite => {
            "CREATE TRIGGER t BEFORE INSERT ON seaql_migrations_journal BEGIN SELECT raise(IGNORE); END"
        }
        _ => "CREATE RULE r AS ON INSERT TO seaql_migrations_journal DO INSTEAD NOTHING",
    };
    db.execute(swallow).await;
    let failed = db.migration(&["down"]).expect_code(2).clean_output();
    assert!(failed.error().contains("does not keep what is written into it"), "{failed:#?}");
    let say = ["repair", "--environment", "production", "--reason", "x"];
    db.migration(&say).expect_code(2);
    db.execute(match db.engine {
        Engine::Sqlite => "DROP TRIGGER t",
        _ => "DROP RULE r ON seaql_migrations_journal",
    })
    .await;
    // And a number after which none comes is no panic.
    db.execute(
        "UPDATE seaql_migrations_journal SET number = 9223372036854775807 \
         WHERE number = (SELECT max(number) FROM seaql_migrations_journal)",
    )
    .await;
    let failed = db.migration(&["down"]).expect_code(2).clean_output();
    assert!(failed.error().contains("it was altered by hand"), "{failed:#?}");
}

async fn the_gate_tells_current_behind_and_ahead(db: TestDb) {
    let open = db.open().await;
    let connection = &open.connection;
    let all: Vec<String> = Migrator::migrations().iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(ensure_current(connection).await.unwrap(), Currency::Behind(all.clone()));
    assert_eq!(db.tables().await, Vec::<String>::new());
    Migrator::up(connection, Some(11)).await.unwrap();
    assert_eq!(ensure_current(connection).await.unwrap(), Currency::Behind(all[11..].to_vec()));
    Migrator::up(connection, None).await.unwrap();
    assert_eq!(ensure_current(connection).await.unwrap(), Currency::Current);
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9_newer', 1)";
    connection.execute_unprepared(newer).await.unwrap();
    assert_eq!(ensure_current(connection).await.unwrap(), Currency::Ahead(vec!["m9_newer".into()]));
    open.close().await;
}

/// What was production when it was migrated is production wherever a copy of it goes.
async fn production_stays_production(db: TestDb) {
    let up = || db.bin("migration").args(&["up"]);
    up().env("APP_ENV", "production").run().ok();
    assert!(journal(&db).await.contains(&"environment production".to_owned()));
    for (name, args) in [("migration", &["down"][..]), ("tenantry", &["rollback"])] {
        for environment in ["", "development"] {
            let bin = db.bin(name).args(args).env("APP_ENV", environment);
            let refused = bin.run().expect_code(1).clean_output();
            assert!(!refused.hash().is_empty());
        }
    }
    // Sample rows do not belong there, whatever this process is.
    let status = db.migration(&["status"]).ok();
    assert!(status.stdout.contains("environment   production"), "{status:#?}");
    let refused = db.seeder(&[]).expect_code(1);
    assert!(refused.error().contains("belongs to production"), "{refused:#?}");
    let ran = db.tenantry(&["run"]);
    assert!(ran.stdout.contains("skipped: this is production"), "{ran:#?}");
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 0);
    // Another environment does not take its place by itself, not even after everything was dropped.
    let fresh = db.migration(&["fresh"]).expect_code(1).hash();
    let bin = db.bin("migration").args(&["fresh", "--confirm", &fresh]);
    bin.env("APP_ENV", "development").run().ok();
    db.migration(&["down"]).expect_code(1);
    // Nothing is asked where nothing goes.
    db.migration(&["up"]).ok();
    // But the user can say so.
    let said = ["repair", "--environment", "development", "--reason", "anonymised"];
    db.migration(&said).ok();
    db.migration(&["down"]).ok();
    // And what becomes production later is so from then on.
    up().run().ok();
    db.migration(&["down"]).ok();
    up().env("APP_ENV", "Production").run().ok();
    db.migration(&["down"]).expect_code(1);
}

async fn a_role_that_only_reads_sees_the_status(db: TestDb) {
    db.migration(&["up", "-n", "9"]).ok();
    let wanted = db.migration(&["status"]).ok().stdout;
    let url = match db.engine {
        Engine::Sqlite => format!("{}?mode=ro", db.url),
        _ => {
            let role = db.server().role("");
            db.server().execute_as_superuser(&format!(
                "GRANT USAGE ON SCHEMA public TO {role}; \
                 GRANT SELECT ON seaql_migrations, seaql_migrations_journal TO {role}; \
                 ALTER ROLE {role} SET default_transaction_read_only = on"
            ));
            db.server().url_as(&role, crate::support::postgres::SECRET)
        }
    };
    let status = |args: &[&str]| {
        Bin::new("migration", db.folder()).env("DATABASE_URL", &url).args(args).run()
    };
    assert_eq!(status(&["status"]).ok().stdout, wanted);
    status(&["status", "--exit-code"]).expect_code(1);
    if db.engine == Engine::Sqlite {
        let before = std::fs::read(db.file()).unwrap();
        status(&["status"]).ok();
        assert_eq!(std::fs::read(db.file()).unwrap(), before);
    }
}
