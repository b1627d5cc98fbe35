//! `diff` names one small difference as one finding, prints the SQL that undoes it, and finds
//! nothing where nothing differs, however the database came to be.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use migration::TENANCY;
use migration::{
    MigratorTrait as _, Runner,
    db::{Database, literal},
    diff::diff,
    drift::{Accepted, drift, mend},
    plan::{Object, PlannedMigration},
    schema::{
        Action, BTREE, Check, Column, ColumnType, ForeignKey, Grant, Grantee, Index, IndexPart,
        Policy, RowSecurity, Schema, Table, ddl, expected, read, replay,
    },
};
use sea_orm::ConnectionTrait as _;

use crate::support::{
    Engine, TestDb,
    random_schema::{Pair, drawn},
    texts,
};

on_both_engines!(
    each_difference_is_one_finding_and_is_mended,
    each_difference_of_access_is_one_finding_and_is_mended,
    a_dump_that_is_restored_has_no_differences,
    the_command_reports_and_prints_sql,
    accepted_differences_are_left_out_and_stale_ones_found,
    a_difference_is_kept_by_a_migration_that_makes_it_elsewhere,
);

/// What is done to the schema, and the finding that it is.
type Edit = (String, Box<dyn Fn(&mut Schema)>, Option<&'static str>);

fn index(name: &str, columns: &[&str], unique: bool) -> Index {
    let part = |column: &&str| IndexPart::new(*column);
    Index {
        name: name.to_owned(),
        unique,
        method: BTREE.to_owned(),
        options: Vec::new(),
        parts: columns.iter().map(part).collect(),
        predicate: None,
    }
}

fn edit(
    name: &str,
    table: &str,
    change: impl Fn(&mut Table) + 'static,
    finding: &'static str,
) -> Edit {
    let key = table.to_owned();
    let change = move |schema: &mut Schema| change(schema.tables.get_mut(&key).unwrap());
    (format!("{table}: {name}"), Box::new(change), Some(finding))
}

fn column<'a>(table: &'a mut Table, name: &str) -> &'a mut Column {
    table.columns.iter_mut().find(|column| column.name == name).unwrap()
}

