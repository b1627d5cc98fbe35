//! A database of another tool is adopted: entities, objects and a first migration are written from it, they compile, and
//! they make the same database again, but for what is named.

use std::{collections::BTreeSet, fmt::Write as _, fs, process::Command};

use migration::{
    adopt::{Adopted, adopt, not_said},
    diff::diff,
    schema::{ColumnType, Schema, ddl, read},
};
use sea_orm::ConnectionTrait as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Bin, Engine, Ran, TestDb, postgres::SECRET, random_schema::drawn, workspace::Workspace,
};

const BAKERY: &str = include_str!("samples/bakery.sql");

/// A project without an entity, for a database that has tables already.
pub fn add_blank_project(copy: &Workspace) {
    copy.write(
        "adopted/Cargo.toml",
        &copy.read("wholesale/Cargo.toml").replace("wholesale", "adopted"),
    );
    copy.write("adopted/src/entity/mod.rs", "//! The tables.\n\ntenantry_entity::entities![];\n");
    copy.write("adopted/accepted_drift.json", "{ \"accepted\": [] }\n");
    copy.write("adopted/src/objects.rs", "pub const ALL: &[(&str, &str)] = &[];\n");
    copy.write(
        "adopted/src/lib.rs",
        "//! Adopted.\n\npub mod entity;\nmod objects;\n\npub use tenantry_migration::*;\n\n\
         /// The tables and migrations.\npub static PROJECT: Project = Project {\n    name: \"adopted\",\n    \
         version: \"0.1.0\",\n    tables: entity::all,\n    schema_name: None,\n    tenancy: None,\n    \
         engines: &[Engine::Postgres],\n    migrations,\n    bookkeeping: \"seaql_migrations\",\n    \
         accepted_drift: include_str!(\"../accepted_drift.json\"),\n    objects: objects::ALL,\n    sealed: false,\n};\n\n\
         tenantry_migration::migrations![PROJECT;\n];\n",
    );
    copy.write(
        "adopted/src/main.rs",
        "//! The command.\n\nfn main() -> std::process::ExitCode {\n    \
         tenantry_migration::cli::main(&adopted::PROJECT)\n}\n",
    );
    copy.replace("Cargo.toml", "members = [", "members = [\"adopted\", ");
}

/// Adopts the bakery, changes something, and makes it again from nothing. The project is built already.
pub async fn comes_home(copy: &Workspace) {
    let there = TestDb::new(Engine::Postgres);
    there.execute(BAKERY).await;
    // A role that may change nothing, and reads no row.
    let reader = there.server().role("");
    let reader = there.server().url_as(&reader, SECRET);
    let run = |url: &str, args: &[&str]| -> Ran {
        let program = copy.keep("adopted");
        Bin::at(&program, &copy.root().join("adopted")).env("DATABASE_URL", url).args(args).run()
    };
    let here = ["--migration-dir", "."];
    let dry = run(&reader, &[&["adopt", "--dry-run"][..], &here].concat()).ok();
    assert!(dry.stdout.contains("would write 4 entities"), "{dry:#?}");
    assert_eq!(copy.read("adopted/src/entity/mod.rs").matches("bakery").count(), 0);
    let adopted = run(&reader, &[&["adopt", "--json"][..], &here].concat()).ok();
    let report: Value = serde_json::from_str(&adopted.stdout).unwrap();
    let left: BTreeSet<String> = report["left"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| {
            format!("{} {}", left["kind"].as_str().unwrap(), left["name"].as_str().unwrap())
        })
        .collect();
    for expected in [
        "difference loaves.receipt",
        "difference moves.id",
        "difference ovens.fk_oven_bakery",
        "object of_today",
        "privileges ovens",
        "rule moves: kept",
        "schema archive",
        "sequence receipt_numbers",
        "serial column bakeries: id",
        "statistics public.names",
        "storage parameters loaves",
        "table events",
        "table events_2026",
        "table log",
        "unique constraint bakeries: bakeries_name_key",
    ] {
        assert!(left.contains(expected), "{expected}: {left:#?}");
    }
    assert_eq!(report["other_tools"][0][1], "diesel");
    let bakery = copy.read("adopted/src/entity/bakery.rs");
    for part in
        ["/// The first day |of many|", "pub r#type: Type,", "has_many", "Where bread is made"]
    {
        assert!(bakery.contains(part), "{part}: {bakery}");
    }
    let again = run(&reader, &[&["adopt"][..], &here].concat()).ok();
    assert!(
        again.stdout.contains("nothing to adopt"),
        "what is written is not written twice: {again:#?}"
    );

    let build = || copy.cargo(&["build", "--quiet", "--offline", "--package", "adopted", "--bins"]);
    build();
    let recorded = run(&there.url, &["baseline"]).ok();
    assert_eq!(recorded.last_line(), "1 migration recorded as applied");
    let diff = run(&there.url, &["diff"]).expect_code(1);
    let codes: BTreeSet<&str> =
        diff.stdout.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let besides = BTreeSet::from(["constraint-name", "index-missing"]);
    assert!(codes.is_subset(&besides), "only what entities ask for besides: {diff:#?}");
    run(&there.url, &[&["generate", "name_keys"][..], &here].concat()).ok();
    build();
    run(&there.url, &["up"]).ok();
    let clean = run(&there.url, &["diff"]).ok();
    assert!(clean.stdout.contains("no difference"), "{clean:#?}");

    let new = TestDb::new(Engine::Postgres);
    run(&new.url, &["up"]).ok();
    run(&new.url, &["diff"]).ok();
    let (before, after) = (contents(&there), contents(&new));
    let named = copy.read("adopted/adopted.md");
    let lost: Vec<&String> = before.difference(&after).filter(|it| !is_named(it, &named)).collect();
    assert!(lost.is_empty(), "neither carried nor named: {lost:#?}\n{named}");
    let more: Vec<&String> = after.difference(&before).collect();
    let expected = [
        "INDEX bakeries_name_key",
        // Which says the deferrable one.
        "FK CONSTRAINT ovens ovens_bakery_id_fkey",
    ];
    assert!(more.iter().all(|it| expected.contains(&it.as_str())), "{more:#?}");
    run(&new.url, &["down"]).ok();
    run(&new.url, &["down"]).ok();
    // An extension may have been there before.
    let stays = ["seaql_migrations", "EXTENSION citext", "SCHEMA public"];
    let mut there = contents(&new);
    there.retain(|it| !stays.iter().any(|part| it.contains(part)));
    assert!(there.is_empty(), "{there:#?}");
}

