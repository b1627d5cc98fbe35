//! Trying the attacks.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt as _;
use sea_orm::{
    ConnectionTrait as _,
    sqlx::{self, AssertSqlSafe, PgConnection, Row as _, postgres::PgPool},
};
use tenantry_entity::{
    Engine, scope,
    tenancy::{SETTINGS_ON_EACH_NODE, TENANT_ID, TENANT_SETTING},
};

use super::{
    Line, Matrix, Outcome,
    attack::{Attack, Attempt, CATALOGUE, Expect, On},
    existing,
    rows::Rows,
};
use crate::{
    db::{Database, literal, quoted},
    error::explain_sqlx,
    lock::ON_CITUS,
    report::DATABASE,
    schema::{ForeignKey, Schema, Table, tenancy},
};

/// The two tenants, and what is attacked.
struct Stage<'a> {
    schema: &'a Schema,
    engine: Engine,
    a: Rows,
    b: Rows,
    /// The tables that are attacked, if not all of them.
    only: Option<BTreeSet<String>>,
}

/// An attack that goes through must not read for ever, nor wait for somebody.
const LIMITS: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '20s'";

/// One attack on one table.
struct Try<'t> {
    attack: &'t Attack,
    table: String,
    how: How,
}

enum How {
    Sql(String),
    CopyOut(String),
    /// The statement, and the one value that is sent.
    CopyIn(String, String),
    /// A text for a tenant scope.
    Client(&'static str),
}

impl Try<'_> {
    fn sql(&self) -> Option<&str> {
        match &self.how {
            How::Sql(sql) => Some(sql),
            _ => None,
        }
    }
}

/// The rows that were returned or changed, or why not.
type Sent = std::result::Result<u64, Failure>;

struct Failure {
    code: Option<String>,
    message: String,
}

impl Failure {
    #[allow(clippy::needless_pass_by_value, reason = "to be given to map_err")]
    fn of(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        Self { code: code.map(Into::into), message: explain_sqlx(&error) }
    }
}

/// What a refusal looks like: `insufficient_privilege`, also for what a policy refuses,
/// `foreign_key_violation`, and `feature_not_supported` for COPY FROM.
const REFUSALS: [&str; 3] = ["42501", "23503", "0A000"];

/// Tries every attack of the catalogue on every table of `schema`, in a transaction that is rolled
/// back. Where that cannot be done at all, says why: the role may not become the application role
/// or insert rows, the server is read-only, or the engine has no policies.
///
/// # Errors
///
/// The reason why nothing was tried.
pub async fn probe(db: &Database, schema: &Schema) -> std::result::Result<Matrix, String> {
    let stage = Stage::of(schema, db.engine);
    play_on(db, stage, true).await
}

/// As [`probe`], with two tenants that are there, and the tables in which both have rows; says which
/// tables those are not. For engines on which what the owner has inserted is not seen by another
/// role in the same transaction. Where an attack would go through, it is undone all the same.
///
/// # Errors
///
/// As [`probe`], and if there are no two tenants with rows.
pub async fn probe_existing(
    db: &Database,
    schema: &Schema,
) -> std::result::Result<(Matrix, Vec<String>), String> {
    let found = existing::two_tenants(db, schema).await.map_err(|error| error.to_string())?;
    let Some([a, b]) = found else {
        return Err("it takes two tenants with rows, and there are less".to_owned());
    };
    let is_furnished = |table: &&Table| {
        kind(table) == On::Shared
            || [&a, &b].iter().all(|rows| rows.value(&table.name, "id").is_some())
    };
    let (with, without): (Vec<&Table>, Vec<&Table>) =
        schema.tables.values().partition(is_furnished);
    let only = with.into_iter().map(|table| table.name.clone()).collect();
    let stage = Stage { schema, engine: db.engine, a, b, only: Some(only) };
    let matrix = play_on(db, stage, false).await?;
    Ok((matrix, without.into_iter().map(|table| table.name.clone()).collect()))
}

