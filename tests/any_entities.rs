//! Entities as others have them, without tenants: keys that the database numbers, natural and composite keys,
//! enums of the database, references to itself, to many, and in a circle; in the expanded format and in the dense
//! one, with nothing written in them for the engine.

use migration::{
    Error, MigrationTrait, Project, Runner,
    diff::{Change, Renames, diff},
    drift::{Accepted, drift},
    generate::{Answers, propose},
    plan::{Operation, PlannedMigration},
    runner::{Down, Up},
    schema::{Column, ColumnType, PrimaryKey, Schema, Table, expected, read},
};
use sea_orm::{
    ActiveModelTrait as _, ConnectionTrait as _, EntityTrait as _, ModelTrait as _, Set,
};
use tenantry_entity::{TableDef, tables};

use crate::support::{
    Bin, Engine, TestDb, number, texts,
    workspace::{Workspace, program_with_more, readme_block},
};

#[path = "samples/blog/author.rs"]
mod author;

#[path = "samples/blog/post.rs"]
mod post;

mod tag {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub word: String,
        #[sea_orm(column_type = "custom(\"character(3)\")")]
        pub code: String,
        #[sea_orm(
            extra = "COLLATE \"C\" CONSTRAINT not_blank CHECK (label <> ' ')",
            default_value = ""
        )]
        pub label: String,
        #[sea_orm(extra = "GENERATED ALWAYS AS (upper(word) || label) STORED", indexed)]
        pub shown: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod post_tag {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "post_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub post_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub word: String,
        /// No tenant, whatever it is called.
        pub tenant_id: Option<Uuid>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::post::Entity",
            from = "Column::PostId",
            to = "super::post::Column::Id"
        )]
        Post,
        #[sea_orm(
            belongs_to = "super::tag::Entity",
            from = "Column::Word",
            to = "super::tag::Column::Word"
        )]
        Tag,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What only PostgreSQL has.
mod reading {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "readings")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub station: i16,
        #[sea_orm(column_type = "Array(RcOrArc::new(ColumnType::Text))")]
        pub notes: String,
        #[sea_orm(column_type = "Inet")]
        pub from: String,
        #[sea_orm(column_type = "Interval(None, Some(3))")]
        pub lasted: String,
        #[sea_orm(column_type = "VarBit(8)")]
        pub flags: Vec<u8>,
        #[sea_orm(column_type = "custom(\"tsrange\")")]
        pub during: String,
        #[sea_orm(column_type = "Money(None)", nullable)]
        pub cost: Option<String>,
        pub moods: String,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// In no order: what has no sample rows needs none.
fn blog() -> Vec<TableDef> {
    tables![post_tag::Entity, author::Entity, tag::Entity, post::Entity]
}

fn readings() -> Vec<TableDef> {
    let mut all = blog();
    all.extend(tables![reading::Entity]);
    all
}

const BLOG: Project = Project {
    name: "blog",
    version: "1.0.0",
    tables: blog,
    schema_name: None,
    tenancy: None,
    engines: &Engine::ALL,
    migrations: blog_migrations,
    bookkeeping: "seaql_migrations",
    accepted_drift: r#"{ "accepted": [] }"#,
    objects: &[],
    sealed: false,
};

const READINGS: Project = Project {
    tables: readings,
    engines: &[Engine::Postgres],
    migrations: readings_migrations,
    ..BLOG
};

fn made(project: &Project) -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(migration("m1_create", &Schema::default(), &project.schema().unwrap()))]
}

fn blog_migrations() -> Vec<Box<dyn MigrationTrait>> {
    made(&BLOG)
}

fn readings_migrations() -> Vec<Box<dyn MigrationTrait>> {
    made(&READINGS)
}

/// What `generate` would write.
fn migration(name: &str, from: &Schema, to: &Schema) -> PlannedMigration {
    let answers = Answers::default();
    let proposal = propose(from, to, &Renames::default(), &answers).unwrap();
    assert!(proposal.notes.is_empty(), "{:?}", proposal.notes);
    let (up, down) = (proposal.up.operations, proposal.down.operations);
    PlannedMigration { name: name.to_owned(), unless: Vec::new(), up, down }
}

