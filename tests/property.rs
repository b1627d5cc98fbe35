//! For random pairs of schemas with rows in them: applying the plan from one to the other makes
//! exactly the other, rolling it back makes exactly the first, and no row or value is lost that no
//! change said would be.
//!
//! `TENANTRY_PROPERTY_CASES` sets how many pairs each engine tries, `TENANTRY_PROPERTY_SEED`
//! which; without them, the same 250 every time.

use std::{collections::BTreeMap, env};

use entity::tenancy::APPLICATION_ROLE;
use migration::{
    Error, Runner,
    db::Database,
    diff::{Renames, conversion, diff},
    runner::{Command, Down, Outcome, Up},
    schema::{Column, ColumnType, PrimaryKey, Schema, Table, expected, read},
};
use proptest::{
    strategy::Strategy as _,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::MigrationTrait;

use crate::support::{
    Engine, TestDb,
    random_schema::{Pair, canonical, converted, inserts, pairs, reading, surviving},
};

const BOOKKEEPING: &str = "applied_migrations";

#[test]
fn plans_lead_there_and_back_on_sqlite() {
    try_pairs(Engine::Sqlite);
}

#[test]
fn plans_lead_there_and_back_on_postgres() {
    try_pairs(Engine::Postgres);
}

fn try_pairs(engine: Engine) {
    let number = |name: &str, default: u32| {
        env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let cases = number("TENANTRY_PROPERTY_CASES", 250);
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number("TENANTRY_PROPERTY_SEED", 0).to_le_bytes());
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let db = TestDb::new(engine);
    let opened = runtime.block_on(db.open());
    let outcome = TestRunner::new_with_rng(config, rng).run(&pairs(), |pair| {
        runtime
            .block_on(async {
                clear(&opened).await;
                try_pair(&opened, &pair).await
            })
            .map_err(TestCaseError::fail)
    });
    runtime.block_on(opened.close());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// SQLite does not tell names by their case, and takes the new name for one that is there.
#[tokio::test]
async fn a_table_takes_a_name_that_differs_by_case() {
    let table = |name: &str, column: &str| {
        let mut table = Table::new(name);
        let columns = [("id", ColumnType::Integer), (column, ColumnType::Text)];
        for (name, ty) in columns {
            let nullable = name != "id";
            table.columns.push(Column {
                name: name.to_owned(),
                ty,
                nullable,
                default: None,
                options: Vec::new(),
            });
        }
        let key = PrimaryKey {
            name: Some(format!("{name}_pkey")),
            columns: vec!["id".to_owned()],
            options: Vec::new(),
        };
        table.primary_key = Some(key);
        Schema { tables: [(name.to_owned(), table)].into() }
    };
    let (from, to) = (table("Leads", "Name"), table("leads", "name"));
    let mut renames = Renames::default();
    renames.tables.insert("leads".to_owned(), "Leads".to_owned());
    renames.columns.insert(("leads".to_owned(), "name".to_owned()), "Name".to_owned());
    let none = BTreeMap::new();
    let pair = Pair { from, to, renames, backfills: none.clone(), backfills_back: none };
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let opened = TestDb::new(engine);
        let open = opened.open().await;
        clear(&open).await;
        try_pair(&open, &pair).await.unwrap_or_else(|error| panic!("{engine}: {error}"));
        open.close().await;
    }
}

/// An empty schema to work in, whatever a failed pair has left.
async fn clear(db: &Database) {
    let run = async |sql: &str| db.connection.execute_unprepared(sql).await.unwrap();
    if db.engine == Engine::Postgres {
        run("DROP SCHEMA IF EXISTS work CASCADE; CREATE SCHEMA work; SET search_path = work").await;
        return;
    }
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let rows = db.connection.query_all_raw(Statement::from_string(db.engine.backend(), sql));
    run("PRAGMA foreign_keys = OFF").await;
    for row in rows.await.unwrap() {
        let name: String = row.try_get("", "name").unwrap();
        run(&format!("DROP TABLE \"{name}\"")).await;
    }
    run("PRAGMA foreign_keys = ON").await;
}

async fn try_pair(db: &Database, pair: &Pair) -> Result<(), String> {
    let nothing = Schema::default();
    let mut bare = pair.from.clone();
    bare.tables.values_mut().for_each(|table| table.foreign_keys.clear());
    // Foreign keys come after the rows, since they may go round in a circle.
    let migrations = || -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Pair::plain(&nothing, &bare).migration("m1")),
            Box::new(Pair::plain(&bare, &pair.from).migration("m2")),
            Box::new(pair.migration("m3")),
        ]
    };
    let up =
        async || run(db, migrations(), Command::Up(Up { steps: Some(1), ..Up::default() })).await;
    up().await?;
    for table in bare.tables.values() {
        for sql in inserts(table, db.engine == Engine::Postgres) {
            let done = db.connection.execute_unprepared(&sql).await;
            done.map_err(|error| format!("{sql}: {error}"))?;
        }
    }
    up().await?;
    let [from, to] = [wanted(db, &pair.from).await, wanted(db, &pair.to).await];
    equal(db, &from).await.map_err(|error| format!("the first schema: {error}"))?;
    let before = rows(db, &pair.from).await?;
    up().await?;
    equal(db, &to).await.map_err(|error| format!("the second schema: {error}"))?;
    let after = rows(db, &pair.to).await?;
    kept(pair, &before, &after)?;

    down(db, migrations()).await?;
    equal(db, &from).await.map_err(|error| format!("the first schema again: {error}"))?;
    let again = rows(db, &pair.from).await?;
    kept(&pair.reversed(), &after, &again)?;
    down(db, migrations()).await?;
    down(db, migrations()).await?;
    equal(db, &nothing).await
}

