//! What entities cannot say: files of views, functions, triggers and the like, beside the tables that they are about.

use migration::{
    MigrationTrait, Project, Runner,
    config::DatabaseArgs,
    db::{Absent, Database},
    diff::Renames,
    drift::{Accepted, Drift, drift, mend},
    generate::{Answers, propose},
    plan::PlannedMigration,
    runner::{Command, Down},
    schema::Schema,
};
use sea_orm::ConnectionTrait as _;
use tenantry_entity::{TableDef, tables};

use crate::support::{Engine, TestDb, postgres::SECRET, texts};

mod sale {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sales")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub customer: String,
        #[sea_orm(column_type = "Decimal(Some((10, 2)))")]
        pub amount: Decimal,
        pub stamp: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod wide_sale {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sales")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub customer: String,
        #[sea_orm(column_type = "Decimal(Some((14, 4)))")]
        pub amount: Decimal,
        pub stamp: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn sales() -> Vec<TableDef> {
    tables![sale::Entity]
}

fn wide_sales() -> Vec<TableDef> {
    tables![wide_sale::Entity]
}

const SHORT: (&str, &str) =
    ("short.postgres", "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);\n");
/// Nothing but comments: before the tables that they are about, there would be none.
const COMMENTS: (&str, &str) = ("about.postgres", "COMMENT ON TABLE sales IS 'what was sold';\n");
const LARGE: (&str, &str) = (
    "large_sales",
    "-- Those that are looked at.\nCREATE VIEW large_sales AS\n  SELECT id, customer, amount FROM sales WHERE amount > 100;\n",
);
const TOTALS: (&str, &str) = (
    "totals.postgres",
    "CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(amount) AS total FROM large_sales GROUP BY customer;\n\
     CREATE UNIQUE INDEX totals_customer_idx ON totals (customer);\n\
     COMMENT ON MATERIALIZED VIEW totals IS 'of large sales';\n",
);
const STAMP: (&str, &str) = (
    "stamp.postgres",
    "CREATE FUNCTION stamp(text DEFAULT 'x') RETURNS text LANGUAGE sql AS $$ SELECT 'stamped'::text; $$;\n\
     CREATE FUNCTION stamp_sale() RETURNS trigger LANGUAGE plpgsql AS $$\n\
     BEGIN\n  NEW.stamp := stamp();\n  RETURN NEW;\nEND\n$$;\n",
);
const NEW_STAMP: (&str, &str) = (
    "stamp.postgres",
    "CREATE FUNCTION stamp(text DEFAULT 'x') RETURNS text LANGUAGE sql AS $$ SELECT 'again'::text; $$;\n\
     CREATE FUNCTION stamp_sale() RETURNS trigger LANGUAGE plpgsql AS $$\n\
     BEGIN\n  NEW.stamp := stamp();\n  RETURN NEW;\nEND\n$$;\n",
);
const ON_SALES: (&str, &str) = (
    "a_trigger.postgres",
    "CREATE TRIGGER stamp_sales BEFORE INSERT ON sales FOR EACH ROW EXECUTE FUNCTION stamp_sale();\n",
);
const ON_SQLITE: (&str, &str) = (
    "a_trigger.sqlite",
    "CREATE TRIGGER stamp_sales AFTER INSERT ON sales BEGIN\n  UPDATE sales SET stamp = 'stamped' WHERE id = NEW.id;\nEND;\n",
);

const FIRST: Project = Project {
    name: "sales",
    version: "1.0.0",
    tables: sales,
    schema_name: None,
    tenancy: None,
    engines: &[Engine::Sqlite, Engine::Postgres],
    migrations: Vec::new,
    bookkeeping: "seaql_migrations",
    accepted_drift: r#"{ "accepted": [] }"#,
    objects: &[ON_SALES, ON_SQLITE, COMMENTS, LARGE, SHORT, STAMP, TOTALS],
    sealed: false,
};

/// The same objects, one of them in the way of a column that gets another type.
const SECOND: Project = Project { tables: wide_sales, ..FIRST };

/// A function with another body, a view that is gone with what reads it, and one that is new.
const THIRD: Project = Project {
    tables: wide_sales,
    objects: &[
        ON_SALES,
        ON_SQLITE,
        ("small_sales", "CREATE VIEW small_sales AS SELECT id FROM sales WHERE amount < 5"),
        NEW_STAMP,
        SHORT,
    ],
    ..FIRST
};

fn migrations(steps: &[&Project]) -> Vec<Box<dyn MigrationTrait>> {
    let mut from = Schema::default();
    let mut made: Vec<Box<dyn MigrationTrait>> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let to = step.schema().unwrap();
        let proposal = propose(&from, &to, &Renames::default(), &Answers::default()).unwrap();
        let (up, down) = (proposal.up.operations, proposal.down.operations);
        let name = format!("m{number}");
        made.push(Box::new(PlannedMigration { name, unless: Vec::new(), up, down }));
        from = to;
    }
    made
}

async fn found(project: &Project, test: &TestDb) -> Drift {
    let open = test.open().await;
    let accepted = Accepted::compiled_in(project).unwrap();
    let found = drift(project, &open.connection, test.engine, "tenantry_app", &accepted).await;
    open.close().await;
    found.unwrap()
}

/// What differs, as `code object`.
async fn differences(project: &Project, test: &TestDb) -> Vec<String> {
    let found = found(project, test).await;
    assert!(found.objects_compared);
    let name = |it: &migration::report::Finding| {
        format!("{} {}", it.code, it.object.clone().unwrap_or_default())
    };
    found.findings().iter().map(name).collect()
}

async fn up(test: &TestDb, steps: &[&Project]) {
    let open = test.open().await;
    let runner = Runner::of(&open.connection, migrations(steps), "seaql_migrations").unwrap();
    runner.on(test.engine).up(None).await.unwrap();
    open.close().await;
}

async fn down(test: &TestDb, steps: &[&Project], number: u32) {
    let open = test.open().await;
    let runner = Runner::of(&open.connection, migrations(steps), "seaql_migrations").unwrap();
    let back = Down { steps: Some(number), ..Down::default() };
    runner.on(test.engine).run(&Command::Down(back)).await.unwrap();
    open.close().await;
}

/// Inserts a sale and gives its stamp.
async fn stamped(test: &TestDb) -> Vec<String> {
    let open = test.open().await;
    let insert = "INSERT INTO sales (customer, amount) VALUES ('a', 150.25)";
    open.connection.execute_unprepared(insert).await.unwrap();
    let stamp = texts(&open.connection, "SELECT stamp FROM sales ORDER BY id DESC LIMIT 1").await;
    open.connection.execute_unprepared("DELETE FROM sales").await.unwrap();
    open.close().await;
    stamp
}

#[tokio::test]
async fn they_come_change_and_go_with_migrations() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let test = TestDb::new(engine);
        let steps = [&FIRST, &SECOND, &THIRD];
        let again = if engine == Engine::Sqlite { "stamped" } else { "again" };
        let stamps = ["stamped", "stamped", again];
        for (number, step) in steps.iter().enumerate() {
            up(&test, &steps[..=number]).await;
            assert_eq!(differences(step, &test).await, Vec::<String>::new(), "{engine} {number}");
            assert_eq!(stamped(&test).await, [stamps[number]], "{engine} {number}");
        }
        for number in (0..steps.len()).rev() {
            down(&test, &steps, 1).await;
            if let Some(before) = number.checked_sub(1) {
                let found = differences(steps[before], &test).await;
                assert_eq!(found, Vec::<String>::new(), "{engine} back to {before}");
                assert_eq!(stamped(&test).await, [stamps[before]], "{engine} back to {before}");
            }
        }
        let left = if engine == Engine::Sqlite {
            "SELECT count(*) FROM sqlite_schema WHERE type IN ('view', 'trigger')"
        } else {
            "SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace) \
             + (SELECT count(*) FROM pg_class WHERE relkind IN ('v', 'm') \
             AND relnamespace = current_schema()::regnamespace) \
             + (SELECT count(*) FROM pg_type WHERE typtype = 'd' \
             AND typnamespace = current_schema()::regnamespace)"
        };
        assert_eq!(test.number(left).await, 0);
    }
}