async fn differences(project: &Project, db: &TestDb) -> Vec<String> {
    let open = db.open().await;
    let accepted = Accepted::compiled_in(project).unwrap();
    let found =
        drift(project, &open.connection, db.engine, "tenantry_app", &accepted).await.unwrap();
    open.close().await;
    assert!(found.exposed.is_empty() && found.reached.is_empty(), "{:?}", found.exposed);
    found.changes.iter().map(ToString::to_string).collect()
}

/// Made, compared, filled through SeaORM, and taken away.
async fn there_and_back(project: &'static Project, db: TestDb) {
    let open = db.open().await;
    let connection = &open.connection;
    let runner = || project.bare_runner(connection).unwrap().on(db.engine);
    runner().up(None).await.unwrap();
    assert_eq!(differences(project, &db).await, Vec::<String>::new());

    // SeaORM leaves the number to the database, and the default to the enum.
    let author =
        |name: &str| author::ActiveModel { name: Set(name.to_owned()), ..Default::default() };
    let first = author("first").insert(connection).await.unwrap();
    let second = author("second").insert(connection).await.unwrap();
    assert_eq!((first.id, second.id, first.mood), (1, 2, author::Mood::Glad));
    let mut fine: author::ActiveModel = second.into();
    (fine.mood, fine.mentor_id) = (Set(author::Mood::Fine), Set(Some(first.id)));
    fine.update(connection).await.unwrap();
    let found = author::Entity::find_by_id(2).one(connection).await.unwrap().unwrap();
    assert_eq!((found.mood, found.mentor_id), (author::Mood::Fine, Some(1)));
    let insert = "INSERT INTO posts (author_id, title, price) VALUES (1, 'a', 1.5)";
    connection.execute_unprepared(insert).await.unwrap();
    let back = "UPDATE authors SET best_post = (SELECT id FROM posts)";
    connection.execute_unprepared(back).await.unwrap();
    // What is computed, SeaORM leaves to the database.
    let tag = tag::ActiveModel {
        word: Set("red".to_owned()),
        code: Set("abc".to_owned()),
        ..Default::default()
    };
    let tag = tag.insert(connection).await.unwrap();
    assert_eq!((tag.shown.as_str(), tag.label.as_str()), ("RED", ""));
    connection.execute_unprepared("UPDATE \"order\" SET label = '!'").await.unwrap();
    assert_eq!(texts(connection, "SELECT shown FROM \"order\"").await, ["RED!"]);
    let blank =
        connection.execute_unprepared("UPDATE \"order\" SET label = ' '").await.unwrap_err();
    assert!(blank.to_string().contains("not_blank"), "{blank}");
    tag.delete(connection).await.unwrap();
    let twice = author("first").insert(connection).await;
    assert!(twice.is_err(), "the name is unique");

    // Rows that are there need consent to go, as anywhere.
    let refused = runner().down(None).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(_)), "{refused}");
    connection.execute_unprepared("UPDATE authors SET best_post = NULL").await.unwrap();
    connection.execute_unprepared("DELETE FROM posts").await.unwrap();
    connection.execute_unprepared("UPDATE authors SET mentor_id = NULL").await.unwrap();
    connection.execute_unprepared("DELETE FROM authors").await.unwrap();
    runner().down(None).await.unwrap();
    open.close().await;
    let left = db.tables().await;
    assert!(left.iter().all(|name| name.starts_with("seaql_")), "{left:?}");
    if db.engine != Engine::Sqlite {
        assert_eq!(db.number("SELECT count(*) FROM pg_type WHERE typtype = 'e'").await, 0);
        assert_eq!(db.number("SELECT count(*) FROM pg_class WHERE relkind = 'S'").await, 0);
    }
}

#[tokio::test]
async fn they_are_made_compared_and_taken_away() {
    there_and_back(&BLOG, TestDb::new(Engine::Sqlite)).await;
    there_and_back(&BLOG, TestDb::new(Engine::Postgres)).await;
    there_and_back(&READINGS, TestDb::new(Engine::Postgres)).await;
}

#[test]
fn the_snapshot_says_the_same() {
    for project in [BLOG, READINGS] {
        let schema = project.schema().unwrap();
        let text = schema.to_snapshot().unwrap();
        assert_eq!(Schema::from_snapshot(&text).unwrap(), schema, "{text}");
        assert!(text.contains("\"tenancy\": false"), "{text}");
    }
}

