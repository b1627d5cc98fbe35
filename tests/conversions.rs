//! The table of conversions, tried value by value on both engines: they agree, what is called lossless
//! or checked comes back unchanged, and what does not fit is refused by both.

use std::{env, fmt::Write as _, fs};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use migration::{
    diff::{Fidelity, conversion, each_type},
    schema::{Column, ColumnType, PrimaryKey, Schema, Table},
};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait as _};
use sea_orm_migration::{MigrationTrait as _, SchemaManager};

use crate::support::{Engine, TestDb, random_schema::Pair};

/// A value as a literal of each engine.
#[derive(Clone, Copy, Debug)]
struct Value {
    postgres: &'static str,
    sqlite: &'static str,
}

const fn same(literal: &'static str) -> Value {
    Value { postgres: literal, sqlite: literal }
}

const fn apart(postgres: &'static str, sqlite: &'static str) -> Value {
    Value { postgres, sqlite }
}

const TEXTS: &[Value] = &[
    same("''"),
    same("' '"),
    same("'abc'"),
    same("'abc      '"),
    same("'abcdefghi   '"),
    same("'ääääääääää'"),
    same("'true'"),
    same("'TRUE'"),
    same("'yes'"),
    same("' off '"),
    same("'o'"),
    same("'0'"),
    same("'-0'"),
    same("'7'"),
    same("'-32768'"),
    same("'32768'"),
    same("'007'"),
    same("'+5'"),
    same("' 5'"),
    same("'5-5'"),
    same("'5.'"),
    same("'.5'"),
    same("'3.14'"),
    same("'2.675'"),
    same("'-9999999.994'"),
    same("'9999999.995'"),
    same("'1e3'"),
    same("'1E+3'"),
    same("'1e'"),
    same("'0.30000000000000004'"),
    same("'1e400'"),
    same("'99999999999999999999'"),
    same("'2147483648'"),
    same("'9223372036854775807'"),
    same("'9223372036854775808'"),
    same("'0x1F'"),
    same("'1_000'"),
    same("'NaN'"),
    same("'Infinity'"),
    same("'2026-01-02'"),
    same("'2026-02-30'"),
    same("'0000-01-01'"),
    same("'2026-1-2'"),
    same("'10:20:30'"),
    same("'10:20:30.123456'"),
    same("'10:20:30.1234567'"),
    same("'10:20:30.'"),
    same("'24:00:00'"),
    same("'23:59:60'"),
    same("'2026-01-02 10:20:30.5'"),
    same("'2026-01-02T10:20:30'"),
    same("'2026-01-02T10:20:30.25+02:00'"),
    same("'2026-01-02 01:20:30.999999+02:00'"),
    same("'2026-01-02T10:20:30Z'"),
    same("'2026-01-02T10:20:30+25:00'"),
    same("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
    same("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"),
    same("'a0eebc999c0b4ef8bb6d6bb9bd380a11'"),
    same("'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"),
    same("'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11'"),
    same("'{\"a\": 1}'"),
    same("'{\"b\":1,\"a\":[null, 2.50]}'"),
    same("'{a: 1}'"),
    same("'\"\\u0000\"'"),
    same("'\"\\\\u0000\"'"),
];

fn values(ty: &ColumnType) -> Vec<Value> {
    let listed: &[Value] = match ty {
        ColumnType::Text | ColumnType::Varchar(_) => TEXTS,
        ColumnType::SmallInt => {
            &[same("0"), same("1"), same("-1"), same("32767"), same("-32768"), same("999")]
        }
        ColumnType::Integer => &[
            same("0"),
            same("1"),
            same("32768"),
            same("16777217"),
            same("2147483647"),
            same("-2147483648"),
        ],
        ColumnType::BigInt => &[
            same("0"),
            same("-32768"),
            same("3000000000"),
            same("9007199254740992"),
            same("9007199254740993"),
            same("9223372036854775807"),
            same("-9223372036854775807"),
        ],
        ColumnType::Real => &[
            same("0"),
            same("0.5"),
            same("2.5"),
            same("-2.5"),
            apart("0.1", "0.10000000149011612"),
            same("32767.5"),
            same("16777216"),
            apart("3.4028235e38", "3.4028234663852886e38"),
            apart("1e-45", "1.401298464324817e-45"),
        ],
        ColumnType::Double => &[
            same("0"),
            same("1"),
            same("-1.5"),
            same("2.5"),
            same("0.1"),
            same("0.30000000000000004"),
            same("0.49999999999999994"),
            same("1.005"),
            same("2.675"),
            same("9999999.994"),
            same("9999999.996"),
            same("0.1234567890123456"),
            same("123456.7890123"),
            same("1e15"),
            same("123456789012345678"),
            same("9.3e18"),
            same("1e-5"),
            same("3.5e38"),
            same("1e-50"),
            same("1e300"),
            apart("'Infinity'", "9e999"),
            apart("'-Infinity'", "-9e999"),
        ],
        ColumnType::Numeric(None) => &[
            same("0"),
            same("1.5"),
            same("2.5"),
            same("-2.5"),
            same("0.1"),
            same("1.005"),
            same("9999999.995"),
            same("12345678901234"),
            same("40000"),
            same("3e38"),
        ],
        ColumnType::Numeric(Some((_, scale))) if *scale > 0 => {
            &[same("0"), same("1.5"), same("2.5"), same("-0.1"), same("9999999.9")]
        }
        ColumnType::Numeric(_) => &[same("0"), same("99999"), same("-7")],
        ColumnType::Boolean => &[same("TRUE"), same("FALSE")],
        ColumnType::Uuid => &[apart(
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            "x'a0eebc999c0b4ef8bb6d6bb9bd380a11'",
        )],
        ColumnType::Date => &[
            same("'2026-01-02'"),
            same("'0001-01-01'"),
            same("'9999-12-31'"),
            same("'2024-02-29'"),
        ],
        ColumnType::Time => {
            &[same("'00:00:00'"), same("'23:59:59.999999'"), same("'10:20:30.500'")]
        }
        ColumnType::Timestamp => &[
            same("'2026-01-02 03:04:05'"),
            same("'2026-01-02 23:59:59.999999'"),
            same("'1969-12-31 00:00:00.120'"),
        ],
        ColumnType::TimestampTz => &[
            same("'2026-01-02T03:04:05+00:00'"),
            same("'2026-01-02T23:59:59.999999+00:00'"),
            same("'2026-01-01T10:00:00+02:00'"),
            same("'2026-01-01T01:00:00.250-05:30'"),
            same("'2026-01-01T00:30:00.000001+01:00'"),
            same("'2026-01-01T00:30:00Z'"),
        ],
        ColumnType::Json | ColumnType::Jsonb => {
            &[same("'{\"a\":1}'"), same("'[]'"), same("'\"it''s\"'"), same("'null'")]
        }
        ColumnType::Bytea => &[apart(r"'\x00ff'", "x'00ff'")],
        // Values of enums depend on their types: see tests/enums.rs.
        ColumnType::Enum(_) | ColumnType::EnumArray(_) => &[],
        ColumnType::Other(_) => &[same("'10.0.0.1'")],
    };
    match ty {
        // The same conversions as those of any text.
        ColumnType::Varchar(_) => [same("''"), same("'7'"), same("'true'"), same("'a'")].to_vec(),
        ColumnType::Numeric(Some((7, _))) => listed[..4].to_vec(),
        _ => listed.to_vec(),
    }
}

/// The types of the table, and some more in between.
fn types() -> Vec<ColumnType> {
    let more = [
        ColumnType::Varchar(Some(40)),
        ColumnType::Numeric(Some((5, 0))),
        ColumnType::Numeric(Some((9, 1))),
        ColumnType::Numeric(Some((7, 2))),
        ColumnType::Numeric(Some((12, 2))),
    ];
    each_type().into_iter().chain(more).collect()
}

/// A table `t` with one column `c` beside its key.
fn schema(ty: &ColumnType) -> Schema {
    let mut table = Table::new("t");
    for (name, ty, nullable) in [("id", &ColumnType::Integer, false), ("c", ty, true)] {
        let (name, ty) = (name.to_owned(), ty.clone());
        table.columns.push(Column::new(name, ty, nullable));
    }
    table.primary_key = Some(PrimaryKey {
        name: Some("t_pkey".to_owned()),
        columns: vec!["id".to_owned()],
        options: Vec::new(),
    });
    Schema { tables: [("t".to_owned(), table)].into(), ..Schema::default() }
}

/// What is in `c`, row by row.
type Read = Vec<Option<String>>;

/// What becomes of values, there and back again: what was read after each change, or how it failed.
struct Tried {
    before: Read,
    there: Result<Read, String>,
    back: Option<Result<Read, String>>,
}

impl Tried {
    fn all_fit(&self) -> bool {
        self.there.is_ok()
    }
}

async fn try_values(
    db: &migration::db::Database,
    from: &ColumnType,
    to: &ColumnType,
    values: &[Value],
) -> Tried {
    let tx = db.connection.begin().await.unwrap();
    let manager = SchemaManager::new(&tx);
    let run = async |sql: &str| {
        tx.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    };
    let (before, after) = (schema(from), schema(to));
    let create = Pair::plain(&Schema::default(), &before).migration("m1");
    create.up(&manager).await.unwrap();
    for (id, value) in values.iter().enumerate() {
        let literal = if db.engine == Engine::Postgres { value.postgres } else { value.sqlite };
        run(&format!("INSERT INTO t (id, c) VALUES ({id}, {literal})")).await;
    }
    run("INSERT INTO t (id, c) VALUES (1000, NULL)").await;
    let change = Pair::plain(&before, &after).migration("m2");
    let mut tried = Tried {
        before: read(&tx, db.engine, from).await,
        there: change.up(&manager).await.map_err(|error| error.to_string()).map(|()| Vec::new()),
        back: None,
    };
    if tried.there.is_ok() {
        tried.there = Ok(read(&tx, db.engine, to).await);
        let back = change.down(&manager).await.map_err(|error| error.to_string());
        tried.back = Some(match back {
            Ok(()) => Ok(read(&tx, db.engine, from).await),
            Err(error) => Err(error),
        });
    }
    tx.rollback().await.unwrap();
    tried
}

async fn read(db: &impl ConnectionTrait, engine: Engine, ty: &ColumnType) -> Read {
    let column = match (engine, ty) {
        (Engine::Postgres, ColumnType::TimestampTz) => "(c AT TIME ZONE 'UTC')::text",
        (Engine::Postgres, ColumnType::Bytea) => "encode(c, 'hex')",
        (Engine::Postgres, _) => "c::text",
        _ => "CASE typeof(c) WHEN 'blob' THEN lower(hex(c)) ELSE CAST(c AS text) END",
    };
    let is_float = matches!(ty, ColumnType::Real | ColumnType::Double | ColumnType::Numeric(_));
    if engine == Engine::Sqlite && is_float {
        // As a text it would be rounded.
        let sql = "SELECT CAST(c AS real) AS c FROM t ORDER BY id";
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql));
        let cell = |row: sea_orm::QueryResult| {
            let number: Option<f64> = row.try_get("", "c").unwrap();
            number.map(|number| canonical(ty, &number.to_string()))
        };
        return rows.await.unwrap().into_iter().map(cell).collect();
    }
    let sql = format!("SELECT {column} AS c FROM t ORDER BY id");
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql));
    let cell = |row: sea_orm::QueryResult| {
        let text: Option<String> = row.try_get("", "c").unwrap();
        text.map(|text| canonical(ty, &text))
    };
    rows.await.unwrap().into_iter().map(cell).collect()
}

