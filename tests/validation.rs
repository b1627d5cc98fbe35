//! `validate` finds each kind of damage, and for one piece of damage nothing else.

use crate::support::{Engine, TestDb, all_but};

on_both_engines!(
    a_healthy_database_has_no_findings,
    each_damage_is_exactly_its_finding,
    a_missing_table_is_one_finding,
    migrations_that_are_not_applied_are_one_finding,
    a_table_of_another_program_with_one_of_our_names_is_left_alone,
    tables_of_others_are_listed_not_judged,
    orphans_are_found_where_their_key_is_gone_too,
    missing_sample_rows_are_found_and_mended,
);

/// Replaces a text in the SQL that SQLite keeps of a table.
fn rewrite(table: &str, from: &str, to: &str) -> String {
    let quote = |text: &str| text.replace('\'', "''");
    format!(
        "UPDATE sqlite_schema SET sql = replace(sql, '{}', '{}') WHERE name = '{table}'",
        quote(from),
        quote(to)
    )
}

/// Name, damage on SQLite, damage on PostgreSQL, finding.
fn damages() -> Vec<(&'static str, String, String, &'static str)> {
    let both = |sql: &str| (sql.to_owned(), sql.to_owned());
    let case =
        |name, (sqlite, postgres): (String, String), finding| (name, sqlite, postgres, finding);
    let split = |sqlite: String, postgres: &str| (sqlite, postgres.to_owned());
    vec![
        case(
            "a column is dropped",
            both("ALTER TABLE leads DROP COLUMN name"),
            "leads column-missing",
        ),
        case(
            "an indexed column is dropped",
            both(
                "DROP INDEX companies_tenant_id_domain_idx; ALTER TABLE companies DROP COLUMN domain",
            ),
            "companies column-missing",
        ),
        case(
            "a column is added",
            both("ALTER TABLE leads ADD COLUMN mood text"),
            "leads column-unexpected",
        ),
        case(
            "a type is widened",
            split(
                rewrite("leads", "\"email\" varchar(255)", "\"email\" varchar(300)"),
                "ALTER TABLE leads ALTER email TYPE varchar(300)",
            ),
            "leads column-type",
        ),
        case(
            "a type with checks and defaults on it is changed",
            split(
                rewrite("leads", "\"status\" text", "\"status\" varchar(20)"),
                "ALTER TABLE leads ALTER status TYPE varchar(20)",
            ),
            "leads column-type",
        ),
        case(
            "a column takes NULL",
            split(
                rewrite("leads", "\"email\" varchar(255) NOT NULL", "\"email\" varchar(255)"),
                "ALTER TABLE leads ALTER email DROP NOT NULL",
            ),
            "leads column-nullability",
        ),
        case(
            "a default is changed",
            split(
                rewrite("campaigns", "DEFAULT 'draft'", "DEFAULT 'paused'"),
                "ALTER TABLE campaigns ALTER status SET DEFAULT 'paused'",
            ),
            "campaigns column-default",
        ),
        case(
            "a default is dropped",
            split(
                rewrite("domains", " DEFAULT FALSE", ""),
                "ALTER TABLE domains ALTER verified DROP DEFAULT",
            ),
            "domains column-default",
        ),
        case(
            "a primary key is turned round",
            split(
                rewrite("templates", "(\"tenant_id\", \"id\")", "(\"id\", \"tenant_id\")")
                    + "; PRAGMA writable_schema = RESET; REINDEX templates",
                "ALTER TABLE templates DROP CONSTRAINT templates_pkey, ADD PRIMARY KEY (id, tenant_id)",
            ),
            "templates primary-key",
        ),
        case(
            "a foreign key is dropped",
            split(
                rewrite(
                    "campaigns",
                    ", FOREIGN KEY (\"tenant_id\", \"company_id\") REFERENCES \"companies\" (\"tenant_id\", \"id\") ON DELETE CASCADE",
                    "",
                ),
                "ALTER TABLE campaigns DROP CONSTRAINT campaigns_tenant_id_company_id_fkey",
            ),
            "campaigns foreign-key-missing",
        ),
        case(
            "a foreign key no longer cascades",
            split(
                rewrite(
                    "campaigns",
                    "REFERENCES \"companies\" (\"tenant_id\", \"id\") ON DELETE CASCADE",
                    "REFERENCES \"companies\" (\"tenant_id\", \"id\")",
                ),
                "ALTER TABLE campaigns DROP CONSTRAINT campaigns_tenant_id_company_id_fkey, \
                 ADD FOREIGN KEY (tenant_id, company_id) REFERENCES companies (tenant_id, id)",
            ),
            "campaigns foreign-key-actions",
        ),
        case(
            "an index is dropped",
            both("DROP INDEX leads_tenant_id_email_idx"),
            "leads index-missing",
        ),
        case(
            "an index is added",
            both("CREATE INDEX by_hand ON leads (name)"),
            "leads index-unexpected",
        ),
        case(
            "an index gets another order",
            both(
                "DROP INDEX leads_tenant_id_created_at_idx; \
                 CREATE INDEX leads_tenant_id_created_at_idx ON leads (tenant_id, created_at DESC)",
            ),
            "leads index-differs",
        ),
        case(
            "an index gets another collation or place of NULLs",
            split(
                "DROP INDEX leads_tenant_id_email_idx; CREATE INDEX leads_tenant_id_email_idx \
                 ON leads (tenant_id, email COLLATE NOCASE)"
                    .to_owned(),
                "DROP INDEX leads_tenant_id_email_idx; CREATE INDEX leads_tenant_id_email_idx \
                 ON leads (tenant_id, email NULLS FIRST)",
            ),
            "leads index-differs",
        ),
        case(
            "a unique is dropped",
            both("DROP INDEX domains_tenant_id_name_key"),
            "domains unique-missing",
        ),
        case(
            "a unique is no longer partial",
            both(
                "DROP INDEX users_email_key; CREATE UNIQUE INDEX users_email_key ON users (email)",
            ),
            "users unique-differs",
        ),
        case(
            "a check is dropped",
            split(
                rewrite(
                    "payments",
                    ", CONSTRAINT \"payments_amount_check\" CHECK (amount > 0)",
                    "",
                ),
                "ALTER TABLE payments DROP CONSTRAINT payments_amount_check",
            ),
            "payments check-missing",
        ),
        case(
            "a check lets another value in",
            split(
                rewrite("leads", "'converted'", "'converted', 'lost'"),
                "ALTER TABLE leads DROP CONSTRAINT leads_status_check, ADD CONSTRAINT \
                 leads_status_check CHECK (status IN ('new', 'contacted', 'qualified', 'converted', 'lost'))",
            ),
            "leads check-differs",
        ),
        case(
            "an orphan is inserted",
            split(
                "INSERT INTO campaigns (tenant_id, id, company_id, name) SELECT tenant_id, \
                 x'0199aaaa00007000a000000000000001', x'0199aaaa00007000a000000000000002', 'lost' \
                 FROM companies LIMIT 1"
                    .to_owned(),
                "INSERT INTO campaigns (tenant_id, company_id, name) \
                 SELECT tenant_id, gen_random_uuid(), 'lost' FROM companies LIMIT 1",
            ),
            "campaigns orphan-rows",
        ),
    ]
}