/// A database that an older tool has made with `serial`.
#[tokio::test]
async fn serial_is_the_same_as_identity() {
    let db = TestDb::new(Engine::Postgres);
    let open = db.open().await;
    BLOG.bare_runner(&open.connection).unwrap().on(db.engine).up(None).await.unwrap();
    open.close().await;
    let owned = "DO $$ BEGIN EXECUTE format('ALTER SEQUENCE posts_id_seq OWNER TO %I', \
         (SELECT tableowner FROM pg_tables WHERE tablename = 'posts')); END $$";
    db.damage(&format!(
        "ALTER TABLE posts ALTER COLUMN id DROP IDENTITY; CREATE SEQUENCE posts_id_seq; {owned}; \
         ALTER SEQUENCE posts_id_seq OWNED BY posts.id; \
         ALTER TABLE posts ALTER COLUMN id SET DEFAULT nextval('posts_id_seq')"
    ))
    .await;
    assert_eq!(differences(&BLOG, &db).await, Vec::<String>::new());
    // A sequence that does not belong to the column is a default like any other.
    db.damage("ALTER SEQUENCE posts_id_seq OWNED BY NONE").await;
    let found = differences(&BLOG, &db).await;
    assert!(found.contains(&"posts.id is numbered by the database".to_owned()), "{found:?}");
}

fn numbered(ty: ColumnType, auto_increment: bool) -> Schema {
    let mut table = Table::new("things");
    table.columns.push(Column { auto_increment, ..Column::new("id", ty, false) });
    table.columns.push(Column::new("name", ColumnType::Text, true));
    table.primary_key = Some(PrimaryKey {
        name: Some("things_pkey".to_owned()),
        columns: vec!["id".to_owned()],
        options: Vec::new(),
    });
    Schema { tables: [("things".to_owned(), table)].into(), ..Schema::default() }
}

/// Steps from one schema to the next, each applied to rows and rolled back, and applied again.
struct Steps {
    db: TestDb,
    schemas: Vec<Schema>,
}

impl Steps {
    fn on(engine: Engine) -> Self {
        Self { db: TestDb::new(engine), schemas: vec![Schema::default()] }
    }

    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let pairs = self.schemas.windows(2).enumerate();
        let planned =
            pairs.map(|(number, pair)| migration(&format!("m{number}"), &pair[0], &pair[1]));
        planned.map(|it| Box::new(it) as Box<dyn MigrationTrait>).collect()
    }

    async fn run(&self, sql: &str) -> Vec<String> {
        let open = self.db.open().await;
        let found = if sql.starts_with("SELECT") {
            texts(&open.connection, sql).await
        } else {
            open.connection.execute_unprepared(sql).await.map(|_| ()).unwrap();
            Vec::new()
        };
        open.close().await;
        found
    }

    async fn to(&mut self, schema: Schema) -> Result<(), Error> {
        self.schemas.push(schema.clone());
        let open = self.db.open().await;
        let runner = || {
            Runner::of(&open.connection, self.migrations(), "seaql_migrations")
                .unwrap()
                .on(self.db.engine)
        };
        let outcome = async {
            runner().up(None).await?;
            self.check(&schema).await;
            if self.schemas.len() > 2 {
                let consent = Down { steps: Some(1), ..Down::default() };
                runner().run(&migration::runner::Command::Down(consent)).await?;
                self.check(&self.schemas[self.schemas.len() - 2]).await;
                runner().run(&migration::runner::Command::Up(Up::default())).await?;
                self.check(&schema).await;
            }
            Ok(())
        };
        let outcome = outcome.await;
        open.close().await;
        if outcome.is_err() {
            self.schemas.pop();
        }
        outcome
    }

    async fn check(&self, wanted: &Schema) {
        let open = self.db.open().await;
        let live = read(&open.connection, self.db.engine, "tenantry_app").await.unwrap();
        let live = live.filtered(|name| !name.starts_with("seaql_"));
        let wanted = expected(&open.connection, self.db.engine, wanted.clone()).await.unwrap();
        let found: Vec<String> =
            diff(&live, &wanted.schema).iter().map(Change::to_string).collect();
        open.close().await;
        assert_eq!(found, Vec::<String>::new(), "{}", self.db.engine);
    }
}

