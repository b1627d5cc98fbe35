//! The sample rows: related, complete, the same everywhere, and gone without a trace.

use entity::prelude::*;
use sea_orm::{ActiveEnum, Iterable};
use seeder::{Preset, Spec, factory};
use serde_json::{Value, json};

use crate::support::{self, Engine, Ran, TestDb, migrations, pause, sample_rows};

on_both_engines!(
    seeding_fills_every_table,
    seeding_again_changes_nothing,
    clean_takes_exactly_the_sample_rows,
    clean_refuses_when_real_rows_hang_on_sample_rows,
    clean_refuses_when_rows_of_others_hang_on_sample_rows,
    clean_sees_columns_made_by_hand,
    what_differs_from_what_was_made_is_found,
    what_is_said_is_what_is_there,
    real_tenants_are_left_alone,
    production_is_refused,
    a_database_without_tables_is_named,
    other_columns_than_the_entities_are_named,
    every_enum_value_is_present,
    values_are_plausible_and_addresses_reserved,
);

/// Every row as its model serialises, `email_services.config` included.
async fn models(db: &TestDb) -> Value {
    let open = db.open().await;
    let conn = &open.connection;
    macro_rules! all {
        ($($entity:ident),*) => {
            json!([$($entity::find().order_by_asc(<$entity as EntityTrait>::Column::Id).all(conn).await.unwrap()),*])
        };
    }
    let rows = all![
        Tenant,
        User,
        TeamMember,
        Company,
        Payment,
        Domain,
        CompanySettings,
        EmailAccount,
        Lead,
        Campaign,
        Template,
        InboxMessage,
        EmailService
    ];
    let configs: Vec<Value> = EmailService::find()
        .order_by_asc(email_service::Column::Id)
        .all(conn)
        .await
        .unwrap()
        .into_iter()
        .map(|service| service.config.0)
        .collect();
    open.close().await;
    json!([rows, configs])
}

#[tokio::test]
async fn the_rows_are_the_same_on_both_engines() {
    let mut sets = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let db = TestDb::new(engine);
        db.migration(&["up"]).ok();
        db.seeder(&[]).ok();
        sets.push(models(&db).await);
    }
    assert_eq!(sets[0], sets[1]);
}

async fn seeding_fills_every_table(db: TestDb) {
    db.migration(&["up"]).ok();
    let ran = db.seeder(&[]).ok().clean_output();
    assert_eq!(ran.last_line(), format!("{} sample rows inserted", sample_rows()));
    for (table, rows) in db.rows().await {
        assert!(!rows.is_empty(), "{table}");
        let line = format!("{table:<16} {:>6}", rows.len());
        assert!(ran.stdout.lines().any(|l| l == line), "{line} in {}", ran.stdout);
    }
}

async fn seeding_again_changes_nothing(db: TestDb) {
    db.migration(&["up"]).ok();
    db.seeder(&[]).ok();
    let rows = db.rows().await;
    let again = db.seeder(&[]).ok();
    assert_eq!(
        again.stdout.trim(),
        format!("nothing to insert: all {} sample rows are there", sample_rows())
    );
    assert_eq!(db.rows().await, rows);
    // An edited sample row stays edited.
    db.execute("UPDATE tenants SET name = 'Edited' WHERE slug LIKE 'nightjar-%'").await;
    db.seeder(&[]).ok();
    assert_eq!(db.number("SELECT count(*) FROM tenants WHERE name = 'Edited'").await, 1);
}

async fn clean_takes_exactly_the_sample_rows(db: TestDb) {
    db.migration(&["up"]).ok();
    db.insert_real_tenant("real").await;
    let before = db.rows().await;
    db.seeder(&["--alongside"]).ok();
    assert_ne!(db.rows().await, before);
    let cleaned = db.seeder(&["clean"]).ok();
    assert_eq!(cleaned.last_line(), format!("{} sample rows removed", sample_rows()));
    assert_eq!(db.rows().await, before);
    let again = db.seeder(&["clean"]).ok();
    assert_eq!(again.stdout.trim(), "nothing to remove: there are no sample rows");
}

async fn clean_refuses_when_real_rows_hang_on_sample_rows(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let open = db.open().await;
    let company = Company::find().one(&open.connection).await.unwrap().unwrap();
    let campaign = campaign::ActiveModel {
        tenant_id: Set(company.tenant_id),
        company_id: Set(company.id),
        name: Set("real work".into()),
        ..ActiveModelBehavior::new()
    };
    let campaign = campaign.insert(&open.connection).await.unwrap();
    let rows = db.rows().await;
    let refused = db.seeder(&["clean"]).expect_code(1).clean_output();
    assert!(refused.error().contains("campaigns"), "{refused:#?}");
    assert_eq!(db.rows().await, rows);
    campaign.delete(&open.connection).await.unwrap();
    open.close().await;
    db.seeder(&["clean"]).ok();
}