/// One spelling of each value of a type.
fn canonical(ty: &ColumnType, text: &str) -> String {
    match ty {
        ColumnType::Real => text.replace("Inf", "inf").parse::<f32>().unwrap().to_string(),
        ColumnType::Double | ColumnType::Numeric(_) => {
            text.replace("Inf", "inf").parse::<f64>().unwrap().to_string()
        }
        ColumnType::Boolean => text.replace('1', "true").replace('0', "false"),
        ColumnType::Uuid => text.replace('-', ""),
        ColumnType::Date => NaiveDate::parse_from_str(text, "%F").unwrap().to_string(),
        ColumnType::Time => NaiveTime::parse_from_str(text, "%T%.f").unwrap().to_string(),
        ColumnType::Timestamp => moment(text).to_string(),
        ColumnType::TimestampTz => match DateTime::parse_from_rfc3339(&text.replace(' ', "T")) {
            Ok(moment) => moment.with_timezone(&Utc).naive_utc().to_string(),
            Err(_) => moment(text).to_string(),
        },
        ColumnType::Json | ColumnType::Jsonb => {
            // A number may be too large for the library.
            let read = serde_json::from_str::<serde_json::Value>(text);
            read.map_or_else(|_| text.split_whitespace().collect(), |value| value.to_string())
        }
        _ => text.to_owned(),
    }
}