#[tokio::test]
async fn a_key_becomes_one_that_counts_and_back() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut steps = Steps::on(engine);
        steps.to(numbered(ColumnType::BigInt, false)).await.unwrap();
        steps.run("INSERT INTO things (id, name) VALUES (7, 'seven'), (41, NULL)").await;
        steps.to(numbered(ColumnType::BigInt, true)).await.unwrap();
        steps.run("INSERT INTO things (name) VALUES ('next')").await;
        let next = "SELECT CAST(id AS text) FROM things WHERE name = 'next'";
        assert_eq!(steps.run(next).await, ["42"], "{engine}");
        // The numbers go on through another type.
        steps.to(numbered(ColumnType::Integer, true)).await.unwrap();
        steps.run("INSERT INTO things (name) VALUES ('after')").await;
        let after = "SELECT CAST(id AS text) FROM things WHERE name = 'after'";
        assert_eq!(steps.run(after).await, ["43"], "{engine}");
    }
}

fn moody(values: &[&str], default: Option<&str>, ty: &ColumnType) -> Schema {
    let mut schema = numbered(ColumnType::Integer, true);
    let table = schema.tables.get_mut("things").unwrap();
    let default = default.map(|value| format!("'{value}'"));
    table.columns.push(Column { default, ..Column::new("mood", ty.clone(), true) });
    if ty.enum_name().is_some() {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        schema.enums.insert("mood".to_owned(), values);
    }
    schema
}

/// Pairs of schemas between which there is one of each operation on enum types and numbered keys.
pub fn generated() -> Vec<(Schema, Schema)> {
    let (mood, text) = (ColumnType::Enum("mood".to_owned()), ColumnType::Text);
    let list = ColumnType::EnumArray("mood".to_owned());
    let two = moody(&["ok", "it's"], Some("ok"), &mood);
    vec![
        (Schema::default(), READINGS.schema().unwrap()),
        (two.clone(), moody(&["new", "ok", "it's", "last"], None, &mood)),
        (two.clone(), moody(&["it's"], Some("it's"), &mood)),
        (two, moody(&[], None, &text)),
        (moody(&["ok"], None, &list), moody(&["ok", "more"], None, &list)),
        (numbered(ColumnType::SmallInt, false), numbered(ColumnType::BigInt, true)),
    ]
}

/// Values come, go and change places, with rows in the table; what a row has is not taken away.
#[tokio::test]
async fn enums_change_with_rows_in_them() {
    let (mood, text) = (ColumnType::Enum("mood".to_owned()), ColumnType::Text);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut steps = Steps::on(engine);
        steps.to(moody(&["ok", "sad"], Some("ok"), &mood)).await.unwrap();
        steps
            .run("INSERT INTO things (name, mood) VALUES ('a', 'sad'), ('b', NULL), ('c', 'ok')")
            .await;
        // Added in place, at each place.
        steps.to(moody(&["new", "ok", "it's", "sad", "last"], Some("ok"), &mood)).await.unwrap();
        // Added and used by the same migration.
        steps
            .to(moody(&["new", "ok", "it's", "sad", "last", "more"], Some("more"), &mood))
            .await
            .unwrap();
        // Another order, and fewer.
        steps.to(moody(&["sad", "ok"], Some("ok"), &mood)).await.unwrap();
        steps.to(moody(&[], Some("ok"), &text)).await.unwrap();
        steps.to(moody(&["ok", "sad"], Some("sad"), &mood)).await.unwrap();
        let rows = "SELECT coalesce(name, '') || ' ' || coalesce(CAST(mood AS text), '-') FROM things ORDER BY id";
        assert_eq!(steps.run(rows).await, ["a sad", "b -", "c ok"], "{engine}");
        if engine == Engine::Sqlite {
            continue;
        }
        let sorted = "SELECT name FROM things WHERE mood IS NOT NULL ORDER BY mood";
        assert_eq!(steps.run(sorted).await, ["c", "a"]);
        let refused = steps.to(moody(&["ok"], None, &mood)).await.unwrap_err().to_string();
        assert!(refused.contains("mood") && refused.contains("nothing was changed"), "{refused}");
        assert!(!refused.contains("sad"), "no value of a row is told: {refused}");
        assert_eq!(steps.run(rows).await, ["a sad", "b -", "c ok"]);
        let refused = steps.to(moody(&["sad"], None, &text)).await;
        refused.unwrap();
        steps.run("UPDATE things SET mood = 'other' WHERE name = 'c'").await;
        let refused = steps.to(moody(&["ok", "sad"], None, &mood)).await.unwrap_err().to_string();
        assert!(refused.contains("nothing was changed") && !refused.contains("other"), "{refused}");
    }
}

