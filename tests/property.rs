//! For random pairs of schemas with rows in them: applying the plan from one to the other makes
//! exactly the other, rolling it back makes exactly the first, and no row or value is lost that no
//! change said would be.
//!
//! `TENANTRY_PROPERTY_CASES` sets how many pairs are tried, on both engines with the same rows;
//! `TENANTRY_PROPERTY_SEED` which; without them, the same 250 every time.

use std::{collections::BTreeMap, env};

use migration::TENANCY;
use migration::{
    Error, Runner,
    db::Database,
    diff::{Fidelity, Renames, conversion, diff},
    runner::{Command, Down, Outcome, Up},
    schema::{
        BTREE, Check, Column, ColumnType, Index, IndexPart, Policy, PrimaryKey, Schema, Table,
        expected, read, read_comments,
    },
};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::MigrationTrait;
use tenantry_entity::sql::{parts, quoted_table};

use crate::support::{
    Engine, TestDb,
    random_schema::{
        OTHER, Pair, canonical, converted, drawn, forbidden, inserts, pairs, reading, surviving,
    },
};

const BOOKKEEPING: &str = "applied_migrations";

#[test]
fn plans_lead_there_and_back_on_both_engines() {
    try_pairs(0);
}

/// The same with other pairs, so that they are tried at the same time, and with tables in two schemas on PostgreSQL.
#[test]
fn plans_lead_there_and_back_with_two_schemas() {
    try_pairs(1);
}