async fn clean_refuses_when_rows_of_others_hang_on_sample_rows(db: TestDb) {
    let (uuid, schema) = match db.engine {
        Engine::Sqlite => ("uuid_text", ""),
        _ => ("uuid", "crm."),
    };
    if db.engine != Engine::Sqlite {
        db.execute("CREATE SCHEMA crm").await;
    }
    db.tenantry(&["run"]).ok();
    for sql in [
        format!(
            "CREATE TABLE {schema}notes (u {uuid} REFERENCES users (id) ON DELETE CASCADE); \
                 INSERT INTO {schema}notes SELECT id FROM users"
        ),
        // A key that was added by hand to one of ours, on a real row of a real tenant.
        format!(
            "DROP TABLE {schema}notes; ALTER TABLE leads ADD owner {uuid} REFERENCES users (id) \
                 ON DELETE CASCADE"
        ),
    ] {
        db.execute(&sql).await;
        if sql.contains("owner") {
            db.insert_real_tenant("real").await;
            let id =
                if db.engine == Engine::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
            db.execute(&format!(
                "INSERT INTO leads (tenant_id, id, email, owner) SELECT t.id, {id}, 'a', u.id \
                 FROM tenants t, users u WHERE t.name = 'real' AND u.name = 'Elena Takeda'"
            ))
            .await;
        }
        let rows = db.rows().await;
        let refused = db.seeder(&["clean"]).expect_code(1).clean_output();
        let table =
            if sql.contains("owner") { "leads".to_owned() } else { format!("{schema}notes") };
        assert!(refused.error().contains(&format!("in {table}:")), "{refused:#?}");
        assert_eq!(db.rows().await, rows);
    }
}

/// What was added to our tables by hand counts as real work there.
async fn clean_sees_columns_made_by_hand(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.execute("ALTER TABLE leads ADD COLUMN note text").await;
    db.execute("UPDATE leads SET note = 'called on monday'").await;
    let refused = db.seeder(&["clean"]).expect_code(1);
    assert!(refused.error().contains("leads: 43 rows"), "{refused:#?}");
    // A row that was deleted and came back is no edit.
    db.execute("ALTER TABLE leads DROP COLUMN note").await;
    db.execute("DELETE FROM leads WHERE email = (SELECT min(email) FROM leads)").await;
    db.seeder(&["--repair"]).ok();
    assert_eq!(
        db.seeder(&["clean"]).ok().last_line(),
        format!("{} sample rows removed", sample_rows())
    );
    // Nor is anything clean that is not noted.
    db.seeder(&[]).ok();
    db.execute("DELETE FROM seaql_migrations_journal WHERE event = 'seeded'").await;
    let refused = db.seeder(&["clean"]).expect_code(1);
    assert!(refused.error().contains("leads: 43 rows"), "{refused:#?}");
    // Consent is to what is in the rows now, and not only to how many there are.
    db.execute("UPDATE leads SET name = 'Somebody'").await;
    db.seeder(&["clean", "--confirm", &refused.hash()]).expect_code(1);
}