fn moment(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%F %T%.f")
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Whether two texts made of a number or of JSON say the same. How many digits are written, and the
/// white space of JSON, is each engine's own.
fn say_the_same(from: &ColumnType, one: &str, other: &str) -> bool {
    match from {
        ColumnType::Real
        | ColumnType::Double
        | ColumnType::Numeric(_)
        | ColumnType::Json
        | ColumnType::Jsonb => canonical(from, one) == canonical(from, other),
        _ => one == other,
    }
}

/// Why SQLite refuses or cuts what PostgreSQL takes: it keeps a numeric as a double, and it checks no
/// types of others.
fn is_known_difference(from: &ColumnType, to: &ColumnType, value: Value) -> bool {
    match (from, to) {
        (_, ColumnType::Other(_)) => true,
        (ColumnType::BigInt, ColumnType::Numeric(_)) => {
            value.sqlite.trim_start_matches('-').len() >= 16
        }
        // Sixteen digits and more are rounded by their double, and the smallest reals have few.
        (ColumnType::Double, ColumnType::Numeric(Some(_))) => value.sqlite == "0.49999999999999994",
        (ColumnType::Real, ColumnType::Numeric(_)) => value.postgres == "1e-45",
        _ => false,
    }
}

#[tokio::test]
async fn the_engines_agree_on_every_conversion() {
    let (sqlite, postgres) = (TestDb::new(Engine::Sqlite), TestDb::new(Engine::Postgres));
    let (sqlite, postgres) = (sqlite.open().await, postgres.open().await);
    // As the runner has them where a table is recreated.
    sqlite.connection.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
    let mut wrong = String::new();
    let mut tried = 0;
    for from in &types() {
        for to in types().iter().filter(|to| *to != from) {
            let Some(conversion) = conversion("c", from, to) else { continue };
            let values = values(from);
            tried += values.len();
            // Where one is refused, each is tried alone.
            let alone = values.iter().map(std::slice::from_ref);
            for values in std::iter::once(&values[..]).chain(alone) {
                let one = try_values(&sqlite, from, to, values).await;
                let other = try_values(&postgres, from, to, values).await;
                let all_fit = one.all_fit() && other.all_fit();
                if values.len() > 1 && !all_fit {
                    continue;
                }
                if let Err(error) = check(from, to, values, conversion.fidelity, &one, &other) {
                    let _ = writeln!(wrong, "{from} to {to}: {error}");
                }
                if all_fit {
                    break;
                }
            }
        }
    }
    sqlite.close().await;
    postgres.close().await;
    assert!(wrong.is_empty(), "{wrong}");
    assert!(tried > 3000, "{tried}");
}

fn check(
    from: &ColumnType,
    to: &ColumnType,
    values: &[Value],
    fidelity: Fidelity,
    sqlite: &Tried,
    postgres: &Tried,
) -> Result<(), String> {
    let (first, is_text) = (values[0].sqlite, is_text(from));
    if values.len() == 1 && is_known_difference(from, to, values[0]) {
        return Ok(());
    }
    let (one, other) = match (&sqlite.there, &postgres.there) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(_), Err(error)) if fidelity == Fidelity::Lossless => {
            return Err(format!("{first} is refused, and it is lossless: {error}"));
        }
        (Err(_), Err(error)) => {
            let quoted = values[0].postgres.trim_matches('\'');
            // A text may be a secret. What is no JSON is in the server's context.
            let is_json = matches!(to, ColumnType::Json | ColumnType::Jsonb);
            return if is_text && quoted.len() > 3 && error.contains(quoted) && !is_json {
                Err(format!("the error quotes the value: {error}"))
            } else {
                Ok(())
            };
        }
        (Ok(read), Err(error)) => {
            return Err(format!("{first}: SQLite has {read:?}, PostgreSQL: {error}"));
        }
        (Err(error), Ok(read)) => {
            return Err(format!("{first}: PostgreSQL has {read:?}, SQLite: {error}"));
        }
    };
    assert_eq!((one.len(), other.len()), (values.len() + 1, values.len() + 1));
    for ((one, other), value) in one.iter().zip(other).zip(values) {
        let agree = match (one, other) {
            (Some(one), Some(other)) if self::is_text(to) => say_the_same(from, one, other),
            (one, other) => one == other,
        };
        if !agree && !is_known_difference(from, to, *value) {
            return Err(format!("{value:?}: SQLite has {one:?}, PostgreSQL {other:?}"));
        }
    }
    if matches!(fidelity, Fidelity::Lossy(_)) {
        return Ok(());
    }
    for tried in [sqlite, postgres] {
        let back = tried
            .back
            .as_ref()
            .unwrap()
            .as_ref()
            .map_err(|it| format!("{:?} back: {it}", tried.there))?;
        if *back != tried.before {
            return Err(format!("{:?} comes back as {back:?}", tried.before));
        }
    }
    Ok(())
}