/// Plays on `db`, in a transaction that is rolled back, with tenants that are made up first or not.
async fn play_on(
    db: &Database,
    stage: Stage<'_>,
    furnish: bool,
) -> std::result::Result<Matrix, String> {
    if !db.engine.capability().row_level_security {
        return Err(format!("{} has no row-level security to be attacked", db.engine));
    }
    if db.connection.is_mock_connection() {
        return Err("in a rehearsal, nobody else sees the tables".to_owned());
    }
    let pool: &PgPool = db.connection.get_postgres_connection_pool();
    let mut tx = pool.begin().await.map_err(sentence)?;
    let played = async {
        if furnish {
            stage.furnish(&mut tx).await?;
        }
        stage.play(&mut tx, &db.application_role).await
    };
    let played = played.await;
    // Nothing of it stays, whatever came of it.
    tx.rollback().await.map_err(sentence)?;
    played.map(Matrix::of)
}

/// As [`probe`], with the attacks tried over another connection, that of a login which is nothing
/// but a member of the application role, say. The two tenants stay in the database, which is to be
/// thrown away.
///
/// # Errors
///
/// As [`probe`].
pub async fn probe_from(
    attacker: &Database,
    db: &Database,
    schema: &Schema,
) -> std::result::Result<Matrix, String> {
    let stage = Stage::of(schema, db.engine);
    let mut tx = db.connection.get_postgres_connection_pool().begin().await.map_err(sentence)?;
    stage.furnish(&mut tx).await?;
    tx.commit().await.map_err(sentence)?;
    let pool = attacker.connection.get_postgres_connection_pool();
    let mut tx = pool.begin().await.map_err(sentence)?;
    let played = stage.play(&mut tx, &db.application_role).await;
    tx.rollback().await.map_err(sentence)?;
    played.map(Matrix::of)
}

#[allow(clippy::needless_pass_by_value, reason = "to be given to map_err")]
fn sentence(error: sqlx::Error) -> String {
    explain_sqlx(&error)
}

impl<'a> Stage<'a> {
    fn of(schema: &'a Schema, engine: Engine) -> Self {
        Self { schema, engine, a: Rows::of(schema), b: Rows::of(schema), only: None }
    }

    /// Begins, with limits that every node keeps.
    async fn limit(&self, tx: &mut PgConnection) -> std::result::Result<(), String> {
        if self.engine.capability().distributes_tables {
            run(tx, &format!("{ON_CITUS}; {SETTINGS_ON_EACH_NODE}")).await.map_err(sentence)?;
        }
        run(tx, LIMITS).await.map_err(sentence)?;
        Ok(())
    }

    /// Makes up the two tenants, in one round trip.
    async fn furnish(&self, tx: &mut PgConnection) -> std::result::Result<(), String> {
        let inserts = self.a.inserts.iter().chain(&self.b.inserts);
        let script: Vec<&str> = inserts.map(|(_, insert)| insert.as_str()).collect();
        self.limit(tx).await?;
        let made = run(tx, &script.join("; ")).await.map_err(sentence)?;
        if made == script.len() as u64 {
            return Ok(());
        }
        Err("for some table no row could be made up that its checks let pass".to_owned())
    }