/// Four small differences of each of the thirteen tables, and one of every other kind.
fn edits() -> Vec<Edit> {
    let mut edits = Vec::new();
    for (name, table) in migration::PROJECT.schema().unwrap().tables {
        let added = Column::new("extra", ColumnType::Text, true);
        edits.push(edit(
            "a column more",
            &name,
            move |table| table.columns.push(added.clone()),
            "column-unexpected",
        ));
        let extra = index(&format!("{name}_by_hand"), &["id"], false);
        edits.push(edit(
            "an index more",
            &name,
            move |table| table.indexes.push(extra.clone()),
            "index-unexpected",
        ));
        let check =
            Check { name: Some(format!("{name}_by_hand")), expr: "id IS NOT NULL".to_owned() };
        edits.push(edit(
            "a check more",
            &name,
            move |table| table.checks.push(check.clone()),
            "check-unexpected",
        ));
        if let Some(first) = table.indexes.iter().position(|index| !index.unique) {
            edits.push(edit(
                "an index less",
                &name,
                move |table| drop(table.indexes.remove(first)),
                "index-missing",
            ));
        }
    }
    let to_companies = || ForeignKey {
        name: Some("inbox_messages_by_hand".to_owned()),
        columns: vec!["tenant_id".to_owned(), "id".to_owned()],
        ref_table: "companies".to_owned(),
        ref_columns: vec!["tenant_id".to_owned(), "id".to_owned()],
        on_delete: Action::NoAction,
        on_update: Action::NoAction,
        options: Vec::new(),
    };
    let by_column = |table: &mut Table, column: &str| {
        table.indexes.iter().position(|i| i.parts.iter().any(|p| p.expr == column)).unwrap()
    };
    edits.extend([
        edit(
            "a column less",
            "leads",
            |t| t.columns.retain(|c| c.name != "name"),
            "column-missing",
        ),
        edit(
            "a wider text",
            "campaigns",
            |t| column(t, "name").ty = ColumnType::Varchar(Some(300)),
            "column-type",
        ),
        edit("a text", "leads", |t| column(t, "name").ty = ColumnType::Text, "column-type"),
        edit(
            "NULL taken",
            "templates",
            |t| column(t, "subject").nullable = true,
            "column-nullability",
        ),
        edit("NULL refused", "leads", |t| column(t, "name").nullable = false, "column-nullability"),
        edit(
            "another default",
            "domains",
            |t| column(t, "verified").default = Some("TRUE".to_owned()),
            "column-default",
        ),
        edit("no default", "campaigns", |t| column(t, "status").default = None, "column-default"),
        edit(
            "no default moment",
            "leads",
            |t| column(t, "created_at").default = None,
            "column-default",
        ),
        edit(
            "a key turned round",
            "templates",
            |t| t.primary_key.as_mut().unwrap().columns.reverse(),
            "primary-key",
        ),
        edit(
            "a foreign key less",
            "campaigns",
            |t| t.foreign_keys.retain(|key| key.ref_table == "tenants"),
            "foreign-key-missing",
        ),
        edit(
            "a foreign key more",
            "inbox_messages",
            move |t| t.foreign_keys.push(to_companies()),
            "foreign-key-unexpected",
        ),
        edit(
            "another action",
            "campaigns",
            |t| {
                t.foreign_keys.iter_mut().for_each(|key| {
                    if key.ref_table == "companies" {
                        key.on_delete = Action::Restrict;
                    }
                })
            },
            "foreign-key-actions",
        ),
        edit("a unique less", "domains", |t| t.indexes.retain(|i| !i.unique), "unique-missing"),
        edit(
            "a unique more",
            "leads",
            |t| t.indexes.push(index("leads_by_hand", &["tenant_id", "email"], true)),
            "unique-unexpected",
        ),
        edit(
            "a unique that is none",
            "domains",
            |t| t.indexes.iter_mut().for_each(|i| i.unique = false),
            "unique-differs",
        ),
        edit(
            "another order",
            "leads",
            move |t| {
                let at = by_column(t, "email");
                t.indexes[at].parts[1].descending = true;
            },
            "index-differs",
        ),
        edit(
            "a predicate",
            "leads",
            move |t| {
                let at = by_column(t, "email");
                t.indexes[at].predicate = Some("name IS NULL".to_owned());
            },
            "index-differs",
        ),
        edit("no predicate", "users", |t| t.indexes[0].predicate = None, "unique-differs"),
        edit(
            "an expression",
            "leads",
            move |t| {
                let at = by_column(t, "email");
                t.indexes[at].parts[1].expr = "lower(email)".to_owned();
            },
            "index-differs",
        ),
        edit(
            "an index's other name",
            "leads",
            |t| t.indexes[0].name = "leads_by_hand".to_owned(),
            "index-name",
        ),
        edit("a check less", "leads", |t| t.checks.clear(), "check-missing"),
        edit(
            "another check",
            "leads",
            |t| t.checks[0].expr = "status IN ('new', 'contacted')".to_owned(),
            "check-differs",
        ),
        edit(
            "a check's other name",
            "leads",
            |t| t.checks[0].name = Some("leads_by_hand".to_owned()),
            "constraint-name",
        ),
    ]);
    // What PostgreSQL tells apart and SQLite does not.
    edits.push((
        "payments: a smaller number".to_owned(),
        Box::new(|s| {
            column(s.tables.get_mut("payments").unwrap(), "amount").ty = ColumnType::Integer
        }),
        None,
    ));
    edits.push((
        "leads: a key's other name".to_owned(),
        Box::new(|s| {
            let key = s.tables.get_mut("leads").unwrap().primary_key.as_mut().unwrap();
            key.name = Some("leads_by_hand".to_owned());
        }),
        None,
    ));
    edits
}

fn is_about_access(code: &str) -> bool {
    ["row-security", "policy", "grant"].iter().any(|kind| code.starts_with(kind))
}

/// Six differences of several tables, and one of every other kind.
fn access_edits() -> Vec<Edit> {
    let mut edits = Vec::new();
    for name in ["tenants", "team_members", "payments", "leads"] {
        edits.push(edit(
            "row-level security off",
            name,
            |t| t.row_security = RowSecurity::Disabled,
            "row-security-disabled",
        ));
        edits.push(edit("no policy", name, |t| t.policies.clear(), "policy-missing"));
        edits.push(edit(
            "no check of what is written",
            name,
            |t| t.policies[0].with_check = None,
            "policy-differs",
        ));
        edits.push(edit(
            "every row is seen",
            name,
            |t| t.policies[0].using = Some("true".to_owned()),
            "policy-differs",
        ));
        edits.push(edit(
            "another policy",
            name,
            |t| t.policies.push(Policy::complete("by_hand", "true")),
            "policy-unexpected",
        ));
        edits.push(edit(
            "too many privileges",
            name,
            |t| grant(t, Grantee::Application, &["TRUNCATE"]),
            "grant-unexpected",
        ));
    }
    edits.extend([
        edit(
            "forced on the owner",
            "leads",
            |t| t.row_security = RowSecurity::Forced,
            "row-security-forced",
        ),
        edit(
            "row-level security where none should be",
            "users",
            |t| t.row_security = RowSecurity::Enabled,
            "row-security-unexpected",
        ),
        edit(
            "a policy of another name",
            "leads",
            |t| t.policies[0].name = "by_hand".to_owned(),
            "policy-name",
        ),
        edit(
            "a policy for one command",
            "leads",
            |t| t.policies[0].command = "UPDATE".to_owned(),
            "policy-differs",
        ),
        edit(
            "a policy for one role",
            "leads",
            |t| t.policies[0].roles = vec![TENANCY.application_role.to_owned()],
            "policy-differs",
        ),
        edit(
            "a policy that only restricts",
            "leads",
            |t| t.policies[0].restrictive = true,
            "policy-differs",
        ),
        edit("no privilege", "leads", |t| t.grants.clear(), "grant-missing"),
        edit(
            "tenants can be deleted",
            "tenants",
            |t| grant(t, Grantee::Application, &["DELETE"]),
            "grant-unexpected",
        ),
        edit(
            "users can be read",
            "users",
            |t| grant(t, Grantee::Application, &["SELECT"]),
            "grant-unexpected",
        ),
        edit(
            "e-mails of users can be read",
            "users",
            |t| grant(t, Grantee::Application, &["SELECT (email)"]),
            "grant-unexpected",
        ),
        edit(
            "everybody can read",
            "leads",
            |t| grant(t, Grantee::Public, &["SELECT"]),
            "grant-unexpected",
        ),
        edit(
            "a privilege can be handed on",
            "leads",
            |t| grant(t, Grantee::Application, &["SELECT WITH GRANT OPTION"]),
            "grant-unexpected",
        ),
    ]);
    edits
}