/// What `pg_dump` has to say of a database: each object's kind and name.
fn contents(db: &TestDb) -> BTreeSet<String> {
    let dump = Command::new("pg_dump").args(["--schema-only", &db.url]).output().unwrap();
    assert!(dump.status.success(), "{dump:?}");
    let dump = String::from_utf8(dump.stdout).unwrap();
    let entries = dump.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("-- Name: ")?.split_once("; Type: ")?;
        let (kind, rest) = rest.split_once("; Schema: ")?;
        let schema = rest.split(';').next().filter(|it| !["public", "-"].contains(it));
        Some([Some(kind), Some(name), schema].into_iter().flatten().collect::<Vec<_>>().join(" "))
    });
    entries.collect()
}

/// Whether the report names an object, or the table or the column that it belongs to.
fn is_named(entry: &str, report: &str) -> bool {
    let words: Vec<&str> =
        entry.split([' ', '(', ',', ')']).filter(|word| !word.is_empty()).collect();
    let belongs =
        |it: &str| report.contains(&format!("`{it}`")) || report.contains(&format!("`{it}:"));
    let own = |it: &&str| {
        belongs(it)
            || report.contains(&format!(": {it}`"))
            || report.contains(&format!(".{it}`"))
            // Of a serial column, or of a partition.
            || it.strip_suffix("_seq").is_some_and(|column| {
                report.lines().any(|line| {
                    let named = line.split('`').nth(1).unwrap_or_default();
                    line.contains("serial column") && named.replace(": ", "_") == column
                        || line.contains("difference") && named.replace('.', "_") == column
                })
            })
    };
    words.iter().any(own)
}

/// Makes random schemas by SQL and reads them again. Types that need other features of SeaORM are left out: Cargo would
/// compile it a second time.
pub async fn of_random_schemas(count: usize) -> Vec<Adopted> {
    let mut adopted = Vec::new();
    for pair in drawn(11, count) {
        let mut wanted = pair.to.clone().without_access();
        for table in wanted.tables.values_mut() {
            for column in &mut table.columns {
                let is_list = matches!(&column.ty, ColumnType::EnumArray(_))
                    || matches!(&column.ty, ColumnType::Other(text) if text.ends_with("[]"));
                if matches!(column.ty, ColumnType::Numeric(_)) || is_list {
                    column.ty = ColumnType::Double;
                    column.default = None;
                }
            }
        }
        let db = TestDb::new(Engine::Postgres);
        let open = db.open().await;
        let made = async {
            for sql in ddl::create(&wanted, Engine::Postgres) {
                open.connection.execute_unprepared(&sql).await?;
            }
            read(&open.connection, Engine::Postgres, "").await
        };
        let made = made.await;
        open.close().await;
        // What fits no other type was changed by us.
        let Ok(live) = made else { continue };
        let one = adopt(&live, Engine::Postgres, None, &[]);
        let said: Vec<String> = not_said(&one).iter().map(|it| it.message.clone()).collect();
        let lost = diff(&one.live, &one.schema);
        assert!(one.left.is_empty() || lost.len() >= one.left.len(), "{said:?}");
        adopted.push(one);
    }
    adopted
}