    /// Tries everything, as the role.
    async fn play(
        &self,
        tx: &mut PgConnection,
        role: &str,
    ) -> std::result::Result<Vec<Line>, String> {
        self.limit(tx).await?;
        run(tx, &format!("SET LOCAL ROLE {}", quoted(role))).await.map_err(|error| {
            format!("the role {role} cannot be worked as: {}", explain_sqlx(&error))
        })?;
        let mut outcomes: BTreeMap<&str, BTreeMap<String, Outcome>> = BTreeMap::new();
        // A setting that was set once is empty afterwards, not absent.
        for scope in [false, true] {
            let tenant = if scope { self.a.tenant().trim_end_matches("::uuid") } else { "''" };
            let begin = format!("SET LOCAL {TENANT_SETTING} = {tenant}; SAVEPOINT attack");
            run(tx, &begin).await.map_err(sentence)?;
            let attacks = CATALOGUE.iter().filter(|attack| attack.scope == scope);
            let tries: Vec<Try> = attacks.flat_map(|attack| self.tries(attack)).collect();
            let came_of_it = try_all(tx, &tries).await;
            for (one, outcome) in tries.into_iter().zip(came_of_it) {
                let line = outcomes.entry(one.attack.code).or_default();
                // Where there are several ways, the worst counts.
                match line.get(&one.table) {
                    Some(known) if outcome == Outcome::Refused || *known != Outcome::Refused => {}
                    _ => drop(line.insert(one.table, outcome)),
                }
            }
            // What the last one did is undone too.
            run(tx, "ROLLBACK TO SAVEPOINT attack").await.map_err(sentence)?;
        }
        let line = |attack: &Attack| Line {
            attack: attack.code,
            expected: attack.expect,
            tables: outcomes.remove(attack.code).unwrap_or_default(),
        };
        Ok(CATALOGUE.iter().map(line).collect())
    }

    /// Everything that an attack tries.
    fn tries<'t>(&self, attack: &'t Attack) -> Vec<Try<'t>> {
        let on = |table: &str, how| Try { attack, table: table.to_owned(), how };
        let mut tries = Vec::new();
        if attack.on.contains(&On::Database) {
            tries.extend(match attack.attempt {
                Attempt::Client(text) => Some(on(DATABASE, How::Client(text))),
                Attempt::Sql(text) => Some(on(DATABASE, How::Sql(text.to_owned()))),
                _ => None,
            });
        }
        let is_attacked = |table: &&Table| {
            attack.on.contains(&kind(table))
                && self.only.as_ref().is_none_or(|only| only.contains(&table.name))
        };
        for table in self.schema.tables.values().filter(is_attacked) {
            tries.extend(self.ways(attack, table).into_iter().map(|how| on(&table.name, how)));
        }
        tries
    }

    fn ways(&self, attack: &Attack, table: &Table) -> Vec<How> {
        match attack.attempt {
            Attempt::Sql(template) => vec![How::Sql(self.filled(template, table))],
            Attempt::InsertForB => vec![How::Sql(self.b.another(table))],
            Attempt::UpsertOntoB => self.upsert(table).map(How::Sql).into_iter().collect(),
            Attempt::ReferToB => self.references(table).into_iter().map(How::Sql).collect(),
            Attempt::CopyOut => vec![How::CopyOut(self.filled(
                "COPY (SELECT {tenant} FROM {table} WHERE {tenant} IS DISTINCT FROM {a} LIMIT 1) \
                 TO STDOUT",
                table,
            ))],
            Attempt::CopyIn => {
                let (name, column) = (quoted(&table.name), column_of_tenant(table).unwrap_or("id"));
                let sql = format!("COPY {name} ({}) FROM STDIN", quoted(column));
                let value = self.b.tenant().trim_end_matches("::uuid").trim_matches('\'');
                vec![How::CopyIn(sql, value.to_owned())]
            }
            Attempt::Client(_) => Vec::new(),
        }
    }

    fn upsert(&self, table: &Table) -> Option<String> {
        let (_, insert) = self.b.inserts.iter().find(|(name, _)| *name == table.name)?;
        let key = table.primary_key.as_ref()?;
        let columns: Vec<String> = key.columns.iter().map(|name| quoted(name)).collect();
        let (first, columns) = (columns.first()?, columns.join(", "));
        Some(format!("{insert} ON CONFLICT ({columns}) DO UPDATE SET {first} = excluded.{first}"))
    }

    /// One update for each foreign key to a tenant-scoped table.
    fn references(&self, table: &Table) -> Vec<String> {
        let update = |key: &ForeignKey| {
            let parent = self.schema.tables.get(&key.ref_table)?;
            let pairs = key.columns.iter().zip(&key.ref_columns);
            let set: Vec<String> = pairs
                .filter(|(column, _)| *column != TENANT_ID)
                .filter_map(|(column, of_parent)| {
                    let value = self.b.value(&parent.name, of_parent)?;
                    Some(format!("{} = {value}", quoted(column)))
                })
                .collect();
            // One row is enough, where there are many.
            let own = self.a.value(&table.name, "id").map(|id| format!(" AND id = {id}"));
            let sql = format!(
                "UPDATE {{table}} SET {} WHERE {{tenant}} = {{a}}{}",
                set.join(", "),
                own.unwrap_or_default()
            );
            // A key may be checked at the end of the transaction only. The count is the update's.
            let sql = format!("SET CONSTRAINTS ALL IMMEDIATE; {}", self.filled(&sql, table));
            (tenancy::is_tenant_scoped(parent) && !set.is_empty()).then_some(sql)
        };
        table.foreign_keys.iter().filter_map(update).collect()
    }

    fn filled(&self, template: &str, table: &Table) -> String {
        filled(template, table, self.a.tenant(), self.b.tenant())
    }
}