/// Adds privileges to those that `grantee` has.
fn grant(table: &mut Table, grantee: Grantee, privileges: &[&str]) {
    let all = table.privileges_of(grantee).to_vec();
    let all = all.into_iter().chain(privileges.iter().map(|one| (*one).to_owned()));
    let all = Grant::new(grantee, all);
    table.grants.retain(|grant| grant.grantee != grantee);
    table.grants.push(all);
}

async fn findings(db: &Database, accepted: &Accepted) -> Vec<String> {
    let found = drift(db.project, &db.connection, db.engine, TENANCY.application_role, accepted)
        .await
        .unwrap();
    assert!(found.exact);
    found.findings().iter().map(|f| format!("{} {}", f.table, f.code)).collect()
}

/// Each edit is a way there by ALTER, and the printed SQL is a way back: after it, nothing differs.
async fn each_difference_is_one_finding_and_is_mended(db: TestDb) {
    let edits = edits();
    assert!(edits.len() >= 70, "{}", edits.len());
    check(db, edits).await;
}

/// What is different about who may see and change rows. SQLite does not know.
async fn each_difference_of_access_is_one_finding_and_is_mended(db: TestDb) {
    let edits = access_edits();
    assert!(edits.len() >= 36, "{}", edits.len());
    check(db, edits).await;
}

async fn check(db: TestDb, edits: Vec<Edit>) {
    let db = db.open().await;
    let none = Accepted::compiled_in(&migration::PROJECT).unwrap();
    Runner::new::<migration::Migrator>(&db.connection).unwrap().up(None).await.unwrap();
    let entities = migration::PROJECT.schema().unwrap();
    for (name, edit, code) in edits {
        let mut edited = entities.clone();
        edit(&mut edited);
        let pair = Pair::plain(&entities, &edited.sorted());
        let there = PlannedMigration { up: pair.forth().operations, ..pair.migration("damage") };
        let runner = Runner::of(&db.connection, vec![Box::new(there)], "damages").unwrap();
        runner.up(None).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let table = name.split(':').next().unwrap();
        let expected: Vec<String> = match (code, db.engine) {
            (Some(code), Engine::Sqlite) if is_about_access(code) => Vec::new(),
            (Some(code), _) => vec![format!("{table} {code}")],
            (None, Engine::Sqlite) => Vec::new(),
            (None, _) if table == "payments" => vec!["payments column-type".to_owned()],
            (None, _) => vec![format!("{table} constraint-name")],
        };
        assert_eq!(findings(&db, &none).await, expected, "{name}");

        let found = drift(db.project, &db.connection, db.engine, TENANCY.application_role, &none)
            .await
            .unwrap();
        let script = mend(&found, db.engine).await.unwrap();
        assert_eq!(script.is_empty(), expected.is_empty(), "{name}");
        let done = db.connection.execute_unprepared(&script).await;
        done.unwrap_or_else(|error| panic!("{name}: {script}: {error}"));
        assert_eq!(findings(&db, &none).await, Vec::<String>::new(), "{name}, mended by {script}");
        let forgotten = db.connection.execute_unprepared("DROP TABLE damages").await;
        forgotten.unwrap();
    }
    db.close().await;
}

/// Runs a program with what it should read.
fn pipe(program: &mut Command, input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut child =
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect(
            "pg_dump, psql and sqlite3 have to be installed: run scripts/test, which installs them",
        );
    let mut stdin = child.stdin.take().unwrap();
    // The program may write before it has read everything.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program:?}: {said}");
    output.stdout
}

