//! Changes that once lost, misread or froze values: by the real binary, on both engines, with rows.

use std::fs;

use migration::{
    diff::{Renames, diff},
    generate::{Answers, Proposal, Question, propose},
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
    down_backfills: Vec<[&'static str; 3]>,
}

impl Changed {
    fn new(edit: impl FnOnce(&mut Schema)) -> Self {
        let mut to = migration::PROJECT.schema().unwrap();
        edit(&mut to);
        let to = to.sorted();
        Self {
            to,
            renamed_columns: vec![],
            renamed_tables: vec![],
            backfills: vec![],
            down_backfills: vec![],
        }
    }

    /// What `generate` says.
    fn proposal(&self) -> migration::Result<Proposal> {
        let mut renames = Renames::default();
        for [table, new, old] in self.renamed_columns.iter().map(|it| it.map(str::to_owned)) {
            renames.columns.insert((table, new), old);
        }
        let renamed_tables = self.renamed_tables.iter().map(|it| it.map(str::to_owned).into());
        let backfills = |given: &[[&str; 3]]| {
            let given = given.iter().map(|it| it.map(str::to_owned));
            given.map(|[table, column, value]| ((table, column), value)).collect()
        };
        let answers = Answers {
            renamed_tables: renamed_tables.collect(),
            backfills: backfills(&self.backfills),
            down_backfills: backfills(&self.down_backfills),
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
            "down_backfills": self.down_backfills,
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

/// A2: two columns exchange their names, and A3: a new one takes the name that another leaves.
#[tokio::test]
async fn names_of_columns_cross() {
    let mut exchange = Changed::new(|_| {});
    exchange.renamed_columns.extend([["leads", "name", "company"], ["leads", "company", "name"]]);
    let mut freed = Changed::new(|to| {
        let leads = to.tables.get_mut("leads").unwrap();
        let new = leads.column("name").unwrap().clone();
        for column in leads.columns.iter_mut().filter(|column| column.name == "name") {
            "title".clone_into(&mut column.name);
        }
        leads.columns.push(new);
    });
    freed.renamed_columns.push(["leads", "title", "name"]);
    let mut taken = Changed::new(|to| {
        to.tables.get_mut("leads").unwrap().columns.retain(|column| column.name != "name");
    });
    taken.renamed_columns.push(["leads", "company", "name"]);
    let leads = &mut taken.to.tables.get_mut("leads").unwrap().columns;
    leads.iter_mut().find(|column| column.name == "company").unwrap().ty = ColumnType::Text;
    let asked = |change: &Changed| {
        let questions = change.proposal().unwrap().questions;
        questions.iter().map(Question::message).collect::<Vec<_>>()
    };
    assert_eq!((asked(&exchange), asked(&freed)), (vec![], vec![]));
    assert_eq!(asked(&taken), ["the column leads.company is dropped, and what is in it is lost"]);
    let lead = ("leads", "email, name, company", "'a@example.com', 'NAME', 'COMPANY'");
    for engine in ENGINES {
        for (change, read, wanted) in [
            (&exchange, "name || ' ' || company", "COMPANY NAME"),
            (&freed, "title || ' ' || company || coalesce(name, ' none')", "NAME COMPANY none"),
            (&taken, "company || email", "NAMEa@example.com"),
        ] {
            let db = database(engine, &[lead]).await;
            let mut up = change.run(&db, &["up"]);
            if up.code == 1 {
                assert!(up.stderr.contains("leads: 1 row"), "{up:#?}");
                up = change.run(&db, &["up", "--confirm", &up.hash()]);
            }
            up.ok();
            assert_eq!(
                values(&db, &format!("SELECT {read} FROM leads")).await,
                [wanted],
                "{engine}"
            );
            change.check(&db).await;
            let mut down = change.run(&db, &["down"]);
            if down.code == 1 {
                down = change.run(&db, &["down", "--confirm", &down.hash()]);
            }
            down.ok();
            let back = "SELECT name || coalesce(company, '') FROM leads";
            let wanted = if wanted.starts_with("NAMEa") { "NAME" } else { "NAMECOMPANY" };
            assert_eq!(values(&db, back).await, [wanted], "{engine}");
        }
    }
}

/// The same for tables.
#[tokio::test]
async fn names_of_tables_cross() {
    // As the entity would be, with all that is named after the table.
    fn named(to: &mut Schema, old: &str, new: &str) {
        let table = to.tables.remove(old).unwrap();
        let text = serde_json::to_string(&table).unwrap();
        let text = text.replace(&format!("\"{old}"), &format!("\"{new}"));
        let table: migration::schema::Table = serde_json::from_str(&text).unwrap();
        to.tables.insert(format!("was {old}"), table);
    }
    let settle = |to: &mut Schema| {
        to.tables = std::mem::take(&mut to.tables)
            .into_values()
            .map(|table| (table.name.clone(), table))
            .collect();
    };
    let mut exchange = Changed::new(|to| {
        named(to, "templates", "email_services");
        named(to, "email_services", "templates");
        settle(to);
    });
    exchange
        .renamed_tables
        .extend([["templates", "email_services"], ["email_services", "templates"]]);
    let mut freed = Changed::new(|to| {
        let new = to.tables["templates"].clone();
        named(to, "templates", "x_templates");
        settle(to);
        to.tables.insert("templates".to_owned(), new);
    });
    freed.renamed_tables.push(["templates", "x_templates"]);
    for engine in ENGINES {
        for (change, table) in [(&exchange, "email_services"), (&freed, "x_templates")] {
            let db = database(engine, &[TEMPLATE]).await;
            change.run(&db, &["up"]).ok();
            let read = format!("SELECT name || content FROM {table}");
            assert_eq!(values(&db, &read).await, ["nc"], "{engine}");
            change.check(&db).await;
            change.run(&db, &["down"]).ok();
            assert_eq!(
                values(&db, "SELECT name || content FROM templates").await,
                ["nc"],
                "{engine}"
            );
        }
    }
}

/// A4 and A5: a value that is made up when a column comes back could be refused. `generate` says so, and `down`
/// says it before anything is changed; with a value, it works.
#[tokio::test]
async fn a_dropped_column_comes_back_with_values() {
    let without = |table: &'static str, column: &'static str| {
        Changed::new(move |to| {
            let table = to.tables.get_mut(table).unwrap();
            table.columns.retain(|it| it.name != column);
            let mentions = |text: &str| migration::schema::expr::mentions(text, column);
            table.checks.retain(|check| !mentions(&check.expr));
            table.indexes.retain(|index| !index.parts.iter().any(|part| mentions(&part.expr)));
        })
    };
    let row = |number: u8| match number {
        1 => ("payments", PAYMENT, "7, 'EUR', 'pending', NULL"),
        2 => ("domains", "name", "'a.example'"),
        _ => ("domains", "name", "'b.example'"),
    };
    let amount = (without("payments", "amount"), vec![row(1)], ["payments", "amount", "3"]);
    let by_id = ["domains", "name", "CAST(id AS varchar(255))"];
    let domain = (without("domains", "name"), vec![row(2), row(3)], by_id);
    for (mut change, rows, [table, column, value]) in [amount, domain] {
        let asked = change.proposal().unwrap().questions;
        assert!(
            asked
                .iter()
                .any(|it| it.code() == "down-backfill" && it.column().as_deref() == Some(column)),
            "{asked:?}"
        );
        for engine in ENGINES {
            let db = database(engine, &rows).await;
            let refused = change.run(&db, &["up"]).expect_code(1);
            change.run(&db, &["up", "--confirm", &refused.hash()]).ok();
            let before = db.catalogue().await;
            for command in [&["down"][..], &["reset"], &["redo"]] {
                let refused = change.run(&db, command).expect_code(2);
                assert!(refused.error().contains("m20270101_000001_change.rs"), "{refused:#?}");
                assert_eq!(db.catalogue().await, before, "{engine}");
            }
            change.down_backfills.push([table, column, value]);
            change.run(&db, &["down"]).ok();
            let count = format!("SELECT CAST(count(DISTINCT {column}) AS text) FROM {table}");
            assert_eq!(values(&db, &count).await, [rows.len().to_string()], "{engine}");
            change.down_backfills.clear();
            assert_eq!(db.migration(&["diff"]).code, 0, "{engine}");
        }
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

/// A11: types of extensions, in the schema of the tables and in another one.
#[tokio::test]
async fn types_of_extensions_are_compared() {
    for (schema, ty) in [("public", "citext"), ("ext", "ext.citext")] {
        let change = Changed::new(|to| {
            let name = column(to, "domains", "name");
            name.ty = ColumnType::Other(ty.to_owned());
            name.default = Some(format!("'none'::{ty}"));
        });
        let db = database(Engine::Postgres, &[("domains", "name", "'A.Example'")]).await;
        db.server().execute_as_superuser(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION citext SCHEMA {schema}; \
             GRANT USAGE ON SCHEMA {schema} TO PUBLIC"
        ));
        change.run(&db, &["up"]).ok();
        change.check(&db).await;
        assert_eq!(
            values(&db, "SELECT name FROM domains WHERE name = 'a.example'").await.len(),
            usize::from(schema == "public")
        );
        change.run(&db, &["down"]).ok();
        db.migration(&["diff"]).ok();
    }
}

/// A7 and A24: a view over a column that changes is named.
#[tokio::test]
async fn a_view_in_the_way_is_named() {
    let change = Changed::new(|to| column(to, "templates", "name").ty = ColumnType::Text);
    let db = database(Engine::Postgres, &[TEMPLATE]).await;
    db.execute("CREATE VIEW titles AS SELECT name FROM templates").await;
    let refused = change.run(&db, &["up"]).expect_code(2);
    assert!(refused.error().contains("view titles depends on column \"name\""), "{refused:#?}");
    db.execute("DROP VIEW titles; ALTER TABLE templates ALTER COLUMN name TYPE text").await;
    db.execute(
        "CREATE VIEW titles AS SELECT name FROM templates; \
         CREATE VIEW upper_titles AS SELECT upper(name) FROM titles; \
         CREATE VIEW subjects AS SELECT subject FROM templates",
    )
    .await;
    let script = db.migration(&["diff", "--sql"]).stdout;
    let said =
        |view: &str| format!("-- may be in the way, so drop it first and make it again: {view}\n");
    let first = said("the view upper_titles, which reads titles");
    let then = said("the view titles, which reads templates.name");
    assert!(script.contains(&(first + &then)), "{script}");
    assert!(!script.contains("subjects"), "{script}");
}

/// A18: a migration that renames and recreates a table loses nothing, so `up` asks for no consent.
#[tokio::test]
async fn a_renamed_table_is_recreated_without_a_question() {
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

/// A20: before a migration recreates an SQLite table, `up` names what was added to it by hand, and asks for
/// consent to lose it.
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