/// A statement of the catalogue about `table`, with the two tenants as SQL.
pub(super) fn filled(template: &str, table: &Table, a: &str, b: &str) -> String {
    let column = column_of_tenant(table).map(quoted).unwrap_or_default();
    template
        .replace("{table}", &quoted(&table.name))
        .replace("{tenant}", &column)
        .replace("{a}", a)
        .replace("{b}", b)
}

fn kind(table: &Table) -> On {
    if tenancy::is_tenant_scoped(table) {
        On::Scoped
    } else if table.name == tenancy::ROOT {
        On::Tenants
    } else {
        On::Shared
    }
}

/// The column that says whose a row is.
fn column_of_tenant(table: &Table) -> Option<&'static str> {
    match kind(table) {
        On::Scoped => Some(TENANT_ID),
        On::Tenants => Some("id"),
        _ => None,
    }
}

/// Runs statements; counts the rows that they returned or changed.
async fn run(tx: &mut PgConnection, sql: &str) -> std::result::Result<u64, sqlx::Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await?;
    Ok(done.rows_affected())
}

/// Tries all, in as few round trips as may be.
async fn try_all(tx: &mut PgConnection, tries: &[Try<'_>]) -> Vec<Outcome> {
    let statements: Vec<&str> = tries.iter().filter_map(Try::sql).collect();
    let mut sent = match at_once(tx, &statements).await {
        Some(sent) => sent,
        None => one_by_one(tx, &statements).await,
    }
    .into_iter();
    let mut outcomes = Vec::with_capacity(tries.len());
    for one in tries {
        let expect = one.attack.expect;
        outcomes.push(match &one.how {
            How::Sql(_) => match sent.next() {
                Some(sent) => judged(expect, sent),
                None => Outcome::Unknown("it was not tried".to_owned()),
            },
            How::CopyOut(sql) => judged(expect, copy_out(tx, sql).await.map_err(Failure::of)),
            How::CopyIn(sql, value) => {
                judged(expect, copy_in(tx, sql, value).await.map_err(Failure::of))
            }
            How::Client(text) if scope::check(text).is_err() => Outcome::Refused,
            How::Client(_) => Outcome::Through,
        });
    }
    outcomes
}

/// The SQLSTATE by which the block below undoes what came to its end, with the count of rows.
const UNDONE: &str = "TT000";

/// Runs every statement and undoes it, inside one block; `None` if the block itself fails: an
/// attack that goes through may take too long, and PL/pgSQL may be out of reach.
async fn at_once(tx: &mut PgConnection, statements: &[&str]) -> Option<Vec<Sent>> {
    let list: Vec<String> = statements.iter().map(|sql| literal(sql)).collect();
    let block = format!(
        "DECLARE attack text; n bigint; outcomes jsonb := '[]'; BEGIN \
         FOREACH attack IN ARRAY ARRAY[{}]::text[] LOOP BEGIN \
         EXECUTE attack; GET DIAGNOSTICS n = ROW_COUNT; \
         RAISE EXCEPTION USING ERRCODE = '{UNDONE}', MESSAGE = n::text; \
         EXCEPTION WHEN OTHERS THEN \
         outcomes := outcomes || jsonb_build_array(jsonb_build_array(SQLSTATE, SQLERRM)); \
         END; END LOOP; \
         PERFORM pg_catalog.set_config('tenantry.outcomes', outcomes::text, true); END",
        list.join(", ")
    );
    let sql = format!(
        "DO {}; SELECT pg_catalog.current_setting('tenantry.outcomes') AS outcomes",
        literal(&block)
    );
    let outcomes = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *tx).await;
    let outcomes = outcomes.and_then(|row| row.try_get::<String, _>("outcomes"));
    let Ok(outcomes) = outcomes else {
        let _ = run(tx, "ROLLBACK TO SAVEPOINT attack").await;
        return None;
    };
    let outcomes: Vec<(String, String)> = serde_json::from_str(&outcomes).ok()?;
    let sent = outcomes.into_iter().map(|(code, message)| match message.parse() {
        Ok(rows) if code == UNDONE => Ok(rows),
        _ => Err(Failure { code: Some(code), message }),
    });
    Some(sent.collect())
}