fn is_text(ty: &ColumnType) -> bool {
    matches!(ty, ColumnType::Text | ColumnType::Varchar(_))
}

/// SQLite may have anything in a column. What is computed is never computed from that.
#[tokio::test]
async fn what_no_column_should_have_is_refused() {
    let db = TestDb::new(Engine::Sqlite);
    let db = db.open().await;
    db.connection.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
    let mut tried = 0;
    for from in &types() {
        for to in types().iter().filter(|to| *to != from) {
            let Some(conversion) = conversion("c", from, to) else { continue };
            if conversion.copy.is_none() || is_text(from) {
                continue;
            }
            tried += 1;
            for junk in ["'junk'", "x'00'", "'12 apples'"] {
                let tx = db.connection.begin().await.unwrap();
                let manager = SchemaManager::new(&tx);
                let create = Pair::plain(&Schema::default(), &schema(from)).migration("m1");
                create.up(&manager).await.unwrap();
                let insert = format!("INSERT INTO t (id, c) VALUES (1, {junk})");
                tx.execute_unprepared(&insert).await.unwrap();
                let change = Pair::plain(&schema(from), &schema(to)).migration("m2");
                let refused = change.up(&manager).await;
                assert!(refused.is_err(), "{from} to {to}: {junk}");
                tx.rollback().await.unwrap();
            }
        }
    }
    assert!(tried > 50, "{tried}");
    db.close().await;
}