/// A value that one migration adds in place is used by the next one, which PostgreSQL lets no transaction do: the
/// first is committed before. What fails after that, changes nothing more.
#[tokio::test]
async fn a_new_value_is_committed_before_it_is_used() {
    let mood = ColumnType::Enum("mood".to_owned());
    let schemas = [
        Schema::default(),
        moody(&["ok"], None, &mood),
        moody(&["ok", "new"], None, &mood),
        moody(&["ok", "new"], Some("new"), &mood),
    ];
    let migrations = |fails: bool| -> Vec<Box<dyn MigrationTrait>> {
        let pairs = schemas.windows(2).enumerate();
        let planned =
            pairs.map(|(number, pair)| migration(&format!("m{number}"), &pair[0], &pair[1]));
        let mut all: Vec<PlannedMigration> = planned.collect();
        if fails {
            all[2].up.push(Operation::DropTable { table: "nothing".to_owned() });
        }
        all.into_iter().map(|it| Box::new(it) as Box<dyn MigrationTrait>).collect()
    };
    for at_first in [None, Some(1), Some(2)] {
        let db = TestDb::new(Engine::Postgres);
        let open = db.open().await;
        let runner = |fails: bool| {
            let runner = Runner::of(&open.connection, migrations(fails), "applied").unwrap();
            runner.on(Engine::Postgres)
        };
        if at_first.is_some() {
            runner(false).up(at_first).await.unwrap();
        }
        runner(true).up(None).await.unwrap_err();
        let applied = texts(&open.connection, "SELECT version FROM applied ORDER BY 1").await;
        assert_eq!(applied, ["m0", "m1"], "after {at_first:?}");
        runner(false).up(None).await.unwrap();
        runner(false).down(None).await.unwrap();
        open.close().await;
    }
}

/// An enum that is not as the entities say is a finding, and `diff` knows the way.
#[tokio::test]
async fn a_changed_enum_is_found() {
    let db = TestDb::new(Engine::Postgres);
    let open = db.open().await;
    BLOG.bare_runner(&open.connection).unwrap().on(db.engine).up(None).await.unwrap();
    open.close().await;
    db.damage(r#"ALTER TYPE "Mood of the day" ADD VALUE 'gone' BEFORE 'glad'"#).await;
    let found = differences(&BLOG, &db).await;
    assert_eq!(found, ["the enum type Mood of the day loses gone, which no row may have"]);
}

mod elsewhere {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "size")]
    pub enum Size {
        #[sea_orm(string_value = "small")]
        Small,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "things", schema_name = "elsewhere")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub size: Option<Size>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const ELSEWHERE: Project = Project {
    tables: || tables![elsewhere::Entity],
    migrations: || made(&ELSEWHERE),
    engines: &[Engine::Postgres],
    schema_name: Some("elsewhere"),
    ..BLOG
};

/// Entities that name a schema of the database: everything is there, and SeaORM finds it.
#[tokio::test]
async fn a_schema_of_the_database_may_be_named() {
    static PROJECT: Project = ELSEWHERE;
    let db = TestDb::new(Engine::Postgres);
    let args = |schema: Option<&str>| migration::config::DatabaseArgs {
        database_url: Some(db.url.clone()),
        database_schema: schema.map(str::to_owned),
        ..Default::default()
    };
    let refused = args(Some("public")).target(&PROJECT).err().unwrap();
    assert_eq!(refused.code(), "schema-name-contradicted", "{refused}");
    let target = args(None).target(&PROJECT).unwrap();
    let open = || migration::db::Database::open(&PROJECT, &target, migration::db::Absent::Fail);
    assert_eq!(open().await.err().unwrap().code(), "no-such-schema");
    let owner = "DO $$ BEGIN EXECUTE format('CREATE SCHEMA elsewhere AUTHORIZATION %I', \
         (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database())); END $$";
    db.damage(owner).await;
    let open = open().await.unwrap();
    let connection = &open.connection;
    PROJECT.runner(&open).unwrap().up(None).await.unwrap();
    let thing =
        elsewhere::ActiveModel { size: Set(Some(elsewhere::Size::Small)), ..Default::default() };
    assert_eq!(thing.insert(connection).await.unwrap().id, 1);
    let accepted = Accepted::compiled_in(&PROJECT).unwrap();
    let found = drift(&PROJECT, connection, db.engine, "tenantry_app", &accepted).await.unwrap();
    assert!(found.changes.is_empty(), "{:?}", found.changes);
    connection.execute_unprepared("DELETE FROM elsewhere.things").await.unwrap();
    PROJECT.runner(&open).unwrap().down(None).await.unwrap();
    open.close().await;
}