async fn a_healthy_database_has_no_findings(db: TestDb) {
    db.migration(&["up"]).ok();
    assert_eq!(db.tenantry(&["validate", "--json"]).ok().finding_codes(), Vec::<String>::new());
    db.seeder(&[]).ok();
    db.insert_real_tenant("real").await;
    for args in [&["validate", "--json"][..], &["validate", "--json", "--deep"]] {
        assert_eq!(db.tenantry(args).ok().finding_codes(), Vec::<String>::new());
    }
}

async fn each_damage_is_exactly_its_finding(db: TestDb) {
    for (name, sqlite, postgres, finding) in damages() {
        let one = TestDb::new(db.engine);
        one.migration(&["up"]).ok();
        one.seeder(&[]).ok();
        one.damage(if db.engine == Engine::Sqlite { &sqlite } else { &postgres }).await;
        let report = one.tenantry(&["validate", "--json"]).expect_code(1).clean_output();
        let mut expected = vec![finding];
        if db.engine == Engine::Postgres && name == "a foreign key is dropped" {
            // What that means for tenants is tried, too.
            expected.push("campaigns isolation-broken");
        }
        assert_eq!(report.finding_codes(), expected, "{name}: {report:#?}");
        for finding in report.json()["findings"].as_array().unwrap() {
            for key in ["code", "table", "message", "help"] {
                assert!(
                    finding[key].as_str().is_some_and(|text| !text.is_empty()),
                    "{name}: {key}"
                );
            }
        }
        let text = one.tenantry(&["validate"]).expect_code(1).clean_output();
        let count = if expected.len() == 1 { "1 finding" } else { "2 findings" };
        assert_eq!(text.last_line(), count, "{name}");
    }
}