/// Rolls the last migration back.
async fn down(db: &Database, migrations: Vec<Box<dyn MigrationTrait>>) -> Result<Outcome, String> {
    run(db, migrations, Command::Down(Down { steps: Some(1), to: None })).await
}

/// Runs a command, with consent where it is asked for.
async fn run(
    db: &Database,
    migrations: Vec<Box<dyn MigrationTrait>>,
    command: Command,
) -> Result<Outcome, String> {
    let name = command.name();
    let mut runner = Runner::of(&db.connection, migrations, BOOKKEEPING).unwrap();
    let refusal = match runner.run(&command).await {
        Err(Error::Refused(refusal)) => refusal,
        other => return other.map_err(|error| format!("{name}: {error}")),
    };
    // The rows are real; nothing else may stand in the way.
    if !refusal.by_hand.is_empty() {
        return Err(format!("{name}: {refusal}"));
    }
    runner = runner.confirm(refusal.hash.clone());
    runner.run(&command).await.map_err(|error| format!("{name}: {error}"))
}

/// The schema in the words of the database.
async fn wanted(db: &Database, schema: &Schema) -> Schema {
    let wanted = expected(&db.connection, db.engine, schema.clone()).await.unwrap();
    assert!(wanted.exact);
    wanted.schema
}

/// Fails unless the database holds exactly this schema.
async fn equal(db: &Database, wanted: &Schema) -> Result<(), String> {
    let live = read(&db.connection, db.engine, APPLICATION_ROLE)
        .await
        .map_err(|error| error.to_string())?;
    let live = live.filtered(|name| !name.starts_with(BOOKKEEPING));
    let differences = diff(&live, wanted);
    if !differences.is_empty() || !diff(wanted, &live).is_empty() {
        let lines: Vec<String> = differences.iter().map(|change| format!("{change:?}")).collect();
        return Err(format!("differs:\n{}", lines.join("\n")));
    }
    Ok(())
}

/// All rows of all tables as text, by table, row and column.
type Rows = BTreeMap<String, Vec<BTreeMap<String, Option<String>>>>;

async fn rows(db: &Database, schema: &Schema) -> Result<Rows, String> {
    let mut all = Rows::new();
    for table in schema.tables.values() {
        all.insert(table.name.clone(), table_rows(db, table).await?);
    }
    Ok(all)
}

async fn table_rows(
    db: &Database,
    table: &Table,
) -> Result<Vec<BTreeMap<String, Option<String>>>, String> {
    let postgres = db.engine == Engine::Postgres;
    let read: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("{} AS \"{}\"", reading(column, postgres), column.name))
        .collect();
    let name = &table.name;
    let sql = format!("SELECT {} FROM \"{name}\" ORDER BY CAST(id AS integer)", read.join(", "));
    let stmt = Statement::from_string(db.engine.backend(), sql);
    let rows = db.connection.query_all_raw(stmt).await.map_err(|error| error.to_string())?;
    let cells = |row: &sea_orm::QueryResult| {
        let cell = |column: &migration::schema::Column| {
            let text: Option<String> = row.try_get("", &column.name).unwrap();
            (column.name.clone(), canonical(text))
        };
        table.columns.iter().map(cell).collect()
    };
    Ok(rows.iter().map(cells).collect())
}

/// Fails if a row is gone, or a value that no change said would be lost.
fn kept(pair: &Pair, before: &Rows, after: &Rows) -> Result<(), String> {
    for (name, (old, columns)) in surviving(pair) {
        let (before, after) = (&before[&old], &after[&name]);
        if before.len() != after.len() {
            return Err(format!("{name} had {} rows and has {}", before.len(), after.len()));
        }
        for (from, to) in &columns {
            let same = from.ty == to.ty;
            if !same && conversion(&to.name, &from.ty, &to.ty).is_none() {
                continue;
            }
            for (before, after) in before.iter().zip(after) {
                let was = before[&from.name].clone();
                let filled = was.is_none() && from.nullable && !to.nullable;
                let wanted = if same { was } else { as_type(was, &from.ty, &to.ty) };
                if !filled && wanted != after[&to.name] {
                    return Err(format!(
                        "{name}.{}: {wanted:?} became {:?}",
                        to.name, after[&to.name]
                    ));
                }
            }
        }
    }
    Ok(())
}

fn as_type(value: Option<String>, from: &ColumnType, to: &ColumnType) -> Option<String> {
    canonical(converted(value, from, to))
}

#[test]
fn the_pairs_cover_every_kind_of_change() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[0; 32]),
    );
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..500 {
        let pair = pairs().new_tree(&mut runner).unwrap();
        let pair = proptest::strategy::ValueTree::current(&pair);
        for change in pair.forth().changes {
            let kind =
                serde_json::to_value(&change).unwrap()["change"].as_str().unwrap().to_owned();
            *kinds.entry(kind).or_default() += 1;
        }
    }
    assert_eq!(kinds.len(), 28, "{kinds:?}");
    assert!(kinds.values().all(|count| *count >= 20), "{kinds:?}");
}