/// `docs/conversions.md` is the table. `INSTA_UPDATE=always` writes it.
#[test]
fn the_table_of_conversions_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conversions.md");
    let page = page();
    if env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(path, &page).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, page, "accept it with INSTA_UPDATE=always");
}

fn page() -> String {
    let mut page = String::from(
        "# Conversions\n\n\
         What becomes of a column's values when its type changes. A test tries each pair with values at \
         the edges, on\nSQLite and on PostgreSQL, and writes this page.\n\n\
         - **lossless**: every value comes through, and comes back unchanged when the migration is rolled \
         back.\n\
         - **checked**: the same for values that fit; if one does not, `up` fails and changes nothing.\n\
         - **lossy**: `generate` says what is lost, and asks for `--allow-data-loss`. A value that does not \
         fit makes\n  `up` fail.\n\n\
         Between types that a row does not name, values cannot be converted. They are lost, which `generate` \
         asks\nabout, unless `--backfill` says what becomes of them.\n\n\
         Times without a zone are taken for UTC. On SQLite a numeric is a double, so a `bigint` beyond 2^53 is \
         refused\nthere as a numeric, and a value has at most 17 digits.\n\n\
         | from | lossless | checked | lossy, with what is lost |\n|---|---|---|---|\n",
    );
    for from in each_type().into_iter().filter(|ty| *ty != ColumnType::Varchar(None)) {
        let mut cells: [Vec<String>; 3] = Default::default();
        let mut lossy: Vec<(&str, Vec<String>)> = Vec::new();
        for to in each_type().iter().filter(|to| ![&from, &ColumnType::Varchar(None)].contains(to))
        {
            let name = to.to_string().replace("inet", "other types");
            match conversion("c", &from, to).map(|it| it.fidelity) {
                Some(Fidelity::Lossless) => cells[0].push(name),
                Some(Fidelity::Checked) => cells[1].push(name),
                Some(Fidelity::Lossy(lost)) => match lossy.iter_mut().find(|it| it.0 == lost) {
                    Some((_, names)) => names.push(name),
                    None => lossy.push((lost, vec![name])),
                },
                None => {}
            }
        }
        let lossy = lossy.iter().map(|(lost, names)| format!("{}: {lost}", names.join(", ")));
        cells[2] = vec![lossy.collect::<Vec<_>>().join("; ")];
        let cells = cells.map(|cell| cell.join(", "));
        let from = from.to_string().replace("inet", "other types");
        let _ = writeln!(page, "| {from} | {} |", cells.join(" | "));
    }
    page
}