async fn what_differs_from_what_was_made_is_found(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let clean = db.seeder(&["verify"]).ok();
    assert!(
        clean
            .last_line()
            .starts_with(&format!("{} sample rows are as they were made: ", sample_rows())),
        "{clean:#?}"
    );
    // A real row beside them is nothing to verify.
    db.insert_real_tenant("real").await;
    assert_eq!(db.seeder(&["verify"]).ok().stdout, clean.stdout);
    db.execute("UPDATE leads SET name = 'Somebody' WHERE email = (SELECT min(email) FROM leads)")
        .await;
    db.execute("DELETE FROM inbox_messages WHERE id = (SELECT id FROM inbox_messages LIMIT 1)")
        .await;
    let report = db.seeder(&["verify", "--json"]).expect_code(1).json();
    let differences = report["differences"].as_array().unwrap();
    let sum = |table: &str, what: &str| -> u64 {
        let own = differences.iter().filter(|it| it["table"] == table);
        own.map(|it| it[what].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("leads", "changed"), sum("leads", "missing")), (1, 0), "{report:#}");
    assert_eq!(sum("inbox_messages", "missing"), 1, "{report:#}");
    let tables = report["tables"].as_array().unwrap();
    let same = tables.iter().filter(|it| it["digest"] == it["expected"]).count();
    assert_eq!((tables.len(), same), (support::tables(), support::tables() - 2), "{report:#}");
    let deep = db.tenantry(&["validate", "--deep"]).expect_code(1);
    assert!(deep.stdout.contains("sample-rows-altered: leads: "), "{deep:#?}");
    // Nor is what was not planned as it was made.
    let stranger = seeder::tenant(Spec { tenants: 3, ..Spec::preset(Preset::Tiny) }, 3);
    let open = db.open().await;
    factory::tenant::row(&stranger).insert(&open.connection).await.unwrap();
    factory::company::row(&stranger, 0).insert(&open.connection).await.unwrap();
    open.close().await;
    let text = db.seeder(&["verify"]).expect_code(1).stdout;
    let strange = format!("companies of {}: 0 missing, 0 changed, 1 not of", stranger.id);
    assert!(text.contains(&strange), "{text}");
    let open = db.open().await;
    factory::tenant::row(&stranger).delete(&open.connection).await.unwrap();
    open.close().await;
    let text = db.seeder(&["verify"]).expect_code(1).stdout;
    assert!(text.contains("leads of Kingsway Collective (g007m2): 0 missing, 1 changed"), "{text}");
    let repaired = db.seeder(&["--repair"]).ok();
    assert_eq!(repaired.last_line(), "1 sample rows created, 1 updated");
    assert_eq!(db.seeder(&["verify"]).ok().stdout, clean.stdout);
    // Also where two have exchanged what has to be unique.
    let open = db.open().await;
    let users = User::find().all(&open.connection).await.unwrap();
    open.close().await;
    let [one, other] = [&users[0].email, &users[1].email];
    for (from, to) in [(one.as_str(), "between"), (other, one), ("between", other)] {
        db.execute(&format!("UPDATE users SET email = '{to}' WHERE email = '{from}'")).await;
    }
    // And what is real is not touched, whatever id it has.
    let open = db.open().await;
    let tenants = entity::prelude::Tenant::find().all(&open.connection).await.unwrap();
    let real = tenants.iter().find(|tenant| tenant.name == "real").unwrap();
    let domain = Domain::find().one(&open.connection).await.unwrap().unwrap();
    let own = domain::ActiveModel { tenant_id: Set(real.id), ..domain.clone().into() };
    own.reset_all().insert(&open.connection).await.unwrap();
    open.close().await;
    let name = domain.name;
    db.execute(&format!(
        "UPDATE domains SET name = 'x.example' WHERE name = '{name}' AND tenant_id <> \
        (SELECT id FROM tenants WHERE name = 'real')"
    ))
    .await;
    let repaired = db.seeder(&["--repair"]).ok();
    assert_eq!(repaired.last_line(), "0 sample rows created, 3 updated");
    let both = format!("SELECT count(*) FROM domains WHERE name = '{name}'");
    assert_eq!(db.number(&both).await, 2);
    assert_eq!(db.seeder(&["verify"]).ok().stdout, clean.stdout);
}

/// What is in the rows is one number, on whichever engine they are.
/// Rows that were deleted by hand, or that a trigger keeps out, are counted where they should lie.
async fn what_is_said_is_what_is_there(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.damage("DELETE FROM leads WHERE id IN (SELECT id FROM leads ORDER BY id LIMIT 10)").await;
    let missing = db.seeder(&[]).expect_code(1);
    assert!(missing.error().contains("leads has "), "{missing:#?}");
    let back = db.seeder(&["--repair"]).ok();
    assert!(back.stdout.contains("10 sample rows created"), "{back:#?}");
    db.seeder(&[]).ok();
    db.seeder(&["clean"]).ok();
    let swallow = match db.engine {
        Engine::Sqlite => {
            "CREATE TRIGGER swallow BEFORE INSERT ON inbox_messages BEGIN SELECT RAISE(IGNORE); END"
        }
        _ => {
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             CREATE TRIGGER swallow BEFORE INSERT ON inbox_messages FOR EACH ROW EXECUTE FUNCTION nothing()"
        }
    };
    db.execute(swallow).await;
    for args in [&["--preset", "tiny"][..], &["--preset", "tiny"], &["--repair"]] {
        let missing = db.seeder(args);
        let said = missing.stderr.contains("inbox_messages has 0 of ")
            || missing.stderr.contains("no sample rows");
        assert!(missing.code > 0 && said, "{args:?}: {missing:#?}");
    }
}

