//! Every type that a SeaORM entity can name: what PostgreSQL and SQLite make of it, and that both go there and back.

use std::{env, fmt::Write as _, fs};

use migration::{
    MigrationTrait, Runner,
    diff::{Change, Renames, diff},
    generate::{Answers, Question, propose},
    plan::PlannedMigration,
    runner::{Command, Down},
    schema::{Schema, expected, read},
};
use sea_orm::ConnectionTrait as _;
use tenantry_entity::TableDef;

use crate::support::{Engine, TestDb};

/// An entity for each type, whose table has a column of it.
macro_rules! types {
    ($($name:ident $table:literal: $ty:literal,)*) => {
        $(
            mod $name {
                use sea_orm::entity::prelude::*;

                #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
                #[sea_orm(table_name = $table)]
                pub struct Model {
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub id: i32,
                    #[sea_orm(column_type = $ty, nullable)]
                    pub it: Option<String>,
                }

                #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {}

                impl ActiveModelBehavior for ActiveModel {}
            }
        )*

        /// What the entity says, and the entity.
        fn all() -> Vec<(&'static str, TableDef)> {
            vec![$(($ty, TableDef::plain::<$name::Entity>())),*]
        }
    };
}

types! {
    t01 "t01": "Char(None)",
    t02 "t02": "Char(Some(3))",
    t03 "t03": "String(StringLen::None)",
    t04 "t04": "String(StringLen::N(40))",
    t05 "t05": "String(StringLen::Max)",
    t06 "t06": "Text",
    t07 "t07": "Blob",
    t08 "t08": "Binary(4)",
    t09 "t09": "VarBinary(StringLen::N(4))",
    t10 "t10": "TinyInteger",
    t11 "t11": "SmallInteger",
    t12 "t12": "Integer",
    t13 "t13": "BigInteger",
    t14 "t14": "TinyUnsigned",
    t15 "t15": "SmallUnsigned",
    t16 "t16": "Unsigned",
    t17 "t17": "BigUnsigned",
    t18 "t18": "Float",
    t19 "t19": "Double",
    t20 "t20": "Decimal(None)",
    t21 "t21": "Decimal(Some((12, 3)))",
    t22 "t22": "Money(None)",
    t23 "t23": "Money(Some((10, 2)))",
    t24 "t24": "DateTime",
    t25 "t25": "Timestamp",
    t26 "t26": "TimestampWithTimeZone",
    t27 "t27": "Time",
    t28 "t28": "Date",
    t29 "t29": "Year",
    t30 "t30": "Interval(None, None)",
    t31 "t31": "Interval(Some(sea_orm::sea_query::PgInterval::DayToSecond), Some(3))",
    t32 "t32": "Bit(Some(3))",
    t33 "t33": "VarBit(8)",
    t34 "t34": "Boolean",
    t35 "t35": "Json",
    t36 "t36": "JsonBinary",
    t37 "t37": "Uuid",
    t38 "t38": "Cidr",
    t39 "t39": "Inet",
    t40 "t40": "MacAddr",
    t41 "t41": "LTree",
    t42 "t42": "Array(RcOrArc::new(ColumnType::Integer))",
    t43 "t43": "Array(RcOrArc::new(ColumnType::String(StringLen::N(9))))",
    t44 "t44": "Vector(Some(3))",
    t45 "t45": "custom(\"citext\")",
    t46 "t46": "custom(\"hstore\")",
    t47 "t47": "custom(\"tsvector\")",
    t48 "t48": "custom(\"int8range\")",
    t49 "t49": "custom(\"xml\")",
    t50 "t50": "custom(\"time(3) with time zone\")",
    t51 "t51": "custom(\"timestamp(3) without time zone\")",
    t52 "t52": "custom(\"cents\")",
    t53 "t53": "custom(\"point_in_space\")",
    t54 "t54": "custom(\"name\")",
}

/// What the types by name are, for the page; the first two the database is given for the test.
const BY_NAME: [(&str, &str); 2] = [("cents", "a domain"), ("point_in_space", "a composite type")];

/// What has to be there for types that a server does not have by itself. `vector` is no part of PostgreSQL.
const PREPARED: &str = "CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION hstore; \
     CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0); \
     CREATE TYPE point_in_space AS (x integer, y integer, z integer)";

/// What becomes of a type on an engine: what a column of it is, or why it is refused.
fn outcome(def: &TableDef, engine: Engine) -> Result<Schema, String> {
    let schema = Schema::from_tables(std::slice::from_ref(def), None);
    let schema = schema.map_err(|error| error.to_string())?;
    match schema.refused_by(engine).into_iter().next() {
        Some(why) => Err(why),
        None => Ok(schema),
    }
}

/// All tables whose types the engine has.
fn schema_on(engine: Engine) -> Schema {
    let mut schema = Schema::default();
    for (_, def) in all() {
        let is_there = engine == Engine::Sqlite || def.name != "t44";
        if let Some(one) = outcome(&def, engine).ok().filter(|_| is_there) {
            schema.tables.extend(one.tables);
        }
    }
    schema
}