#[tokio::test]
async fn what_is_altered_by_hand_is_found_and_mended() {
    let on_postgres = [
        ("DROP MATERIALIZED VIEW totals", "object-missing totals"),
        ("DROP TRIGGER stamp_sales ON sales", "object-missing stamp_sales"),
        (
            "CREATE OR REPLACE VIEW large_sales AS SELECT id, customer, amount FROM sales WHERE amount > 1",
            "object-differs large_sales",
        ),
        ("ALTER TABLE sales DISABLE TRIGGER stamp_sales", "object-differs stamp_sales"),
        ("ALTER VIEW large_sales SET (security_barrier = true)", "object-differs large_sales"),
        (
            "CREATE OR REPLACE FUNCTION stamp(text DEFAULT 'x') RETURNS text LANGUAGE sql AS $$ SELECT 'y'::text $$",
            "object-differs stamp",
        ),
        ("ALTER FUNCTION stamp(text) SECURITY DEFINER", "object-differs stamp"),
        ("ALTER DOMAIN short ADD CHECK (VALUE <> '')", "object-differs short"),
    ];
    let on_sqlite = [
        ("DROP TRIGGER stamp_sales", "object-missing stamp_sales"),
        (
            "DROP VIEW large_sales; CREATE VIEW large_sales AS SELECT id FROM sales",
            "object-differs large_sales",
        ),
    ];
    let cases = on_postgres.iter().map(|case| (Engine::Postgres, case));
    for (engine, (sql, expected)) in cases.chain(on_sqlite.iter().map(|it| (Engine::Sqlite, it))) {
        let test = TestDb::new(engine);
        up(&test, &[&FIRST]).await;
        let open = test.open().await;
        open.connection.execute_unprepared(sql).await.unwrap();
        open.close().await;
        assert_eq!(differences(&FIRST, &test).await, [*expected], "{sql}");
        let script = mend(&found(&FIRST, &test).await, engine).await.unwrap();
        let open = test.open().await;
        let mended = open.connection.execute_unprepared(&script).await;
        open.close().await;
        mended.unwrap_or_else(|error| panic!("{error}: {script}"));
        assert_eq!(differences(&FIRST, &test).await, Vec::<String>::new(), "{sql}\n{script}");
    }
}