/// A role that may have one connection seeds with that one.
#[tokio::test]
async fn one_connection_is_enough() {
    let db = TestDb::new(Engine::Postgres);
    db.migration(&["up"]).ok();
    db.server().execute_as_superuser(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 1', current_database()); END $$",
    );
    let seeded = db.seeder(&["--preset", "demo", "--workers", "1"]).ok();
    // A line for each table, and one for all of them.
    let counts = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let rows: u64 = seeded.stdout.lines().filter_map(counts).sum();
    let all = format!("{rows} sample rows inserted");
    assert!(rows > 15_000 && seeded.stdout.contains(&all), "{seeded:#?}");
    assert!(seeded.stderr.contains("one connection only"), "{seeded:#?}");
}

#[tokio::test]
async fn an_option_is_given_once() {
    let db = TestDb::new(Engine::Sqlite);
    let refused = db.seeder(&["--factor", "leads=2", "--factor", "leads=3"]).expect_code(2);
    assert!(refused.error().contains("--factor is given twice for leads"), "{refused:#?}");
    let twice = ["generate", "x", "--backfill", "leads.name=1", "--backfill", "leads.name=2"];
    let refused = db.bin("migration").args(&twice).run();
    assert!(refused.stderr.contains("--backfill is given twice for leads.name"), "{refused:#?}");
}

#[tokio::test]
async fn the_digest_is_the_same_on_both_engines() {
    let [sqlite, postgres] = [Engine::Sqlite, Engine::Postgres].map(|engine| {
        let db = TestDb::new(engine);
        db.tenantry(&["run"]).ok();
        db.seeder(&["verify"]).ok().stdout
    });
    assert_eq!(sqlite, postgres);
    insta::assert_snapshot!("digests", sqlite);
}

/// Tables of the same name in another schema of the search path are not ours.
#[tokio::test]
async fn only_tables_of_the_current_schema_are_seeded_and_cleaned() {
    let db = TestDb::new(Engine::Postgres);
    db.tenantry(&["run"]).ok();
    let name = &db.server().name;
    db.server().execute_as_superuser(&format!(
        "CREATE SCHEMA a AUTHORIZATION CURRENT_USER; GRANT ALL ON SCHEMA a TO \"{name}\"; \
         ALTER DATABASE \"{name}\" SET search_path = a, public"
    ));
    db.tenantry(&["run"]);
    db.execute("DROP TABLE a.leads").await;
    for args in [&["clean"][..], &[]] {
        let failed = db.seeder(args).expect_code(2).clean_output();
        assert!(failed.error().contains("leads should be there and is not"), "{failed:#?}");
    }
    assert_eq!(db.number("SELECT count(*) FROM public.leads").await, 43);
}

/// What is in a table that inherits would be deleted through ours.
#[tokio::test]
async fn clean_leaves_tables_that_inherit() {
    let db = TestDb::new(Engine::Postgres);
    db.tenantry(&["run"]).ok();
    db.execute(
        "CREATE TABLE archive (verdict text) INHERITS (leads); \
         WITH moved AS (DELETE FROM ONLY leads WHERE id IN (SELECT id FROM leads LIMIT 3) RETURNING *) \
         INSERT INTO archive SELECT *, 'by a person' FROM moved",
    )
    .await;
    let refused = db.seeder(&["clean"]).expect_code(1);
    assert!(refused.error().contains("archive"), "{refused:#?}");
    assert_eq!(db.number("SELECT count(*) FROM archive").await, 3);
}

/// A row that is being inserted beside sample rows is waited for, and then seen.
#[tokio::test]
async fn clean_waits_for_rows_that_are_being_inserted() {
    use sea_orm::TransactionTrait as _;
    let db = TestDb::new(Engine::Postgres);
    db.tenantry(&["run"]).ok();
    db.execute(
        "CREATE TABLE notes (tenant_id uuid, lead_id uuid, \
         FOREIGN KEY (tenant_id, lead_id) REFERENCES leads (tenant_id, id) ON DELETE CASCADE)",
    )
    .await;
    let open = db.open().await;
    let holder = open.connection.begin().await.unwrap();
    let insert = "INSERT INTO notes SELECT tenant_id, id FROM leads LIMIT 1";
    holder.execute_unprepared(insert).await.unwrap();
    let mut child = db.bin("seeder").args(&["clean"]).spawn();
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = \
                   (SELECT oid FROM pg_database WHERE datname = current_database())";
    while db.number(waiting).await == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it does not wait");
        pause();
    }
    holder.commit().await.unwrap();
    let refused = Ran::from(child.wait_with_output().unwrap()).expect_code(1);
    assert!(refused.error().contains("notes"), "{refused:#?}");
    assert_eq!(db.number("SELECT count(*) FROM notes").await, 1);
    open.close().await;
}