mod notebook {
    use sea_orm::{
        entity::prelude::*,
        sea_query::{ConditionalStatement as _, Expr, Index, IndexCreateStatement},
    };

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "notebooks")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(extra = "COLLATE NOCASE", unique)]
        pub name: String,
        #[sea_orm(extra = "GENERATED ALWAYS AS (length(name)) VIRTUAL")]
        pub letters: i32,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl tenantry_entity::Table for Entity {
        fn indexes() -> Vec<IndexCreateStatement> {
            let by = |name: &str, expr: &'static str| {
                Index::create().name(name).table(Entity).col(Expr::cust(expr)).take()
            };
            vec![
                by("notebooks_rtrim", "name COLLATE rtrim"),
                by("notebooks_lower", "lower(name) COLLATE \"C\""),
                by("notebooks_name", "name COLLATE \"C\""),
                Index::create()
                    .name("notebooks_theirs")
                    .table(Entity)
                    .col(Expr::cust("name || 'it''s'"))
                    .and_where(Expr::cust("name <> 'it''s'"))
                    .take(),
            ]
        }
    }
}

fn notebooks() -> Vec<TableDef> {
    vec![TableDef::of::<notebook::Entity>()]
}

const NOTEBOOKS: Project = Project {
    tables: notebooks,
    engines: &[Engine::Sqlite],
    migrations: notebooks_migrations,
    ..BLOG
};

fn notebooks_migrations() -> Vec<Box<dyn MigrationTrait>> {
    made(&NOTEBOOKS)
}

/// Collations of SQLite's own, and columns that are computed when they are read: for projects of SQLite.
#[tokio::test]
async fn sqlite_has_collations_of_its_own() {
    let db = TestDb::new(Engine::Sqlite);
    let open = db.open().await;
    let runner = || NOTEBOOKS.bare_runner(&open.connection).unwrap().on(db.engine);
    runner().up(None).await.unwrap();
    assert_eq!(differences(&NOTEBOOKS, &db).await, Vec::<String>::new());
    let insert = "INSERT INTO notebooks (name) VALUES ('Red')";
    open.connection.execute_unprepared(insert).await.unwrap();
    let found = notebook::Entity::find().one(&open.connection).await.unwrap().unwrap();
    assert_eq!(found.letters, 3);
    let twice = open.connection.execute_unprepared(&insert.to_lowercase()).await;
    assert!(twice.is_err(), "the name is unique whatever its case");
    open.connection.execute_unprepared("DELETE FROM notebooks").await.unwrap();
    runner().down(None).await.unwrap();
    open.close().await;
    let elsewhere = NOTEBOOKS.schema().unwrap().refused_by(Engine::Postgres);
    let said = elsewhere.join("\n");
    assert_eq!(elsewhere.len(), 3, "{said}");
    for what in [
        "name has the collation NOCASE",
        "letters is VIRTUAL",
        "notebooks_rtrim has the collation RTRIM",
    ] {
        assert!(said.contains(what), "{said}");
    }
}

mod refused {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "Mood of the day")]
    pub enum Other {
        #[sea_orm(string_value = "blue")]
        Blue,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "refused")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(extra = "CHECK (number > 0) ON UPDATE CURRENT_TIMESTAMP")]
        pub number: i32,
        pub mood: Other,
        pub author_id: i64,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::author::Entity",
            from = "Column::AuthorId",
            to = "super::author::Column::Id",
            on_delete = "Cascade"
        )]
        Author,
        #[sea_orm(
            belongs_to = "super::author::Entity",
            from = "Column::AuthorId",
            to = "super::author::Column::Id"
        )]
        Again,
        #[sea_orm(
            belongs_to = "super::author::Entity",
            from = "Column::AuthorId",
            to = "super::author::Column::MentorId"
        )]
        Join,
        /// Another table by the same column, which is a key of its own.
        #[sea_orm(
            belongs_to = "super::post::Entity",
            from = "Column::AuthorId",
            to = "super::post::Column::Id"
        )]
        Post,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What the README says of a schema without tenants, in a workspace of its own.
