//! The expected schema in the words of the database it is compared with.
//!
//! PostgreSQL rewrites what it is told: `status IN ('a', 'b')` comes back from the catalogue as
//! `status = ANY (ARRAY['a'::text, 'b'::text])`. So the server itself does the rewriting: the
//! expected tables are built as temporary ones in a transaction that is rolled back, and read by
//! the same reader. That needs the right to make temporary tables and nothing else.

mod scratch;

use sea_orm::{ConnectionTrait, DbErr, Statement, TransactionTrait};
use tenantry_entity::{Engine, tenancy::SEALED_TENANT};

use super::{Policy, Schema, ddl, enums, from_postgres, from_sqlite, objects, reduced::Reduced};
use crate::{error::sqlstate, ops::v1, sql::in_memory};

/// What a database should hold, in its own words.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The schema.
    pub schema: Schema,
    /// Whether expressions are in the server's words. If not, the server builds no temporary tables,
    /// and only [`Schema::without_expressions`] of both sides can be compared.
    pub exact: bool,
}

/// Reads the live schema that unqualified names belong to, with the privileges of the given
/// application role.
///
/// # Errors
///
/// If a catalogue query fails.
pub async fn read<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    application_role: &str,
) -> Result<Schema, DbErr> {
    if engine == Engine::Sqlite {
        return from_sqlite::read(db).await;
    }
    from_postgres::read(db, from_postgres::Namespace::Current(engine), application_role).await
}

/// Says what `neutral`, a schema made from the entities, would look like in this database.
///
/// # Errors
///
/// If the database fails for another reason than a missing right to make temporary tables.
pub async fn expected<C>(db: &C, engine: Engine, neutral: Schema) -> Result<Expected, DbErr>
where
    C: ConnectionTrait + TransactionTrait<Transaction = sea_orm::DatabaseTransaction>,
{
    if engine.capability().keeps_expression_text {
        return Ok(Expected { schema: neutral.on(engine), exact: true });
    }
    if !engine.capability().temporary_tables {
        return Ok(Expected { schema: neutral.on(engine).without_expressions(), exact: false });
    }
    let neutral = neutral.on(engine);
    match replay(db, engine, &ddl::create(&neutral, engine)).await {
        Ok(mut schema) => {
            // What the server has nothing to rewrite in.
            for table in schema.tables.values_mut() {
                if let Some(neutral) = neutral.tables.get(&table.name) {
                    table.grants.clone_from(&neutral.grants);
                    table.comment.clone_from(&neutral.comment);
                    for column in &mut table.columns {
                        let neutral = neutral.column(&column.name);
                        column.comment = neutral.and_then(|it| it.comment.clone());
                    }
                    table.distribution.clone_from(&neutral.distribution);
                }
            }
            Ok(Expected { schema, exact: true })
        }
        Err(error) if is_forbidden(&error) => {
            Ok(Expected { schema: neutral.without_expressions(), exact: false })
        }
        Err(error) => Err(error),
    }
}