/// A column of each type that refuses NULL, dropped where there are rows, comes back with the plainest value of its
/// type; where none is known, `generate` asks for one.
#[tokio::test]
async fn columns_come_back_where_there_are_rows() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let db = TestDb::new(engine);
        if engine == Engine::Postgres {
            db.damage(PREPARED).await;
        }
        let (empty, mut whole) = (Schema::default(), schema_on(engine));
        whole.tables.values_mut().for_each(|table| table.columns[1].nullable = false);
        let without = |whole: &Schema| {
            let mut bare = whole.clone();
            bare.tables.values_mut().for_each(|table| drop(table.columns.pop()));
            bare
        };
        let proposed = |from: &Schema, to: &Schema| {
            propose(from, to, &Renames::default(), &Answers::default()).unwrap()
        };
        let asked = proposed(&whole, &without(&whole)).questions;
        let asked: Vec<String> = asked
            .into_iter()
            .filter_map(|question| match question {
                Question::DownBackfill { table, .. } => Some(table),
                _ => None,
            })
            .collect();
        assert_eq!(asked, if engine == Engine::Sqlite { vec![] } else { vec!["t52", "t53"] });
        whole = whole.filtered(|name| !asked.iter().any(|other| other == name));
        let steps = [proposed(&empty, &whole), proposed(&whole, &without(&whole))];
        let migrations = || -> Vec<Box<dyn MigrationTrait>> {
            let planned = steps.iter().enumerate().map(|(number, proposal)| PlannedMigration {
                name: format!("m{number}"),
                unless: Vec::new(),
                up: proposal.up.operations.clone(),
                down: proposal.down.operations.clone(),
            });
            planned.map(|it| Box::new(it) as Box<dyn MigrationTrait>).collect()
        };
        let open = db.open().await;
        let runner = || Runner::of(&open.connection, migrations(), "applied").unwrap().on(engine);
        runner().up(None).await.unwrap();
        for name in whole.tables.keys() {
            let insert = format!("INSERT INTO {name} (id) VALUES (1)");
            open.connection.execute_unprepared(&insert).await.unwrap();
        }
        let one = Command::Down(Down { steps: Some(1), to: None });
        runner().run(&one).await.unwrap();
        for name in whole.tables.keys() {
            let count = format!("SELECT count(*) FROM {name} WHERE it IS NOT NULL");
            assert_eq!(db.number(&count).await, 1, "{name} on {engine}");
        }
        open.close().await;
    }
}

/// All tables whose types the engine has, made by one migration, compared, and taken away.
async fn columns(db: &TestDb) -> Schema {
    let schema = schema_on(db.engine);
    let empty = Schema::default();
    let planned = propose(&empty, &schema, &Renames::default(), &Answers::default()).unwrap();
    let migrations = || -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(PlannedMigration {
            name: "m1".to_owned(),
            unless: Vec::new(),
            up: planned.up.operations.clone(),
            down: planned.down.operations.clone(),
        })]
    };
    let open = db.open().await;
    let runner = || Runner::of(&open.connection, migrations(), "applied").unwrap().on(db.engine);
    runner().up(None).await.unwrap();
    let live = read(&open.connection, db.engine, "tenantry_app").await.unwrap();
    let live = live.filtered(|name| schema.tables.contains_key(name));
    let wanted = expected(&open.connection, db.engine, schema.clone()).await.unwrap();
    let found: Vec<String> = diff(&live, &wanted.schema).iter().map(Change::to_string).collect();
    assert_eq!(found, Vec::<String>::new(), "{}", db.engine);
    // A text that looks like a number stays what it is.
    let text = "INSERT INTO t45 (id, it) VALUES (1, '0012')";
    open.connection.execute_unprepared(text).await.unwrap();
    assert_eq!(
        crate::support::texts(&open.connection, "SELECT CAST(it AS text) FROM t45").await,
        ["0012"]
    );
    open.connection.execute_unprepared("DELETE FROM t45").await.unwrap();
    runner().down(None).await.unwrap();
    let left = read(&open.connection, db.engine, "tenantry_app").await.unwrap();
    assert!(
        left.tables.keys().all(|name| !schema.tables.contains_key(name)),
        "{:?}",
        left.tables.keys()
    );
    open.close().await;
    live
}

/// `docs/compatibility.md` has the table. `INSTA_UPDATE=always` writes it.
#[tokio::test]
async fn each_type_goes_there_and_back_and_is_documented() {
    let sqlite = columns(&TestDb::new(Engine::Sqlite)).await;
    let postgres = TestDb::new(Engine::Postgres);
    postgres.damage(PREPARED).await;
    let postgres = columns(&postgres).await;
    let mut table = String::from("| `column_type` | PostgreSQL | SQLite |\n|---|---|---|\n");
    for (said, def) in all() {
        let cell = |live: &Schema, engine| match (live.tables.get(def.name), outcome(&def, engine))
        {
            (Some(table), _) => format!("`{}`", table.columns[1].ty),
            // What needs an extension that the tests do not have.
            (None, Ok(schema)) => {
                format!("`{}`, by an extension", schema.tables[def.name].columns[1].ty)
            }
            (None, Err(_)) => "refused".to_owned(),
        };
        let kind = BY_NAME.iter().find(|(name, _)| said.contains(name));
        let kind = kind.map_or_else(String::new, |(_, kind)| format!(", {kind}"));
        let (on_postgres, on_sqlite) =
            (cell(&postgres, Engine::Postgres), cell(&sqlite, Engine::Sqlite));
        let _ = writeln!(table, "| `{said}`{kind} | {on_postgres} | {on_sqlite} |");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/compatibility.md");
    let kept = fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- types -->\n", "<!-- /types -->\n");
    let (head, rest) = kept.split_once(begin).unwrap();
    let (_, tail) = rest.split_once(end).unwrap();
    let page = format!("{head}{begin}{table}{end}{tail}");
    if env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(path, &page).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap();
    assert_eq!(kept, page, "accept it with INSTA_UPDATE=always");
}