#[tokio::test]
async fn the_readme_leads_to_a_database() {
    let copy = Workspace::empty("blog", &["entity", "migration"]);
    copy.package("entity", "sea-orm.workspace = true\n");
    copy.write("entity/src/lib.rs", "pub mod author;\npub mod post;\n");
    copy.write("entity/src/author.rs", include_str!("samples/blog/author.rs"));
    copy.write("entity/src/post.rs", include_str!("samples/blog/post.rs"));
    copy.ask_for_features("entity");
    let dependencies = readme_block("toml", "# migration/Cargo.toml\n[dependencies]\n");
    copy.package("migration", &dependencies.replace("../tenantry/crates", "../crates"));
    copy.write("migration/src/lib.rs", &readme_block("rust", "// migration/src/lib.rs\n"));
    copy.write("migration/src/main.rs", &readme_block("rust", "// migration/src/main.rs\n"));
    let build = || copy.cargo(&["build", "--quiet", "--offline", "--package", "migration"]);
    build();
    let program = || copy.keep("migration");
    let written = Bin::at(&program(), copy.root()).args(&["generate", "create_tables"]).run().ok();
    assert!(written.stdout.contains("safe: the enum type Mood of the day is added"), "{written:?}");
    // A view beside them, which the note says how to list.
    copy.write("migration/objects/glad.sql", "CREATE VIEW glad AS SELECT name FROM authors;\n");
    build();
    let viewed = Bin::at(&program(), copy.root()).args(&["generate", "add_glad"]).run().ok();
    assert!(viewed.stdout.contains("safe: objects/glad.sql is added"), "{viewed:?}");
    assert!(viewed.stderr.contains("write `mod objects;` into src/lib.rs"), "{viewed:?}");
    let lib = readme_block("rust", "// migration/src/lib.rs\n")
        .replace("objects: &[]", "objects: objects::ALL");
    let written = copy.read("migration/src/lib.rs");
    let list = &written[written.find("tenantry_migration::migrations!").unwrap()..];
    let head = &lib[..lib.find("tenantry_migration::migrations!").unwrap()];
    copy.write("migration/src/lib.rs", &format!("{head}mod objects;\n\n{list}"));
    build();
    let program = program();
    let checked = Bin::at(&program, copy.root()).args(&["generate", "--check"]).run().ok();
    assert!(!checked.stderr.contains("objects"), "{checked:?}");
    for db in [Engine::Sqlite, Engine::Postgres].map(TestDb::new) {
        let run = |args: &[&str]| {
            Bin::at(&program, db.folder()).env("DATABASE_URL", &db.url).args(args).run().ok()
        };
        assert_eq!(run(&["up"]).last_line(), "2 migrations applied");
        run(&["diff"]);
        run(&["status"]);
        run(&["up"]);
        let row = "INSERT INTO authors (name) VALUES ('a')";
        db.damage(row).await;
        assert_eq!(db.number("SELECT id FROM authors").await, 1);
        db.damage("DELETE FROM authors").await;
        db.damage("DROP VIEW glad").await;
        let found =
            Bin::at(&program, db.folder()).env("DATABASE_URL", &db.url).args(&["diff"]).run();
        assert!(
            found.code == 1 && found.stdout.contains("objects/glad.sql is missing"),
            "{found:?}"
        );
        let script = Bin::at(&program, db.folder()).env("DATABASE_URL", &db.url);
        let script = script.args(&["diff", "--sql"]).run().stdout;
        let open = db.open().await;
        open.connection.execute_unprepared(&script).await.unwrap();
        open.close().await;
        run(&["diff"]);
        run(&["down", "-n", "2"]);
    }
}

mod twice {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "twice")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub about: i64,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::author::Entity",
            from = "Column::About",
            to = "super::author::Column::Id"
        )]
        Author,
        #[sea_orm(
            belongs_to = "super::post::Entity",
            from = "Column::About",
            to = "super::post::Column::Id"
        )]
        Post,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Foreign keys of one column have names of their own, as PostgreSQL would number them.
#[test]
fn foreign_keys_of_one_column_are_numbered() {
    let defs = tables![twice::Entity, author::Entity, post::Entity];
    let schema = Schema::from_tables(&defs, None).unwrap();
    let keys = &schema.tables["twice"].foreign_keys;
    let names: Vec<&str> = keys.iter().filter_map(|key| key.name.as_deref()).collect();
    assert_eq!(names, ["twice_about_fkey", "twice_about_fkey1"]);
}