async fn real_tenants_are_left_alone(db: TestDb) {
    db.migration(&["up"]).ok();
    db.insert_real_tenant("real").await;
    let refused = db.seeder(&[]).expect_code(1).clean_output();
    assert!(refused.error().contains("1 tenant") && refused.error().contains("--alongside"));
    assert_eq!(db.number("SELECT count(*) FROM users").await, 0);
    // The whole job does the rest, says so, and is not done.
    let run = db.tenantry(&["run"]).expect_code(1);
    assert!(run.stdout.contains("--alongside") && run.stdout.contains("no findings"), "{run:#?}");
    db.tenantry(&["run", "--alongside"]).ok();
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 3);
}

async fn production_is_refused(db: TestDb) {
    let production =
        |name: &str, args: &[&str]| db.bin(name).env("APP_ENV", "production").args(args).run();
    let run = production("tenantry", &["run"]).ok();
    assert!(run.stdout.contains("seed      skipped"), "{run:#?}");
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 0);
    let refused = production("seeder", &[]).expect_code(1).clean_output();
    assert!(refused.error().contains("production"), "{refused:#?}");
    production("seeder", &["--alongside"]).expect_code(1);
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 0);
}

async fn a_database_without_tables_is_named(db: TestDb) {
    if db.engine == Engine::Sqlite {
        let absent = db.seeder(&[]).expect_code(2).clean_output();
        assert!(absent.error().contains("there is no database file"), "{absent:#?}");
        assert!(!db.file().exists());
    }
    db.open().await.close().await;
    for args in [&[][..], &["clean"]] {
        let ran = db.seeder(args).expect_code(2).clean_output();
        assert!(ran.error().contains("migration up` first"), "{ran:#?}");
    }
    db.migration(&["up", "-n", "5"]).ok();
    let ran = db.seeder(&[]).expect_code(2);
    assert!(
        ran.error().contains(&format!(
            "{} of {} migrations are not applied",
            migrations() - 5,
            migrations()
        )),
        "{ran:#?}"
    );
}

async fn other_columns_than_the_entities_are_named(db: TestDb) {
    db.migration(&["up"]).ok();
    db.execute("ALTER TABLE leads RENAME COLUMN company TO firm").await;
    db.execute("ALTER TABLE domains ADD COLUMN note text").await;
    let failed = db.seeder(&[]).expect_code(2).clean_output();
    assert!(failed.error().contains("leads.company is missing; `"), "{failed:#?}");
    db.execute("ALTER TABLE leads RENAME COLUMN firm TO company").await;
    if db.engine != Engine::Sqlite {
        db.execute("ALTER TABLE leads ADD COLUMN rank int NOT NULL").await;
        let failed = db.seeder(&[]).expect_code(2).clean_output();
        assert!(failed.error().contains("leads.rank is NOT NULL"), "{failed:#?}");
        db.execute("ALTER TABLE leads ALTER COLUMN rank SET DEFAULT 1").await;
    }
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 0);
    db.seeder(&[]).ok();
}

/// Asserts that each value of an enum is in some row.
async fn every_value<E: ActiveEnum<Value = String> + Iterable>(
    db: &TestDb,
    table: &str,
    column: &str,
) {
    for value in E::iter().map(|variant| variant.to_value()) {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} = '{value}'");
        assert!(db.number(&sql).await > 0, "{table}.{column} = {value}");
    }
}

async fn every_enum_value_is_present(db: TestDb) {
    db.tenantry(&["run"]).ok();
    every_value::<campaign::Status>(&db, "campaigns", "status").await;
    every_value::<lead::Status>(&db, "leads", "status").await;
    every_value::<payment::Status>(&db, "payments", "status").await;
    every_value::<team_member::Role>(&db, "team_members", "role").await;
    every_value::<team_member::Status>(&db, "team_members", "status").await;
}