fn dump(db: &TestDb) -> Vec<u8> {
    match db.engine {
        Engine::Sqlite => pipe(Command::new("sqlite3").arg(db.file()).arg(".dump"), b""),
        _ => pipe(Command::new("pg_dump").arg("--no-owner").arg(&db.url), b""),
    }
}

fn restore(db: &TestDb, dump: &[u8]) {
    restore_with(db, dump, "--echo-errors");
}

fn restore_with(db: &TestDb, dump: &[u8], flag: &str) {
    match db.engine {
        Engine::Sqlite => drop(pipe(Command::new("sqlite3").arg(db.file()), dump)),
        _ => {
            // A dump makes the schema that a new database has already.
            db.server().execute_as_superuser(&format!(
                "DROP SCHEMA public; GRANT CREATE ON DATABASE {0} TO {0}; CREATE SCHEMA public \
                 AUTHORIZATION {0}; GRANT USAGE ON SCHEMA public TO PUBLIC",
                db.server().name
            ));
            let mut psql = Command::new("psql");
            psql.args(["--quiet", "--no-psqlrc", flag, "--set", "ON_ERROR_STOP=1"]).arg(&db.url);
            drop(pipe(&mut psql, dump));
        }
    }
}

async fn a_dump_that_is_restored_has_no_differences(db: TestDb) {
    db.tenantry(&["run"]).ok();
    let mut before = db;
    for _ in 0..3 {
        let after = TestDb::new(before.engine);
        restore(&after, &dump(&before));
        after.migration(&["diff"]).ok();
        let report = after.tenantry(&["validate", "--json"]).ok();
        assert_eq!(report.finding_codes(), Vec::<String>::new());
        assert_eq!(after.rows().await, before.rows().await);
        before = after;
    }
}

/// `reset` names what a person added by hand, also after a restore, where a single transaction has written every row of
/// the catalogue.
#[tokio::test]
async fn what_was_made_by_hand_is_told_after_a_restore() {
    let before = TestDb::new(Engine::Postgres);
    before.migration(&["up"]).ok();
    before
        .execute("CREATE INDEX by_hand ON leads (email); ALTER TABLE leads ADD COLUMN more text")
        .await;
    for flag in ["--single-transaction", "--echo-errors", "as it is"] {
        let restored = TestDb::new(Engine::Postgres);
        let db = if flag.starts_with("--") {
            restore_with(&restored, &dump(&before), flag);
            &restored
        } else {
            &before
        };
        let refused = db.migration(&["reset"]).expect_code(1).clean_output();
        let said = refused.error();
        assert!(said.contains("by_hand") && said.contains("leads.more"), "{flag}: {said}");
    }
    // The same where the database has got the journal of another one.
    let other = TestDb::new(Engine::Postgres);
    other.migration(&["up"]).ok();
    let journal = pipe(
        Command::new("pg_dump")
            .args(["--data-only", "--table=seaql_migrations_journal"])
            .arg(&other.url),
        b"",
    );
    other.execute("DROP TABLE seaql_migrations_journal").await;
    before.execute("DROP INDEX by_hand; DELETE FROM seaql_migrations_journal").await;
    let mut psql = Command::new("psql");
    psql.args(["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1"]).arg(&before.url);
    drop(pipe(&mut psql, &journal));
    let refused = before.migration(&["reset"]).expect_code(1).clean_output();
    assert!(refused.error().contains("leads.more"), "{}", refused.error());
}

async fn the_command_reports_and_prints_sql(db: TestDb) {
    db.migration(&["up"]).ok();
    let same = db.migration(&["diff"]).ok();
    assert!(same.stdout.contains("no difference"), "{same:?}");
    assert_eq!(db.migration(&["diff", "--sql"]).ok().stdout, "");

    db.execute("CREATE INDEX by_hand ON leads (name)").await;
    db.execute("ALTER TABLE companies ADD COLUMN \"we\"\"ird\" text").await;
    let text = db.migration(&["diff"]).expect_code(1).clean_output();
    assert!(text.stdout.contains("index-unexpected: leads: no entity has by_hand"), "{text:?}");
    assert!(text.stdout.contains("column-unexpected: companies"), "{text:?}");
    assert_eq!(text.last_line(), "2 differences");
    assert!(text.stderr.contains("accepted_drift.json"), "{text:?}");

    let report = db.migration(&["diff", "--json"]).expect_code(1).json();
    assert_eq!(report["command"], "diff");
    assert_eq!(report["findings"][0]["object"], "we\"ird");
    assert_eq!(report["findings"][1]["object"], "by_hand");
    assert_eq!(report["changes"].as_array().unwrap().len(), 2);

    let sql = db.migration(&["diff", "--sql"]).expect_code(1).stdout;
    assert!(sql.contains("-- loses data: the column companies.we\"ird is dropped"), "{sql}");
    db.execute(&sql).await;
    db.migration(&["diff"]).ok();
    db.migration(&["diff", "--json", "--sql"]).expect_code(2);
}