/// The same in a round trip each, with what the one before did undone.
async fn one_by_one(tx: &mut PgConnection, statements: &[&str]) -> Vec<Sent> {
    let mut sent = Vec::with_capacity(statements.len());
    for sql in statements {
        let sql = format!("ROLLBACK TO SAVEPOINT attack; {sql}");
        sent.push(run(tx, &sql).await.map_err(Failure::of));
    }
    let _ = run(tx, "ROLLBACK TO SAVEPOINT attack").await;
    sent
}

/// Counts bytes instead of rows.
async fn copy_out(tx: &mut PgConnection, sql: &str) -> std::result::Result<u64, sqlx::Error> {
    let copied = async {
        let mut bytes = 0;
        let mut stream = tx.copy_out_raw(sql).await?;
        while let Some(chunk) = stream.try_next().await? {
            bytes += chunk.len() as u64;
        }
        Ok(bytes)
    };
    let copied = copied.await;
    if copied.is_err() {
        run(tx, "ROLLBACK TO SAVEPOINT attack").await?;
    }
    copied
}

/// Sends a row with one value. Citus looks at it on the node where it goes, and lets COPY begin.
async fn copy_in(
    tx: &mut PgConnection,
    sql: &str,
    value: &str,
) -> std::result::Result<u64, sqlx::Error> {
    let copied = async {
        let mut copy = tx.copy_in_raw(sql).await?;
        copy.send(format!("{value}\n").as_bytes()).await?;
        copy.finish().await
    };
    let copied = copied.await;
    run(tx, "ROLLBACK TO SAVEPOINT attack").await?;
    copied
}

fn judged(expect: Expect, sent: Sent) -> Outcome {
    match (expect, sent) {
        (Expect::OwnRow, Ok(1)) => Outcome::OwnRow,
        (Expect::OwnRow, Ok(_)) | (Expect::NoRow, Ok(0)) => Outcome::NoRow,
        (Expect::NoRow | Expect::Refused, Ok(_)) => Outcome::Through,
        (_, Err(failure)) => match failure.code.as_deref() {
            Some(code) if REFUSALS.contains(&code) => Outcome::Refused,
            // unique_violation, not_null_violation: the policy had let the row pass.
            Some("23505" | "23502") => Outcome::Through,
            _ => Outcome::Unknown(failure.message),
        },
    }
}