/// Objects of others stay what they are: not ours to name.
#[tokio::test]
async fn what_no_file_has_is_not_looked_at() {
    let test = TestDb::new(Engine::Postgres);
    up(&test, &[&FIRST]).await;
    let open = test.open().await;
    let other = "CREATE VIEW theirs AS SELECT 1 AS one; CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'";
    open.connection.execute_unprepared(other).await.unwrap();
    open.close().await;
    assert_eq!(differences(&FIRST, &test).await, Vec::<String>::new());
}

static FOR_A_READER: Project = FIRST;

/// A role that may not make a schema learns what is missing, and that nothing was compared.
#[tokio::test]
async fn a_reader_looks_for_objects_only() {
    let test = TestDb::new(Engine::Postgres);
    up(&test, &[&FIRST]).await;
    let reader = test.server().role("IN ROLE pg_read_all_data");
    let url = test.server().url_as(&reader, SECRET);
    let args = DatabaseArgs { database_url: Some(url), ..DatabaseArgs::default() };
    let target = args.target(&FOR_A_READER).unwrap();
    let accepted = Accepted::compiled_in(&FIRST).unwrap();
    let look = async || {
        let db = Database::open(&FOR_A_READER, &target, Absent::Fail).await.unwrap();
        let found = drift(&FIRST, &db.connection, db.engine, "tenantry_app", &accepted).await;
        db.close().await;
        found.unwrap()
    };
    let found = look().await;
    assert!(!found.objects_compared && found.exposed.is_empty(), "{:?}", found.exposed);
    test.damage("DROP MATERIALIZED VIEW totals").await;
    let codes: Vec<&str> = look().await.exposed.iter().map(|it| it.code).collect();
    assert_eq!(codes, ["object-missing"]);
}