async fn accepted_differences_are_left_out_and_stale_ones_found(db: TestDb) {
    db.migration(&["up"]).ok();
    db.execute("CREATE INDEX by_hand ON leads (name)").await;
    let file = db.folder().join("accepted.json");
    let accept = |entries: &str| {
        fs::write(&file, format!("{{\"accepted\": [{entries}]}}")).unwrap();
        diff_with(&db, &file)
    };
    let entry = |reason: &str| {
        format!(
            "{{\"code\": \"index-unexpected\", \"table\": \"leads\", \"object\": \"by_hand\", \
             \"reason\": \"{reason}\"}}"
        )
    };
    accept("").expect_code(1);
    accept(&entry("an administrator tries it out")).ok();
    db.execute("DROP INDEX by_hand").await;
    let stale = accept(&entry("an administrator tries it out")).expect_code(1);
    assert_eq!(stale.finding_codes(), ["leads accepted-drift-stale"]);
    let unreasoned = accept(&entry(" ")).expect_code(2);
    assert!(unreasoned.stderr.contains("without a reason"), "{unreasoned:?}");
    accept("{\"code\": 1}").expect_code(2).clean_output();
    diff_with(&db, Path::new("nowhere.json")).expect_code(2).clean_output();
}

async fn a_difference_is_kept_by_a_migration_that_makes_it_elsewhere(db: TestDb) {
    let entities = migration::PROJECT.schema().unwrap();
    let mut edited = entities.clone();
    let leads = edited.tables.get_mut("leads").unwrap();
    let mood = Column::new("mood", ColumnType::Text, true);
    leads.columns.push(mood);
    leads.indexes.push(index("leads_tenant_id_mood_idx", &["tenant_id", "mood"], false));
    let pair = Pair::plain(&entities, &edited.sorted());
    let keep = || {
        let unless = Object::added(&pair.forth().operations);
        assert_eq!(unless.len(), 2);
        PlannedMigration { unless, ..pair.migration("m_keep") }
    };
    let elsewhere = TestDb::new(db.engine);
    for (db, by_hand) in [(&db, true), (&elsewhere, false)] {
        db.migration(&["up"]).ok();
        if by_hand {
            db.execute("ALTER TABLE leads ADD COLUMN mood text").await;
            db.execute("CREATE INDEX leads_tenant_id_mood_idx ON leads (tenant_id, mood)").await;
        }
        let opened = db.open().await;
        let mut all = migration::Migrator::migrations();
        all.push(Box::new(keep()));
        Runner::of(&opened.connection, all, "seaql_migrations").unwrap().up(None).await.unwrap();
        let found = findings(&opened, &Accepted::compiled_in(&migration::PROJECT).unwrap()).await;
        assert_eq!(found, ["leads column-unexpected", "leads index-unexpected"], "{by_hand}");
        opened.close().await;
    }
}

fn diff_with(db: &TestDb, file: &Path) -> crate::support::Ran {
    db.migration(&["diff", "--json", "--accepted", file.to_str().unwrap()])
}

