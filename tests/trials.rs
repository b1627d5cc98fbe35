//! Changes that once lost, misread or froze values: by the real binary, on both engines, with rows.

use std::fs;

use migration::{
    diff::{Renames, diff},
    generate::{Answers, Proposal, propose},
    schema::{Column, ColumnType, Schema, read},
};
use serde_json::json;

use crate::support::{Engine, Ran, TestDb, texts};

/// What the entities become, and what the developer says of it.
struct Changed {
    to: Schema,
    /// Table, new name and old name.
    renamed_columns: Vec<[&'static str; 3]>,
    /// Old name and new name.
    renamed_tables: Vec<[&'static str; 2]>,
    /// Table, column and value.
    backfills: Vec<[&'static str; 3]>,
}

impl Changed {
    fn new(edit: impl FnOnce(&mut Schema)) -> Self {
        let mut to = migration::PROJECT.schema().unwrap();
        edit(&mut to);
        let to = to.sorted();
        Self { to, renamed_columns: vec![], renamed_tables: vec![], backfills: vec![] }
    }

    /// What `generate` says.
    fn proposal(&self) -> migration::Result<Proposal> {
        let mut renames = Renames::default();
        for [table, new, old] in self.renamed_columns.iter().map(|it| it.map(str::to_owned)) {
            renames.columns.insert((table, new), old);
        }
        let renamed_tables = self.renamed_tables.iter().map(|it| it.map(str::to_owned).into());
        let backfills = self.backfills.iter().map(|it| it.map(str::to_owned));
        let answers = Answers {
            renamed_tables: renamed_tables.collect(),
            backfills: backfills.map(|[table, column, value]| ((table, column), value)).collect(),
        };
        Ok(propose(&migration::PROJECT.schema().unwrap(), &self.to, &renames, &answers)?)
    }

    /// The real `migration`, which has a migration for it, with these arguments.
    fn run(&self, db: &TestDb, args: &[&str]) -> Ran {
        let file = db.folder().join("change.json");
        let change = json!({
            "to": self.to.to_snapshot().unwrap(),
            "renamed_columns": self.renamed_columns,
            "renamed_tables": self.renamed_tables,
            "backfills": self.backfills,
        });
        fs::write(&file, change.to_string()).unwrap();
        db.more(args).env("TENANTRY_TEST_CHANGE", file.to_str().unwrap()).run()
    }

    /// Fails unless the database has exactly the new schema.
    async fn check(&self, db: &TestDb) {
        let opened = db.open().await;
        let wanted = migration::schema::expected(&opened.connection, db.engine, self.to.clone());
        let wanted = wanted.await.unwrap().schema;
        let live = read(&opened.connection, db.engine, "tenantry_app").await.unwrap();
        let live = live.filtered(|name| self.to.tables.contains_key(name));
        assert_eq!(diff(&live, &wanted), []);
        opened.close().await;
    }
}

fn column<'a>(schema: &'a mut Schema, table: &str, name: &str) -> &'a mut Column {
    let table = schema.tables.get_mut(table).unwrap();
    table.columns.iter_mut().find(|column| column.name == name).unwrap()
}

/// A UUID that ends in this digit.
fn uuid(engine: Engine, digit: u8) -> String {
    match engine {
        Engine::Sqlite => format!("x'0000000000000000000000000000000{digit}'"),
        _ => format!("'00000000-0000-0000-0000-00000000000{digit}'"),
    }
}

/// A database at the thirteen migrations, with one tenant and these rows of it: a table, columns and their
/// values.
async fn database(engine: Engine, rows: &[(&str, &str, &str)]) -> TestDb {
    let db = TestDb::new(engine);
    db.migration(&["up"]).ok();
    let tenant = uuid(engine, 1);
    db.damage(&format!(
        "INSERT INTO tenants (id, name, slug) VALUES ({tenant}, 'one', 'c'); \
         INSERT INTO users (id, email) VALUES ({tenant}, 'a@example.com'); \
         INSERT INTO team_members (tenant_id, id, user_id, email, name, role) \
         VALUES ({tenant}, {tenant}, {tenant}, 'a@example.com', 'a', 'owner')"
    ))
    .await;
    for (number, (table, columns, values)) in (2..).zip(rows) {
        let id = uuid(engine, number);
        let (columns, values) = match *table {
            "payments" => (format!("user_id, {columns}"), format!("{tenant}, {values}")),
            _ => ((*columns).to_owned(), (*values).to_owned()),
        };
        let (columns, values) =
            (format!("tenant_id, id, {columns}"), format!("{tenant}, {id}, {values}"));
        db.damage(&format!("INSERT INTO {table} ({columns}) VALUES ({values})")).await;
    }
    db
}

/// What a query gives, past the policies.
async fn values(db: &TestDb, sql: &str) -> Vec<String> {
    if db.engine == Engine::Sqlite {
        let opened = db.open().await;
        let found = texts(&opened.connection, sql).await;
        opened.close().await;
        return found;
    }
    db.server().texts_as_superuser(sql)
}

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

const TEMPLATE: (&str, &str, &str) = ("templates", "name, subject, content", "'n', 's', 'c'");

const PAYMENT: &str = "amount, currency, status, processed_at";

/// A1: the day of a moment.
#[tokio::test]
async fn a_moment_becomes_its_day() {
    let change = Changed::new(|to| column(to, "payments", "processed_at").ty = ColumnType::Date);
    let [question] = &change.proposal().unwrap().questions[..] else { panic!("one question") };
    let said = "payments.processed_at becomes date instead of timestamptz, and its values lose the \
                time of day; one that does not fit makes `up` fail";
    assert_eq!(question.message(), said);
    for engine in ENGINES {
        let row = ("payments", PAYMENT, "1, 'EUR', 'pending', '2026-01-02T03:04:05+00:00'");
        let db = database(engine, &[row]).await;
        change.run(&db, &["up"]).ok();
        let day = "SELECT CAST(processed_at AS text) FROM payments";
        assert_eq!(values(&db, day).await, ["2026-01-02"], "{engine}");
        change.check(&db).await;
        change.run(&db, &["down"]).ok();
        let back = values(&db, day).await.remove(0);
        assert!(back.replace('T', " ").starts_with("2026-01-02 00:00:00"), "{engine}: {back}");
    }
}

/// A15: a number that is too large is refused, and nothing is changed.
#[tokio::test]
async fn a_number_that_does_not_fit_is_refused() {
    let change = Changed::new(|to| column(to, "payments", "amount").ty = ColumnType::Integer);
    assert_eq!(change.proposal().unwrap().questions, []);
    for engine in ENGINES {
        let row = ("payments", PAYMENT, "3000000000, 'EUR', 'pending', NULL");
        let db = database(engine, &[row]).await;
        let before = db.catalogue().await;
        let refused = change.run(&db, &["up"]).expect_code(2);
        assert!(!refused.stderr.contains("3000000000"), "{engine}: {refused:#?}");
        if engine == Engine::Sqlite {
            assert!(refused.error().contains("payments.amount"), "{refused:#?}");
        }
        assert_eq!(db.catalogue().await, before, "{engine}");
        db.damage("UPDATE payments SET amount = 2147483647").await;
        change.run(&db, &["up"]).ok();
        change.run(&db, &["down"]).ok();
        let amount = "SELECT CAST(amount AS text) FROM payments";
        assert_eq!(values(&db, amount).await, ["2147483647"], "{engine}");
    }
}

/// A16 and A23 are rows of the table of conversions; A17: an offset is honoured, and comes back as UTC.
#[tokio::test]
async fn an_offset_is_honoured() {
    let change =
        Changed::new(|to| column(to, "payments", "processed_at").ty = ColumnType::Timestamp);
    for engine in ENGINES {
        let row = ("payments", PAYMENT, "1, 'EUR', 'pending', '2026-01-01T10:00:00+02:00'");
        let db = database(engine, &[row]).await;
        change.run(&db, &["up"]).ok();
        let moment = "SELECT CAST(processed_at AS text) FROM payments";
        assert_eq!(values(&db, moment).await, ["2026-01-01 08:00:00"], "{engine}");
        change.run(&db, &["down"]).ok();
        let back = match engine {
            Engine::Sqlite => values(&db, moment).await.remove(0),
            _ => {
                let utc = "SELECT to_char(processed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"') FROM payments";
                values(&db, utc).await.remove(0)
            }
        };
        assert_eq!(back, "2026-01-01T08:00:00+00:00", "{engine}");
    }
}

/// A18: a table that is renamed and made anew loses nothing, so nobody is asked.
#[tokio::test]
async fn a_renamed_table_is_made_anew_without_a_question() {
    let mut change = Changed::new(|to| {
        let mut table = to.tables.remove("templates").unwrap();
        "blueprints".clone_into(&mut table.name);
        to.tables.insert(table.name.clone(), table);
        column(to, "blueprints", "name").ty = ColumnType::Text;
    });
    change.renamed_tables.push(["templates", "blueprints"]);
    for engine in ENGINES {
        let db = database(engine, &[TEMPLATE]).await;
        change.run(&db, &["up"]).ok();
        assert_eq!(values(&db, "SELECT name || content FROM blueprints").await, ["nc"], "{engine}");
        change.check(&db).await;
        change.run(&db, &["down"]).ok();
        assert_eq!(values(&db, "SELECT name || content FROM templates").await, ["nc"], "{engine}");
    }
}

/// A20: what somebody made inside a table that SQLite makes anew is named, and goes with consent only.
#[tokio::test]
async fn what_was_made_by_hand_inside_a_table_is_named() {
    let change = Changed::new(|to| column(to, "templates", "name").ty = ColumnType::Text);
    let cases = [
        ("content text", "content text CHECK (content <> 'x')", "the check (content <> 'x'"),
        (
            "content text",
            "content text COLLATE NOCASE",
            "templates.content, which is COLLATE NOCASE",
        ),
        ("content text", "content text UNIQUE", "the index sqlite_autoindex_templates_"),
        (") ;", ") WITHOUT ROWID;", "templates, which is WITHOUT ROWID"),
        (") ;", ") STRICT;", "templates, which is STRICT"),
        (
            "content text",
            "content text REFERENCES tenants (slug)",
            "the foreign key templates(content)",
        ),
        ("name", "name", ""),
    ];
    for (old, new, said) in cases {
        let db = database(Engine::Sqlite, &[TEMPLATE]).await;
        let sql = "SELECT replace(sql, '\"content\"', 'content') || ' ;' FROM sqlite_schema \
                   WHERE name = 'templates'";
        let table = values(&db, sql).await.remove(0).replacen("\"templates\"", "remade", 1);
        let mut table = table.replacen(old, new, 1);
        if new.contains("STRICT") {
            // It knows few types.
            for ty in ["uuid_text", "varchar(100)", "varchar(255)", "timestamp_with_timezone_text"]
            {
                table = table.replace(ty, "any");
            }
        }
        assert!(old == new || table.contains(new), "{table}");
        let indexes = values(
            &db,
            "SELECT sql FROM sqlite_schema WHERE tbl_name = 'templates' AND type = 'index' AND sql <> ''",
        )
        .await;
        let columns = "tenant_id, id, name, subject, content, created_at, updated_at";
        db.damage(&format!(
            "{table} INSERT INTO remade ({columns}) SELECT {columns} FROM templates; \
             DROP TABLE templates; ALTER TABLE remade RENAME TO templates; {}",
            indexes.join(";")
        ))
        .await;
        if said.is_empty() {
            change.run(&db, &["up"]).ok();
            continue;
        }
        let refused = change.run(&db, &["up"]).expect_code(1);
        assert!(refused.stderr.contains(&format!("made by hand: {said}")), "{said}: {refused:#?}");
        change.run(&db, &["up", "--confirm", &refused.hash()]).ok();
        change.check(&db).await;
        assert_eq!(values(&db, "SELECT name || content FROM templates").await, ["nc"]);
    }
}