/// The modules of adopted schemas, as `path` and text, and a program's lines that print what they say.
pub fn as_modules(all: &[Adopted]) -> (Vec<(String, String)>, String, String) {
    let (mut files, mut modules, mut lines) = (Vec::new(), String::new(), String::new());
    for (number, adopted) in all.iter().enumerate() {
        let list: Vec<&str> = adopted.entities.iter().map(|file| file.module.as_str()).collect();
        let list = list.join(", ");
        files.push((format!("a{number}.rs"), format!("tenantry_entity::entities![{list}];\n")));
        for file in &adopted.entities {
            files.push((format!("a{number}/{}.rs", file.module), file.source.clone()));
        }
        let _ = writeln!(
            modules,
            "#[allow(clippy::disallowed_methods, missing_docs, unreachable_pub, reason = \"as others have them\")]\nmod a{number};"
        );
        let _ = writeln!(lines, "println!(\"{{}}\", said(&a{number}::all())?);");
    }
    modules.push_str(
        "/// What entities say, on one line.\n\
         fn said(all: &[tenantry_entity::TableDef]) -> tenantry_migration::Result<String> {\n\
         let said = tenantry_migration::schema::Schema::from_tables(all, None)?.to_snapshot();\n\
         Ok(said.map_err(std::io::Error::from)?.replace('\\n', \" \"))\n}\n",
    );
    (files, modules, lines)
}

/// What entities say is what was read, but for names of keys and indexes of foreign keys.
pub fn assert_said(adopted: &Adopted, printed: &str) {
    let said = Schema::from_snapshot(printed).unwrap();
    let changes: Vec<String> = diff(&adopted.schema, &said)
        .iter()
        .map(ToString::to_string)
        .filter(|change| !change.contains("is renamed to") && !change.ends_with(" is added"))
        .collect();
    assert_eq!(changes, Vec::<String>::new(), "{:#?}", adopted.schema);
}

/// The folders of a project without tables.
fn folders() -> (TempDir, Vec<String>) {
    let temp = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = temp.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("migration/Cargo.toml", "[package]\n");
    write("migration/src/lib.rs", "migrations![];\n");
    write("entity/src/lib.rs", "tenantry_entity::entities![];\n");
    write("entity/src/person.rs", "// Not ours.\n");
    write("words.sql", "these are words;\n");
    write(
        "shop.sql",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name NVARCHAR(40) NOT NULL UNIQUE, born DATETIME, shoe INT);\n\
         CREATE TABLE orders (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,\n\
         state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'paid')));\n\
         CREATE INDEX of_person ON orders (person_id, state DESC);\n\
         CREATE TABLE knex_migrations (id INTEGER PRIMARY KEY);\nCREATE TABLE keyless (a INTEGER);\n\
         CREATE VIEW paid AS SELECT * FROM orders WHERE state = 'paid';\n",
    );
    let migration = temp.path().join("migration").display().to_string();
    (temp, vec!["adopt".to_owned(), "--migration-dir".to_owned(), migration])
}

/// What cannot be adopted is a sentence, and nothing is written.
#[tokio::test]
async fn what_cannot_be_adopted_is_said() {
    let (temp, begin) = folders();
    let db = TestDb::new(Engine::Postgres);
    db.execute(BAKERY).await;
    let words = temp.path().join("words.sql").display().to_string();
    let root = temp.path().display().to_string();
    let cases: [(&[&str], &str); 8] = [
        (&["--entity-dir", &root], "has a list `tenantry_entity::entities![]`"),
        (&["--schema", "nowhere"], "there is no schema nowhere"),
        (&["--tables", "bakeries,nothing"], "there is no table nothing"),
        (&["--tables", "ovens,ovens"], "--tables is given twice for ovens"),
        (&["--from", "nowhere.sql"], "nowhere.sql cannot be read"),
        (&["--from", &words], "may not create one"),
        (&["Bad Name"], "Bad Name"),
        // The thirteen tables are for every engine.
        (&[], "leave `Engine::Sqlite` out of the project's `engines`"),
    ];
    for (args, expected) in cases {
        let all: Vec<&str> = begin.iter().map(String::as_str).chain(args.iter().copied()).collect();
        let ran = db.migration(&all).expect_code(2).clean_output();
        assert!(ran.error().contains(expected), "{args:?}: {ran:#?}");
    }
    let list = fs::read_to_string(temp.path().join("entity/src/lib.rs")).unwrap();
    assert_eq!(list, "tenantry_entity::entities![];\n");
    assert!(!temp.path().join("migration/schema.json").exists());
}