#[allow(clippy::print_stderr, reason = "a long run says how far it is")]
fn try_pairs(half: u8) {
    let number = |name: &str, default: u32| {
        env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let cases = number("TENANTRY_PROPERTY_CASES", 250) / 2;
    let mut seed = [half; 32];
    seed[..4].copy_from_slice(&number("TENANTRY_PROPERTY_SEED", 0).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let config = Config { failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let mut left = cases;
    while left > 0 {
        let now = left.min(AT_ONCE);
        try_some(&mut runner, now, half == 1);
        left -= now;
        eprintln!("tried {} of {cases} pairs", cases - left);
    }
}

/// How many pairs are tried in a database, whose catalogues grow with every table that was there.
const AT_ONCE: u32 = 250;

fn try_some(runner: &mut TestRunner, cases: u32, within: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dbs = [TestDb::new(Engine::Sqlite), TestDb::new(Engine::Postgres)];
    let [sqlite, postgres] = [0, 1].map(|at: usize| runtime.block_on(dbs[at].open()));
    let rng = runner.new_rng();
    let config = Config { cases, ..runner.config().clone() };
    let outcome = TestRunner::new_with_rng(config, rng).run(&pairs(), |pair| {
        runtime.block_on(try_pair(&sqlite, &postgres, &pair, within)).map_err(TestCaseError::fail)
    });
    runtime.block_on(sqlite.close());
    runtime.block_on(postgres.close());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// SQLite does not tell names by their case, and takes the new name for one that is there.
#[tokio::test]
async fn a_table_takes_a_name_that_differs_by_case() {
    let [from, to] = [("Leads", "Name"), ("leads", "name")]
        .map(|(name, column)| schema(keyed(name, Column::new(column, ColumnType::Text, true))));
    let mut renames = Renames::default();
    renames.tables.insert("leads".to_owned(), "Leads".to_owned());
    renames.columns.insert(("leads".to_owned(), "name".to_owned()), "Name".to_owned());
    Box::pin(try_these(vec![Pair { renames, ..Pair::plain(&from, &to) }])).await;
}

/// Two checks demand the same of a column that becomes another type: each is added again by its own name.
#[tokio::test]
async fn checks_that_demand_the_same_keep_their_names() {
    let of = |ty: ColumnType, names: [&str; 2]| {
        let mut table = keyed("leads", Column::new("score", ty, false));
        for name in names {
            let (name, expr) = (Some(name.to_owned()), "score > -1000".to_owned());
            table.checks.push(Check { name, expr });
        }
        schema(table)
    };
    let decimal = || ColumnType::Numeric(Some((12, 2)));
    let from = of(decimal(), ["b", "a"]);
    let names = [["b", "a"], ["a", "c"], ["c", "b"]];
    let to = names.map(|names| [of(ColumnType::Double, names), of(decimal(), names)]);
    Box::pin(try_these(to.as_flattened().iter().map(|to| Pair::plain(&from, to)).collect())).await;
}

/// What names a column that is renamed to a name without quotes, and becomes another type, follows it: its texts
/// are the same but for the quotes.
#[tokio::test]
async fn texts_follow_a_column_that_needs_quotes_no_longer() {
    let of = |column: &str, text: &str, ty: ColumnType| {
        let mut table = keyed("leads", Column::new(column, ty, false));
        let condition = format!("{text} > -1000");
        table.checks.push(Check { name: Some("c".to_owned()), expr: condition.clone() });
        table.indexes.push(Index {
            name: "i".to_owned(),
            unique: false,
            method: BTREE.to_owned(),
            options: Vec::new(),
            parts: vec![IndexPart::new("id"), IndexPart::new(format!("({text} + 1)"))],
            predicate: Some(condition.clone()),
        });
        table.policies.push(Policy {
            name: "p".to_owned(),
            restrictive: false,
            command: "ALL".to_owned(),
            roles: Vec::new(),
            using: Some(condition.clone()),
            with_check: Some(condition),
        });
        schema(table)
    };
    let from = of("order", "\"order\"", ColumnType::Integer);
    let both_ways = [("score", "score"), ("group", "\"group\"")].map(|(column, text)| {
        let mut renames = Renames::default();
        renames.columns.insert(("leads".to_owned(), column.to_owned()), "order".to_owned());
        let to = of(column, text, ColumnType::BigInt);
        let pair = Pair { renames, ..Pair::plain(&from, &to) };
        [pair.reversed(), pair]
    });
    Box::pin(try_these(both_ways.into_iter().flatten().collect())).await;
}

/// A table with a key and this column.
fn keyed(name: &str, column: Column) -> Table {
    let mut table = Table::new(name);
    table.columns = vec![Column::new("id", ColumnType::Integer, false), column];
    let (key, columns) = (Some(format!("{name}_pkey")), vec!["id".to_owned()]);
    table.primary_key = Some(PrimaryKey { name: key, columns, options: Vec::new() });
    table
}

fn schema(table: Table) -> Schema {
    Schema { tables: [(table.name.clone(), table)].into(), ..Schema::default() }.sorted()
}

async fn try_these(pairs: Vec<Pair>) {
    let dbs = [TestDb::new(Engine::Sqlite), TestDb::new(Engine::Postgres)];
    let (sqlite, postgres) = (dbs[0].open().await, dbs[1].open().await);
    for pair in pairs {
        for within in [false, true] {
            let tried = try_pair(&sqlite, &postgres, &pair, within).await;
            tried.unwrap_or_else(|error| panic!("{error}"));
        }
    }
    sqlite.close().await;
    postgres.close().await;
}

/// An empty schema to work in, whatever a failed pair has left.
async fn clear(db: &Database) {
    let run = async |sql: &str| db.connection.execute_unprepared(sql).await.unwrap();
    if db.engine == Engine::Postgres {
        run(&format!(
            "DROP SCHEMA IF EXISTS work CASCADE; DROP SCHEMA IF EXISTS \"{OTHER}\" CASCADE; \
             CREATE SCHEMA work; SET search_path = work; SET tenantry.schemas = '{{\"{OTHER}\"}}'"
        ))
        .await;
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

/// There and back on both engines, with the same rows: what comes out is the same, or both refuse.
async fn try_pair(
    sqlite: &Database,
    postgres: &Database,
    pair: &Pair,
    within: bool,
) -> Result<(), String> {
    let dbs = [sqlite, postgres];
    let on_postgres = if within { pair.within() } else { pair.clone() };
    let on_both = async |step: Step| {
        let (one, other) = (step.run(sqlite, pair), step.run(postgres, &on_postgres));
        let (one, other) = tokio::join!(one, other);
        let bare = |rows: Rows| -> Rows {
            rows.into_iter().map(|(name, rows)| (parts(&name).1.into_owned(), rows)).collect()
        };
        let other = other.map(|rows| rows.map(bare));
        let named = |db: &Database, error: String| format!("{}: {error}", db.engine);
        let one = one.map_err(|error| named(sqlite, error))?;
        let other = other.map_err(|error| named(postgres, error))?;
        Ok::<_, String>((one, other))
    };
    let (before, same) = agreed(pair, Step::Prepare, on_both(Step::Prepare).await?)?;
    assert!(same, "nothing is refused that only puts rows in");
    if !forbidden(&pair.to).is_empty() {
        return refused_by_an_engine(dbs, &pair.to).await;
    }
    let (after, same) = agreed(pair, Step::Up, on_both(Step::Up).await?)?;
    if !same {
        // Nothing was changed.
        let (again, _) = agreed(pair, Step::Prepare, on_both(Step::Look).await?)?;
        return if again == before { Ok(()) } else { Err("a refusal changed rows".to_owned()) };
    }
    kept(pair, &before, &after)?;
    let (again, same) = agreed(pair, Step::Down, on_both(Step::Down).await?)?;
    if same {
        kept(&pair.reversed(), &after, &again)?;
        let (one, other) = on_both(Step::Remove).await?;
        one.and(other)?;
    }
    Ok(())
}

/// What the rules of the model forbid, one of the engines cannot make, or makes otherwise.
async fn refused_by_an_engine(dbs: [&Database; 2], schema: &Schema) -> Result<(), String> {
    for db in dbs {
        clear(db).await;
        let whole = Pair::plain(&Schema::default(), schema).migration("m1");
        let made = run(db, vec![Box::new(whole)], Command::Up(Up::default())).await;
        if made.is_err() || equal(db, &wanted(db, schema).await).await.is_err() {
            return Ok(());
        }
    }
    Err(format!("both engines take what is forbidden: {:?}", forbidden(schema)))
}

/// What is done to a database with a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The first schema, with rows.
    Prepare,
    /// The migration to the second one.
    Up,
    /// Back to the first one.
    Down,
    /// Reads the rows of the first schema.
    Look,
    /// Back to nothing.
    Remove,
}

impl Step {
    /// The rows afterwards; or why the engine refused.
    async fn run(self, db: &Database, pair: &Pair) -> Result<Result<Rows, String>, String> {
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
        let up = async || {
            let one = Up { steps: Some(1), ..Up::default() };
            run(db, migrations(), Command::Up(one)).await
        };
        let (schema, name) = match self {
            Self::Prepare => {
                clear(db).await;
                up().await?;
                for table in bare.tables.values() {
                    for sql in inserts(table, db.engine == Engine::Postgres, pair.edges) {
                        let done = db.connection.execute_unprepared(&sql).await;
                        done.map_err(|error| format!("{sql}: {error}"))?;
                    }
                }
                up().await?;
                (&pair.from, "the first schema")
            }
            Self::Up => {
                if let Err(error) = up().await {
                    return refused(pair, error).map(Err);
                }
                (&pair.to, "the second schema")
            }
            Self::Down => {
                if let Err(error) = down(db, migrations()).await {
                    return refused(pair, error).map(Err);
                }
                (&pair.from, "the first schema again")
            }
            Self::Look => (&pair.from, "the first schema still"),
            Self::Remove => {
                down(db, migrations()).await?;
                down(db, migrations()).await?;
                (&nothing, "nothing")
            }
        };
        let wanted = wanted(db, schema).await;
        equal(db, &wanted).await.map_err(|error| format!("{name}: {error}"))?;
        Ok(Ok(rows(db, schema).await?))
    }
}

/// A refusal that has to do with values, which only rows at the edges may meet; otherwise it is a failure.
fn refused(pair: &Pair, error: String) -> Result<String, String> {
    let of_values = [
        "not fit the new type",
        "there is a value that does not fit",
        "out of range",
        "value too long",
        "numeric field overflow",
        "invalid input syntax for type json",
        "is violated by some row",
        "constraint failed",
        "violates foreign key constraint",
        "would refer to nothing",
        "could not create unique index",
    ];
    if pair.edges && of_values.iter().any(|of| error.contains(of)) { Ok(error) } else { Err(error) }
}

/// The rows of both engines, which have to be the same; or none, if both refused.
fn agreed(
    pair: &Pair,
    step: Step,
    (one, other): (Result<Rows, String>, Result<Rows, String>),
) -> Result<(Rows, bool), String> {
    let (one, other) = match (one, other) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(_), Err(_)) => return Ok((Rows::new(), false)),
        (Ok(_), Err(error)) => return Err(format!("{step:?}: only PostgreSQL refused: {error}")),
        (Err(error), Ok(_)) => return Err(format!("{step:?}: only SQLite refused: {error}")),
    };
    // What the database made up, each has made for itself.
    let pair = match step {
        Step::Down => &pair.reversed(),
        _ => pair,
    };
    let kept: BTreeMap<String, Vec<String>> = match step {
        Step::Up | Step::Down => surviving(pair)
            .into_iter()
            .map(|(table, (_, columns))| {
                let kept = columns.into_iter().filter(|(from, to)| {
                    // On the way there, or on the way back.
                    let is_filled = from.nullable != to.nullable;
                    let converts = || conversion(&to.name, &from.ty, &to.ty).is_some();
                    !is_filled && (from.ty == to.ty || converts())
                });
                (table, kept.map(|(_, to)| to.name).collect())
            })
            .collect(),
        _ => pair
            .from
            .tables
            .values()
            .map(|it| (it.name.clone(), it.columns.iter().map(|c| c.name.clone()).collect()))
            .collect(),
    };
    for (table, columns) in kept {
        for (one, other) in one[&table].iter().zip(&other[&table]) {
            for column in &columns {
                if one[column] != other[column] {
                    return Err(format!(
                        "{step:?}: {table}.{column} is {:?} on SQLite and {:?} on PostgreSQL",
                        one[column], other[column]
                    ));
                }
            }
        }
    }
    Ok((one, true))
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
    if db.engine == Engine::Postgres {
        runner = runner.with_schemas([OTHER.to_owned()]);
    }
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
    let said = |error: sea_orm::DbErr| error.to_string();
    let read = read(&db.connection, db.engine, TENANCY.application_role).await;
    let mut live = read.map_err(said)?;
    // All that there are, wanted or not.
    let mut all = live.clone();
    for table in all.tables.values_mut() {
        table.comment = Some(String::new());
        table.columns.iter_mut().for_each(|column| column.comment = Some(String::new()));
    }
    read_comments(&db.connection, db.engine, &mut live, &all).await.map_err(said)?;
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
    // A statement that is prepared for a column with one collation does not run with another.
    let collations: Vec<&str> =
        table.columns.iter().map(|it| it.collation.as_deref().unwrap_or_default()).collect();
    let sql = format!(
        "SELECT {} FROM {} ORDER BY CAST(id AS integer) /* {} */",
        read.join(", "),
        quoted_table(&table.name),
        collations.join(" ")
    );
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
            let fidelity = conversion(&to.name, &from.ty, &to.ty).map(|it| it.fidelity);
            let is_kept = matches!(fidelity, Some(Fidelity::Lossless | Fidelity::Checked));
            // With plain values, nothing of what may be lost is there.
            if !same && !is_kept && (pair.edges || fidelity.is_none()) {
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
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    let (mut at_edges, mut crossing, mut crossing_tables, mut refused) = (0, 0, 0, 0);
    for pair in drawn(0, 500) {
        at_edges += u32::from(pair.edges);
        let renames = pair.renames.applicable(&pair.from, &pair.to);
        let was = |(table, column): &(String, String)| {
            let before = renames.table_before(table, &pair.from);
            before.is_some_and(|before| before.column(column).is_some())
        };
        crossing += u32::from(renames.columns.keys().any(was));
        let is_taken = |name: &String| pair.from.tables.contains_key(name);
        crossing_tables += u32::from(renames.tables.keys().any(is_taken));
        refused += u32::from(!forbidden(&pair.to).is_empty());
        for change in pair.forth().changes {
            let kind =
                serde_json::to_value(&change).unwrap()["change"].as_str().unwrap().to_owned();
            *kinds.entry(kind).or_default() += 1;
        }
    }
    assert!(at_edges > 60 && crossing > 60, "{at_edges} {crossing}");
    assert!(crossing_tables > 60 && refused > 10, "{crossing_tables} {refused}");
    assert_eq!(kinds.len(), 35, "{kinds:?}");
    assert!(kinds.values().all(|count| *count >= 15), "{kinds:?}");
}