/// What SQL by hand can do to a key, a check or an index, which no entity can say.
const BY_HAND: [(&str, &str); 30] = [
    (
        "DROP INDEX domains_tenant_id_name_key; ALTER TABLE domains \
         ADD CONSTRAINT domains_tenant_id_name_key UNIQUE (tenant_id, name) DEFERRABLE",
        "unique-differs",
    ),
    (
        "ALTER TABLE payments DROP CONSTRAINT payments_amount_check, \
         ADD CONSTRAINT payments_amount_check CHECK (amount > 0) NO INHERIT",
        "check-differs",
    ),
    ("ALTER TABLE users DISABLE TRIGGER ALL", "foreign-key-disabled"),
    (
        "ALTER TABLE leads ADD COLUMN place int4range, \
         ADD CONSTRAINT one_place EXCLUDE USING gist (place WITH &&); \
         CREATE VIEW places AS SELECT id FROM leads",
        "column-unexpected, index-unexpected",
    ),
    (
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER swallow BEFORE INSERT ON leads EXECUTE FUNCTION nothing()",
        "trigger-unexpected",
    ),
    ("CREATE RULE keep AS ON DELETE TO leads DO INSTEAD NOTHING", "rule-unexpected"),
    (
        "DO $$ DECLARE owner name := current_database(); other name := owner || '_other'; \
         BEGIN EXECUTE format('CREATE ROLE %I', other); EXECUTE format('GRANT %I TO %I', other, owner); \
         EXECUTE format('ALTER TABLE leads OWNER TO %I', other); END $$",
        "table-owner",
    ),
    (
        "ALTER TABLE companies ADD CONSTRAINT companies_name_uq UNIQUE (tenant_id, name)",
        "unique-unexpected",
    ),
    (
        "ALTER TABLE companies ADD CONSTRAINT one_name EXCLUDE USING btree (name WITH =)",
        "index-unexpected",
    ),
    (
        "ALTER TABLE leads ALTER CONSTRAINT leads_tenant_id_fkey DEFERRABLE INITIALLY DEFERRED",
        "foreign-key-actions",
    ),
    ("ALTER TABLE leads ALTER CONSTRAINT leads_tenant_id_fkey DEFERRABLE", "foreign-key-actions"),
    (
        "ALTER TABLE leads DROP CONSTRAINT leads_tenant_id_fkey, ADD CONSTRAINT leads_tenant_id_fkey \
         FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE NOT VALID",
        "foreign-key-actions",
    ),
    (
        "ALTER TABLE campaigns DROP CONSTRAINT campaigns_tenant_id_company_id_fkey, \
         ADD CONSTRAINT campaigns_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) \
         REFERENCES companies (tenant_id, id) MATCH FULL ON DELETE CASCADE",
        "foreign-key-actions",
    ),
    (
        "ALTER TABLE leads ADD CONSTRAINT leads_block CHECK (email LIKE '%@corp.example') NOT VALID",
        "check-unexpected",
    ),
    // Each is like one of ours, and comes before or after it by name.
    (
        "ALTER TABLE leads ADD CONSTRAINT a_copy FOREIGN KEY (tenant_id) REFERENCES tenants (id) \
         ON DELETE CASCADE",
        "foreign-key-unexpected",
    ),
    (
        "ALTER TABLE leads ADD CONSTRAINT z_copy FOREIGN KEY (tenant_id) REFERENCES tenants (id)",
        "foreign-key-unexpected",
    ),
    (
        "ALTER TABLE payments ADD CONSTRAINT a_copy CHECK (amount > 0), ALTER amount TYPE integer",
        "check-unexpected, column-type",
    ),
    (
        "ALTER TABLE payments ADD CONSTRAINT z_copy CHECK (amount > 0), ALTER amount TYPE integer",
        "check-unexpected, column-type",
    ),
    ("CREATE INDEX a_copy ON leads (tenant_id, email)", "index-unexpected"),
    (
        "ALTER TABLE payments DROP CONSTRAINT payments_amount_check, \
         ADD CONSTRAINT payments_amount_check CHECK (amount > 0) NOT VALID",
        "check-differs",
    ),
    (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'leads_tenant_id_email_idx'::regclass",
        "index-differs",
    ),
    (r#"ALTER TABLE leads ALTER COLUMN company TYPE varchar(200) COLLATE "C""#, "column-differs"),
    (
        "ALTER TABLE payments ALTER COLUMN amount ADD GENERATED BY DEFAULT AS IDENTITY",
        "column-auto-increment",
    ),
    ("ALTER TABLE payments ALTER COLUMN amount ADD GENERATED ALWAYS AS IDENTITY", "column-differs"),
    (
        "ALTER TABLE leads DROP COLUMN company, ADD COLUMN company varchar(200) \
         GENERATED ALWAYS AS (email) STORED",
        "column-differs",
    ),
    ("ALTER TABLE inbox_messages SET UNLOGGED", "table-differs"),
    ("ALTER TABLE inbox_messages REPLICA IDENTITY FULL", "table-differs"),
    (
        "CREATE TABLE addresses (email varchar(255) NOT NULL); ALTER TABLE leads INHERIT addresses",
        "table-differs",
    ),
    (
        "ALTER TABLE templates DROP CONSTRAINT templates_pkey, \
         ADD CONSTRAINT templates_pkey PRIMARY KEY (tenant_id, id) DEFERRABLE",
        "primary-key",
    ),
    (
        "ALTER TABLE templates DROP CONSTRAINT templates_pkey, \
         ADD CONSTRAINT templates_pkey PRIMARY KEY (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        "primary-key",
    ),
];

/// What SQLite keeps of a table by its text only: what is replaced in that of `leads`.
const BY_TEXT: [&str; 3] = [
    "\"company\" varchar(200) COLLATE NOCASE",
    "\"company\" varchar(200) GENERATED ALWAYS AS (lower(\"email\")) STORED",
    "company varchar(200) AS (email || ',') STORED",
];

/// Each is one finding, and the SQL that `diff` prints mends it, run by the server's own program.
#[tokio::test]
async fn what_only_sql_can_say_is_found_and_mended() {
    let postgres = TestDb::new(Engine::Postgres);
    let sqlite = TestDb::new(Engine::Sqlite);
    let deferred = "UPDATE sqlite_schema SET sql = replace(sql, 'REFERENCES \"companies\" \
                    (\"tenant_id\", \"id\") ON DELETE CASCADE', 'REFERENCES \"companies\" \
                    (\"tenant_id\", \"id\") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED') \
                    WHERE name = 'campaigns'";
    for db in [&postgres, &sqlite] {
        db.tenantry(&["run"]).ok();
        db.migration(&["diff"]).ok();
    }
    let on_postgres = BY_HAND.iter().map(|(sql, code)| (&postgres, (*sql).to_owned(), *code));
    let by_text = BY_TEXT.iter().map(|new| {
        let (old, new) = (literal("\"company\" varchar(200) NULL"), literal(new));
        let set = format!("SET sql = replace(sql, {old}, {new}) WHERE name = 'leads'");
        (&sqlite, format!("UPDATE sqlite_schema {set}"), "column-differs")
    });
    let deferred = (&sqlite, deferred.to_owned(), "foreign-key-actions");
    for (db, sql, code) in on_postgres.chain(by_text).chain([deferred]) {
        db.damage(&sql).await;
        let report = db.migration(&["diff", "--json"]).expect_code(1).json();
        let findings = report["findings"].as_array().unwrap();
        let codes: Vec<&str> = findings.iter().map(|it| it["code"].as_str().unwrap()).collect();
        assert_eq!(codes.join(", "), code, "{sql}: {report:#}");
        let mend = db.migration(&["diff", "--sql"]).stdout;
        std::fs::write(db.folder().join("mend.sql"), &mend).unwrap();
        let ran = db.run_script("mend.sql");
        assert!(ran.code == 0 && !ran.stderr.contains("ERROR"), "{sql}\n{mend}\n{ran:#?}");
        let left = db.migration(&["diff"]);
        assert_eq!(left.code, 0, "{sql}\n{mend}\n{left:#?}");
    }
}

/// What decides about no row is no difference.
const NO_DIFFERENCE: [&str; 12] = [
    "CREATE STATISTICS name_and_email ON name, email FROM leads",
    "ALTER TABLE leads ALTER COLUMN name SET STATISTICS 500",
    "ALTER TABLE leads ALTER COLUMN name SET (n_distinct = -0.5)",
    "ALTER TABLE leads ALTER COLUMN name SET STORAGE EXTERNAL",
    "ALTER TABLE leads SET (fillfactor = 70, autovacuum_enabled = false)",
    "ALTER INDEX leads_tenant_id_email_idx SET (fillfactor = 70)",
    "CLUSTER leads USING leads_tenant_id_email_idx",
    "COMMENT ON TABLE leads IS 'people who asked'",
    "COMMENT ON COLUMN leads.name IS 'as they wrote it'",
    "CREATE TABLE others (id integer); COMMENT ON TABLE others IS 'no entity describes it'",
    "CREATE SEQUENCE numbers",
    "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
];

#[tokio::test]
async fn what_changes_nothing_for_rows_is_no_difference() {
    let db = TestDb::new(Engine::Postgres);
    db.migration(&["up"]).ok();
    for sql in NO_DIFFERENCE {
        db.damage(sql).await;
        let ran = db.migration(&["diff"]);
        assert_eq!(ran.code, 0, "{sql}: {ran:#?}");
    }
    assert_eq!(db.migration(&["diff", "--sql"]).ok().stdout, "");
}

/// What is attached to a table by hand is one finding each, and may be accepted by its name.
#[tokio::test]
async fn triggers_and_rules_are_found() {
    let postgres = [
        (
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             CREATE TRIGGER swallow BEFORE INSERT ON leads EXECUTE FUNCTION nothing()",
            ("trigger-unexpected", "leads", "swallow"),
            "DROP TRIGGER swallow ON leads",
        ),
        (
            "CREATE RULE keep AS ON DELETE TO leads DO INSTEAD NOTHING",
            ("rule-unexpected", "leads", "keep"),
            "DROP RULE keep ON leads",
        ),
        (
            "ALTER TABLE users DISABLE TRIGGER ALL",
            ("foreign-key-disabled", "team_members", "team_members_user_id_fkey"),
            "ALTER TABLE users ENABLE TRIGGER ALL",
        ),
    ];
    let sqlite = [(
        "CREATE TRIGGER swallow BEFORE INSERT ON LEADS BEGIN SELECT RAISE(IGNORE); END",
        ("trigger-unexpected", "LEADS", "swallow"),
        "DROP TRIGGER swallow",
    )];
    for (engine, cases) in [(Engine::Postgres, &postgres[..]), (Engine::Sqlite, &sqlite[..])] {
        let db = TestDb::new(engine);
        db.migration(&["up"]).ok();
        for (sql, (code, table, object), undo) in cases {
            db.damage(sql).await;
            let report = db.migration(&["diff", "--json"]).expect_code(1).json();
            let [finding] = &report["findings"].as_array().unwrap()[..] else {
                panic!("{sql}: {report:#}")
            };
            let said = [&finding["code"], &finding["table"], &finding["object"]];
            assert_eq!(said, [*code, *table, *object], "{sql}: {report:#}");
            db.tenantry(&["validate"]).expect_code(1);
            let accepted = serde_json::json!({ "accepted": [
                { "code": code, "table": table, "object": object, "reason": "meant" }
            ] });
            std::fs::write(db.folder().join("accepted.json"), accepted.to_string()).unwrap();
            db.migration(&["diff", "--accepted", "accepted.json"]).ok();
            db.damage(undo).await;
            db.migration(&["diff"]).ok();
        }
    }
}

/// A column may be called like any word that the server knows, and an index on it is what it was meant
/// to be: the server quotes some of them, and tells so.
#[tokio::test]
async fn every_word_of_sql_may_be_a_column() {
    let db = TestDb::new(Engine::Postgres);
    let open = db.open().await;
    let words = texts(&open.connection, "SELECT word FROM pg_get_keywords() ORDER BY word").await;
    assert!(words.len() > 400, "{words:?}");
    let mut table = Table::new("words");
    // What needs quotes for another reason, too.
    for name in words.into_iter().chain(["Upper", "a b", "1st", "é", "a\"b"].map(str::to_owned)) {
        table.indexes.push(Index {
            name: format!("words_{}_idx", table.columns.len()),
            unique: false,
            method: BTREE.to_owned(),
            options: Vec::new(),
            parts: vec![IndexPart {
                descending: table.columns.len() % 2 == 1,
                ..IndexPart::new(&name)
            }],
            predicate: None,
        });
        table.columns.push(Column::new(name, ColumnType::Text, true));
    }
    let schema = Schema { tables: [(table.name.clone(), table)].into(), ..Schema::default() };
    let all = ddl::create(&schema, Engine::Postgres).join(";\n");
    open.connection.execute_unprepared(&all).await.unwrap();
    let live = read(&open.connection, Engine::Postgres, TENANCY.application_role).await.unwrap();
    let wanted = expected(&open.connection, Engine::Postgres, schema).await.unwrap();
    assert!(wanted.exact);
    let indexes = |schema: &Schema| schema.tables["words"].indexes.clone();
    for (live, wanted) in indexes(&live).iter().zip(&indexes(&wanted.schema)) {
        assert_eq!(live, wanted);
    }
    assert_eq!(diff(&live, &wanted.schema), []);
    open.close().await;
}

/// What a server makes of the statements that create a schema is the same with and without the keys, indexes
/// and files that are left out of it.
#[tokio::test]
async fn what_is_left_out_changes_nothing() {
    let db = TestDb::new(Engine::Postgres);
    let open = db.open().await;
    let schemas = drawn(7, 39).map(|pair| pair.from);
    let mut compared = 0;
    for schema in
        schemas.chain([Schema::from_tables(&entity::all(), Some(migration::TENANCY)).unwrap()])
    {
        let mut statements = ddl::create(&schema.on(Engine::Postgres), Engine::Postgres);
        // Keys that go round in a circle are added by statements that are never left out.
        if statements.iter().any(|sql| sql.contains("FOREIGN KEY") && sql.starts_with("ALTER")) {
            continue;
        }
        let reduced = replay(&open.connection, Engine::Postgres, &statements).await.unwrap();
        statements.push("SELECT 1".to_owned());
        let whole = replay(&open.connection, Engine::Postgres, &statements).await.unwrap();
        assert_eq!(reduced, whole);
        compared += 1;
    }
    assert!(compared > 25, "{compared}");
    open.close().await;
}

/// PostgreSQL compiles no statement that reads a schema, however much the planner thinks that it costs
/// (`jit_above_cost`).
#[tokio::test]
async fn reading_a_schema_is_never_compiled() {
    let db = TestDb::new(Engine::Postgres);
    db.migration(&["up"]).ok();
    db.server().execute_as_superuser(&format!(
        "ALTER DATABASE {} SET session_preload_libraries = 'auto_explain'; \
         ALTER DATABASE {0} SET auto_explain.log_min_duration = 0; \
         ALTER DATABASE {0} SET auto_explain.log_level = 'notice'; \
         ALTER DATABASE {0} SET jit_above_cost = 100",
        db.server().name
    ));
    for (program, command) in [("migration", "diff"), ("tenantry", "validate")] {
        let ran = db.bin(program).env("RUST_LOG", "sqlx=info").args(&[command]).run();
        let plans = ran.stderr.matches("(cost=").count();
        assert!(plans > 20, "{ran:#?}");
        assert!(!ran.stderr.contains("JIT:"), "{ran:#?}");
    }
}