/// A dump of SQLite, into a folder that has a module of the name.
#[test]
fn a_dump_is_adopted() {
    let (temp, begin) = folders();
    let db = TestDb::new(Engine::Sqlite);
    let dump = temp.path().join("shop.sql").display().to_string();
    let mut args: Vec<&str> = begin.iter().map(String::as_str).collect();
    args.extend(["--from", &dump]);
    let path = std::env::var("PATH").unwrap();
    let ran = db.bin("migration").env("PATH", &path).args(&args).run().ok();
    assert!(!db.file().exists(), "the dump is run elsewhere");
    for part in [
        "wrote 2 entities into",
        "left alone: knex_migrations, in which Knex keeps what it has applied",
        "table keyless: it has no primary key",
        "wrote objects/paid.sql",
        "difference people.shoe",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {ran:#?}");
    }
    let read = |path: &str| fs::read_to_string(temp.path().join(path)).unwrap();
    assert_eq!(read("entity/src/person.rs"), "// Not ours.\n");
    assert_eq!(
        read("entity/src/lib.rs"),
        "tenantry_entity::entities![\n    person_2,\n    order,\n];\n"
    );
    assert_eq!(
        read("entity/src/order.rs"),
        r#"//! `orders`.

use sea_orm::{
    entity::prelude::*,
    sea_query::{Index, IndexCreateStatement, IndexOrder},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    #[sea_orm(string_value = "new")]
    New,
    #[sea_orm(string_value = "paid")]
    Paid,
}

/// A row of `orders`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub person_id: i64,
    #[sea_orm(default_value = "new", extra = "CHECK (state IN ('new', 'paid'))")]
    pub state: State,
    #[sea_orm(
        belongs_to,
        relation_enum = "Person",
        from = "person_id",
        to = "id",
        on_delete = "Cascade"
    )]
    pub person: BelongsTo<super::person_2::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl tenantry_entity::Table for Entity {
    fn indexes() -> Vec<IndexCreateStatement> {
        vec![
            Index::create()
                .name("of_person")
                .table("orders")
                .col("person_id")
                .col(("state", IndexOrder::Desc))
                .take(),
        ]
    }
}
"#
    );
    assert!(read("migration/schema.json").contains("of_person"));
    assert!(read("migration/adopted.md").contains("- table `keyless`"));
}

/// Parts are adopted one after the other, by the same program: nothing of the first is lost, and what belongs to the
/// others' tables is not told.
#[test]
fn parts_are_adopted_one_after_the_other() {
    let (temp, begin) = folders();
    let dump = temp.path().join("parts.sql").display().to_string();
    fs::write(
        &dump,
        "CREATE TABLE order_logs (id INTEGER PRIMARY KEY, size INT);\n\
         CREATE TABLE orders (id INTEGER PRIMARY KEY, size INT);\n\
         CREATE TRIGGER counted AFTER INSERT ON orders BEGIN UPDATE orders SET size = 1; END;\n\
         CREATE VIEW all_orders AS SELECT * FROM orders;\n",
    )
    .unwrap();
    let db = TestDb::new(Engine::Sqlite);
    let adopt = |table: &str| {
        let mut args: Vec<&str> = begin.iter().map(String::as_str).collect();
        args.extend(["--from", &dump, "--tables", table]);
        db.migration(&args).ok().stdout
    };
    let first = adopt("order_logs");
    assert!(!first.contains("counted") && !first.contains("all_orders"), "{first}");
    let second = adopt("orders");
    assert!(second.contains("trigger orders: counted"), "{second}");
    assert!(second.contains("adopt_tables_2") && !second.contains("all_orders"), "{second}");
    let accepted = fs::read_to_string(temp.path().join("migration/accepted_drift.json")).unwrap();
    let accepted: Value = serde_json::from_str(&accepted).unwrap();
    let accepted = accepted["accepted"].as_array().unwrap();
    for (table, object) in [("order_logs", "size"), ("orders", "size"), ("orders", "counted")] {
        let is_it = |it: &Value| it["table"] == table && it["object"] == object;
        assert!(accepted.iter().any(is_it), "{table} {object}: {accepted:#?}");
    }
}