/// Runs statements that create tables where nothing of them remains, and reads the result: as
/// temporary tables on PostgreSQL, in a database in memory on SQLite. What they grant is left out:
/// roles are no part of a database, and need not be there. Where they put rows on an engine with
/// several nodes is not tried, but said of the result.
///
/// # Errors
///
/// If a statement fails.
pub async fn replay<C>(db: &C, engine: Engine, statements: &[String]) -> Result<Schema, DbErr>
where
    C: ConnectionTrait + TransactionTrait<Transaction = sea_orm::DatabaseTransaction>,
{
    let statements = &objects::without_objects(statements);
    if engine == Engine::Sqlite {
        let memory = in_memory().await?;
        memory.execute_unprepared(&script(statements)).await?;
        let schema = from_sqlite::read(&memory).await;
        memory.close().await?;
        return schema;
    }
    let is_local = |sql: &&String| {
        !is_grant(sql)
            && !v1::is_distribution(sql)
            && !sql.starts_with(v1::SEAL_BEGINS)
            && !sql.starts_with(v1::COMMENT_ON)
            && !sql.starts_with(v1::SCHEMA_BEGINS)
    };
    let is_sealed = |sql: &str| sql.contains(SEALED_TENANT);
    let sealed = statements.iter().any(|sql| is_sealed(sql));
    let local: Vec<String> = statements
        .iter()
        .filter(is_local)
        .map(|sql| {
            if is_sealed(sql) { sql.replace(&called(SEALED_TENANT), STAND_IN) } else { sql.clone() }
        })
        .collect();
    let local = enums::with_values_at_once(local);
    let schemas = v1::created_schemas(statements);
    let only_creates = local.iter().all(|sql| is_creation(sql));
    // There is one temporary schema only.
    let reduced = if only_creates && schemas.is_empty() { Reduced::of(&local) } else { None };
    let mut outcome = None;
    if let Some(reduced) = reduced {
        match temporary(db, engine, &reduced.statements, true).await {
            Ok(schema) => outcome = Some(reduced.complete(schema)),
            // What no partitioned table has, say.
            Err(error) if sqlstate(&error).is_some() && !is_forbidden(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let schema = match outcome {
        Some(schema) => schema,
        None if !schemas.is_empty() => {
            scratch::replay(db, engine, &local, &schemas, only_creates).await?
        }
        None => temporary(db, engine, &local, only_creates).await?,
    };
    let mut schema = schema.sorted();
    if sealed {
        let policies = schema.tables.values_mut().flat_map(|table| &mut table.policies);
        for condition in policies.flat_map(Policy::conditions_mut) {
            *condition = condition.replace(STOOD_IN, &read_back(SEALED_TENANT));
        }
    }
    if engine.capability().distributes_tables {
        for (table, distribution) in v1::distributions(statements) {
            if let Some(table) = schema.tables.get_mut(&table) {
                table.distribution = Some(distribution);
            }
        }
    }
    Ok(schema)
}

/// Runs statements as [`replay`] does, and reads the result.
async fn temporary<C>(
    db: &C,
    engine: Engine,
    statements: &[String],
    only_creates: bool,
) -> Result<Schema, DbErr>
where
    C: ConnectionTrait + TransactionTrait<Transaction = sea_orm::DatabaseTransaction>,
{
    let script = script(statements);
    // An empty search path but for the temporary schema keeps the names apart.
    let transaction = db.begin().await?;
    let outcome = temporary_in(&transaction, "pg_temp", &script).await;
    transaction.rollback().await?;
    // What only creates, creates no other tables with the whole path.
    if !only_creates || !outcome.as_ref().is_err_and(is_unknown) {
        return outcome;
    }
    let transaction = db.begin().await?;
    let path = search_path(&transaction, engine).await?;
    let path = path.map_or("pg_temp".to_owned(), |path| format!("pg_temp, {path}"));
    let outcome = temporary_in(&transaction, &path, &script).await;
    transaction.rollback().await?;
    outcome
}

/// What stands in policies for the function that asks for the tenant of a sealed scope, which may not be there
/// yet and which no temporary schema has; and how PostgreSQL writes a query of it.
const STAND_IN: &str = "pg_catalog.uuid_in('tenantry')";
const STOOD_IN: &str = "( SELECT uuid_in('tenantry'::cstring) AS uuid_in)";

fn called(function: &str) -> String {
    format!("{function}()")
}

fn read_back(function: &str) -> String {
    format!("( SELECT {function}() AS {function})")
}

/// Whether the role or the transaction may make no temporary tables: `insufficient_privilege`,
/// `read_only_sql_transaction`.
fn is_forbidden(error: &DbErr) -> bool {
    matches!(sqlstate(error).as_deref(), Some("42501" | "25006"))
}

const UNDEFINED_OBJECT: &str = "42704";
const UNDEFINED_FUNCTION: &str = "42883";

/// Whether a type or a function is not known: one of an extension, say.
fn is_unknown(error: &DbErr) -> bool {
    matches!(sqlstate(error).as_deref(), Some(UNDEFINED_OBJECT | UNDEFINED_FUNCTION))
}

/// The search path of the session.
async fn search_path<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<Option<String>, DbErr> {
    let sql = "SELECT current_setting('search_path') AS path";
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    row.map(|row| row.try_get("", "path")).transpose()
}

/// Makes temporary tables with this search path, in one round trip, and reads them.
async fn temporary_in<C: ConnectionTrait>(
    db: &C,
    search_path: &str,
    script: &str,
) -> Result<Schema, DbErr> {
    db.execute_unprepared(&format!("SET LOCAL search_path = {search_path}; {script}")).await?;
    from_postgres::read(db, from_postgres::Namespace::Temporary, "").await
}

fn starts_with(statement: &str, start: &str) -> bool {
    statement.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// Whether a statement only adds: a table, an index, a policy or row-level security.
fn is_creation(sql: &str) -> bool {
    [
        "CREATE TABLE ",
        "CREATE INDEX ",
        "CREATE UNIQUE INDEX ",
        "CREATE POLICY ",
        "CREATE TYPE ",
        "CREATE DOMAIN ",
    ]
    .iter()
    .any(|start| sql.starts_with(start))
        || (sql.starts_with("ALTER TABLE ") && sql.ends_with(" ROW LEVEL SECURITY"))
}

/// Whether a statement is about privileges.
fn is_grant(sql: &str) -> bool {
    sql.starts_with("GRANT ") || sql.starts_with("REVOKE ")
}

fn script(statements: &[String]) -> String {
    let mut script = String::new();
    for statement in statements {
        // Which no transaction takes, and which makes the same index.
        let concurrent = ["CREATE INDEX CONCURRENTLY", "CREATE UNIQUE INDEX CONCURRENTLY"]
            .iter()
            .chain(&["DROP INDEX CONCURRENTLY"])
            .find(|start| starts_with(statement, start));
        match concurrent {
            Some(start) => {
                script.push_str(start.trim_end_matches(" CONCURRENTLY"));
                script.push_str(&statement[start.len()..]);
            }
            None => script.push_str(statement),
        }
        script.push_str(";\n");
    }
    script
}