async fn a_missing_table_is_one_finding(db: TestDb) {
    db.migration(&["up"]).ok();
    db.execute("DROP TABLE email_services").await;
    let report = db.tenantry(&["validate", "--json"]).expect_code(1);
    assert_eq!(report.finding_codes(), ["email_services table-missing"]);
}

async fn migrations_that_are_not_applied_are_one_finding(db: TestDb) {
    db.open().await.close().await;
    let report = db.tenantry(&["validate", "--json"]).expect_code(1).clean_output();
    assert_eq!(report.finding_codes(), ["(database) migrations-pending"]);
    let message = report.json()["findings"][0]["message"].to_string();
    assert!(entity::all().iter().all(|def| message.contains(def.name)), "{message}");
    // What is missing without a migration that would make it is a finding of its own.
    db.migration(&["up", "-n", &all_but(1)]).ok();
    db.damage("DROP TABLE templates").await;
    let report = db.tenantry(&["validate", "--json"]).expect_code(1);
    assert_eq!(
        report.finding_codes(),
        ["(database) migrations-pending", "templates table-missing"]
    );
}

async fn tables_of_others_are_listed_not_judged(db: TestDb) {
    db.tenantry(&["run"]).ok();
    db.execute("CREATE TABLE notes (id int)").await;
    let report = db.tenantry(&["validate", "--json"]).ok();
    assert_eq!(report.json()["unknown_tables"], serde_json::json!(["notes"]));
}

async fn missing_sample_rows_are_found_and_mended(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let rows = db.rows().await;
    db.execute("DELETE FROM templates WHERE name LIKE '%step 2'").await;
    let report = db.tenantry(&["validate", "--json"]).expect_code(1);
    assert_eq!(report.finding_codes(), ["templates sample-rows"]);
    db.seeder(&["--repair"]).ok();
    db.tenantry(&["validate"]).ok();
    assert_eq!(db.rows().await, rows, "exactly what was there before");
}

async fn orphans_are_found_where_their_key_is_gone_too(db: TestDb) {
    db.tenantry(&["run"]).ok();
    for (name, sqlite, postgres, _) in damages() {
        if name == "a foreign key is dropped" || name == "an orphan is inserted" {
            db.damage(if db.engine == Engine::Sqlite { &sqlite } else { &postgres }).await;
        }
    }
    let report = db.tenantry(&["validate", "--json"]).expect_code(1);
    let mut codes = report.finding_codes();
    codes.retain(|code| code != "campaigns isolation-broken");
    assert_eq!(codes, ["campaigns foreign-key-missing", "campaigns orphan-rows"]);
}

/// It is told from pending migrations, nothing offers to drop it, and what rolls back nothing does not mind it.
async fn a_table_of_another_program_with_one_of_our_names_is_left_alone(db: TestDb) {
    // The other tables come later than that, so that all are there in the end.
    db.execute("CREATE TABLE users (login integer PRIMARY KEY)").await;
    db.execute("INSERT INTO users VALUES (1)").await;
    let found = db.tenantry(&["validate", "--json"]).expect_code(1).json();
    let codes: Vec<(&str, &str)> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["table"].as_str().unwrap(), it["code"].as_str().unwrap()))
        .filter(|(_, code)| !code.starts_with("samples"))
        .collect();
    assert_eq!(codes, [("(database)", "migrations-pending"), ("users", "table-not-ours")]);
    let refused = db.migration(&["up"]).expect_code(2);
    assert!(refused.error().contains("users exists already"), "{refused:#?}");
    assert!(!refused.stderr.contains("fresh"), "{refused:#?}");
    for (name, args) in [("migration", ["reset"]), ("tenantry", ["rollback"])] {
        let ran = db.bin(name).args(&args).run().ok();
        assert!(!ran.stderr.contains("fresh"), "{ran:#?}");
    }
    assert_eq!(db.number("SELECT count(*) FROM users").await, 1);
}