async fn values_are_plausible_and_addresses_reserved(db: TestDb) {
    db.migration(&["up"]).ok();
    db.seeder(&["--preset", "demo", "--edge"]).ok();
    let all = models(&db).await.to_string();
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let reserved = |host: &str| {
        [".example", ".test", ".invalid"].iter().any(|tld| host.ends_with(tld))
            || ["example.com", "example.net", "example.org"].contains(&host)
    };
    let mut hosts = 0;
    for marker in ["@", "://"] {
        for (at, _) in all.match_indices(marker) {
            let rest = &all[at + marker.len()..];
            let host = &rest[..rest.find(|c| !is_host(c)).unwrap_or(rest.len())];
            assert!(reserved(host), "{host}");
            hosts += 1;
        }
    }
    assert!(hosts > 20_000, "{hosts}");
    // SQLite keeps texts of any length, so it is looked at here.
    let schema = migration::PROJECT.schema().unwrap();
    for table in schema.tables.values() {
        for column in &table.columns {
            if let migration::schema::ColumnType::Varchar(Some(length)) = column.ty {
                let sql =
                    format!("SELECT coalesce(max(length({})), 0) FROM {}", column.name, table.name);
                let longest = match db.engine {
                    Engine::Sqlite => db.number(&sql).await,
                    _ => db.number(&format!("SELECT ({sql})::int8")).await,
                };
                assert!(
                    (1..=i64::from(length)).contains(&longest),
                    "{}.{}",
                    table.name,
                    column.name
                );
            }
        }
    }
    for (what, sql) in [
        (
            "processed when done",
            "SELECT count(*) FROM payments p JOIN tenants t ON t.id = p.tenant_id \
             WHERE t.slug IS NOT NULL AND (processed_at IS NULL) <> (status = 'pending')",
        ),
        (
            "one owner a tenant",
            "SELECT count(*) FROM (SELECT tenant_id FROM team_members WHERE role = 'owner' GROUP BY tenant_id HAVING count(*) <> 1) x",
        ),
        (
            "mail comes to a mailbox",
            "SELECT count(*) FROM inbox_messages m WHERE NOT EXISTS (SELECT 1 FROM email_accounts a WHERE a.tenant_id = m.tenant_id AND a.email = m.to_email)",
        ),
        (
            "mail comes from a lead that was written to",
            "SELECT count(*) FROM inbox_messages m WHERE NOT EXISTS (SELECT 1 FROM leads l WHERE l.tenant_id = m.tenant_id AND l.email = m.from_email AND l.status <> 'new')",
        ),
        (
            "mail comes after its lead",
            "SELECT count(*) FROM inbox_messages m WHERE NOT EXISTS (SELECT 1 FROM leads l WHERE l.tenant_id = m.tenant_id AND l.email = m.from_email AND l.created_at <= m.received_at)",
        ),
        (
            "mail comes after its mailbox",
            "SELECT count(*) FROM inbox_messages m JOIN email_accounts a ON a.tenant_id = m.tenant_id AND a.email = m.to_email WHERE m.received_at < a.created_at",
        ),
        (
            "a mailbox comes after its domain",
            "SELECT count(*) FROM email_accounts a JOIN domains d ON d.tenant_id = a.tenant_id AND d.id = a.domain_id WHERE a.created_at < d.created_at",
        ),
        (
            "a campaign comes after its company",
            "SELECT count(*) FROM campaigns x JOIN companies c ON c.tenant_id = x.tenant_id AND c.id = x.company_id WHERE x.created_at < c.created_at",
        ),
        (
            "a seat comes after its user",
            "SELECT count(*) FROM team_members s JOIN users u ON u.id = s.user_id WHERE s.joined_at < u.created",
        ),
        (
            "a failed payment is tried again",
            "SELECT count(*) FROM payments p WHERE status = 'failed' AND NOT EXISTS (SELECT 1 FROM payments n WHERE n.tenant_id = p.tenant_id AND n.created_at > p.created_at)",
        ),
        (
            "nothing happens later than now",
            "SELECT count(*) FROM inbox_messages WHERE received_at > '2026-06-30T18:00:00+00:00'",
        ),
        (
            "addresses are at their domain",
            "SELECT count(*) FROM email_accounts a JOIN domains d ON d.tenant_id = a.tenant_id AND d.id = a.domain_id WHERE a.email NOT LIKE '%@' || d.name",
        ),
        (
            "nothing changes before it is made",
            "SELECT count(*) FROM leads WHERE updated_at < created_at",
        ),
        (
            "a tenant is older than its companies",
            "SELECT count(*) FROM companies c JOIN tenants t ON t.id = c.tenant_id WHERE c.created_at < t.created",
        ),
    ] {
        assert_eq!(db.number(sql).await, 0, "{what}");
    }
}