/// All refusals at once, each with the table, the field, and what to write.
#[test]
fn refusals_are_told_all_at_once() {
    let mut defs = blog();
    defs.extend(tables![refused::Entity, tag::Entity]);
    let said = Schema::from_tables(&defs, None).unwrap_err().to_string();
    for part in [
        "refused: `extra` of number has ON: it may be CHECK (…), GENERATED ALWAYS AS (…) STORED",
        "refused: mood has the enum Mood of the day with the values blue, and another column with glad, it's fine",
        "refused: two relations are the foreign key (author_id) to authors, and do different things",
        "refused: the foreign key (author_id) -> authors(mentor_id) ON DELETE NO ACTION ON UPDATE NO ACTION refers to \
         columns that are not unique: make them so, or write `skip_fk`",
        "order: two entities have this table: leave one out",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert_eq!(said.lines().count(), 6, "{said}");
    let alone = Schema::from_tables(&tables![post_tag::Entity], None).unwrap_err().to_string();
    assert!(
        alone.contains("refers to a table that no entity of the list has: add the entity of posts"),
        "{alone}"
    );

    let everywhere = Project { engines: &Engine::ALL, ..READINGS };
    let said = everywhere.schema().unwrap_err().to_string();
    assert!(
        said.contains("readings.notes is of the type text[], which SQLite does not have"),
        "{said}"
    );
    assert!(said.contains("leave `Engine::Sqlite` out of the project's `engines`"), "{said}");
}

/// A database of an engine that the project is not for.
#[tokio::test]
async fn another_engine_is_refused() {
    let db = TestDb::new(Engine::Sqlite);
    let run = || Bin::at(&program_with_more(), db.folder());
    let run = || run().env("TENANTRY_TEST_PROJECT", "postgres").env("DATABASE_URL", &db.url);
    let said = run().args(&["status"]).run().expect_code(2);
    assert!(said.stderr.contains("is for postgres, and this database is sqlite"), "{said:?}");
}

/// Both sides are `has_many`, which SeaORM follows until the stack overflows.
#[test]
fn relations_without_an_end_are_a_sentence() {
    let db = TestDb::new(Engine::Sqlite);
    let folder = db.folder();
    std::fs::create_dir_all(folder.join("migration/src")).unwrap();
    std::fs::write(folder.join("migration/Cargo.toml"), "[package]\nname = \"migration\"\n")
        .unwrap();
    std::fs::write(folder.join("migration/src/lib.rs"), "migrations![PROJECT;\n];\n").unwrap();
    let run = Bin::at(&program_with_more(), folder);
    let said = run.env("TENANTRY_TEST_PROJECT", "endless").args(&["generate", "first"]).run();
    let said = said.expect_code(2);
    let wanted = "SeaORM never comes to the end of the relation ";
    assert!(said.stderr.contains(wanted) && said.stderr.contains("`belongs_to`"), "{said:?}");
    let way = r#"def.without_relations("left_things", &["Others"])"#;
    assert!(said.stderr.contains(way), "{said:?}");
    let run = Bin::at(&program_with_more(), folder);
    let said = run.env("TENANTRY_TEST_PROJECT", "panics").args(&["generate", "first"]).run();
    let wanted = "without: the relation Unknown panics when SeaORM asks for it";
    assert!(said.expect_code(2).stderr.contains(wanted));
    let run = Bin::at(&program_with_more(), folder);
    let written = run.env("TENANTRY_TEST_PROJECT", "ended").args(&["generate", "first"]).run().ok();
    assert!(written.stdout.contains("safe: the table left_things is added"), "{written:?}");
}

/// What has to do with tenants says that there are none.
#[tokio::test]
async fn commands_about_tenants_say_that_there_are_none() {
    let db = TestDb::new(Engine::Postgres);
    for args in [&["grant"][..], &["distribute"], &["prove"], &["seal"]] {
        let run = Bin::at(&program_with_more(), db.folder());
        let run = run.env("TENANTRY_TEST_PROJECT", "postgres").env("DATABASE_URL", &db.url);
        let said = run.args(args).run().expect_code(2);
        assert!(
            said.stderr.contains("has no tenants: its project says `tenancy: None`"),
            "{said:?}"
        );
    }
    assert_eq!(
        number(
            &db.open().await.connection,
            "SELECT count(*) FROM pg_class WHERE relname = 'seaql_migrations'"
        )
        .await,
        0
    );
}
