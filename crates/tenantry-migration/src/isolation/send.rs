//! Sends attacks in as few round trips as may be, and judges what came of each.

use futures_util::TryStreamExt as _;
use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection, Row as _};
use tenantry_entity::{Engine, scope};

use super::{
    AttackResult,
    attack::Expect,
    stage::{How, Try},
};
use crate::{db::literal, error::explain_sqlx};

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
/// `foreign_key_violation`, `feature_not_supported` for COPY FROM, and `raise_exception` of a trigger that forbids it.
const REFUSALS: [&str; 4] = ["42501", "23503", "0A000", "P0001"];

/// Runs statements; counts the rows that they returned or changed.
pub(super) async fn run(tx: &mut PgConnection, sql: &str) -> std::result::Result<u64, sqlx::Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await?;
    Ok(done.rows_affected())
}

/// Tries all, in as few round trips as may be.
pub(super) async fn try_all(
    tx: &mut PgConnection,
    engine: Engine,
    tries: &[Try<'_>],
) -> Vec<AttackResult> {
    let statements: Vec<&str> = tries.iter().filter_map(Try::sql).collect();
    let mut sent = try_each(tx, &statements).await.into_iter();
    let mut outcomes = Vec::with_capacity(tries.len());
    for one in tries {
        let expect = one.attack.expect;
        outcomes.push(match &one.how {
            How::Sql(_) => match sent.next() {
                Some(sent) => judged(expect, sent),
                None => AttackResult::Unknown("it was not tried".to_owned()),
            },
            How::CopyOut(sql) => judged(expect, copy_out(tx, sql).await.map_err(Failure::of)),
            How::CopyIn(sql, value) => {
                judged(expect, copy_in(tx, sql, value).await.map_err(Failure::of))
            }
            How::Client(text) if scope::check(text, engine).is_err() => AttackResult::Refused,
            How::Client(_) => AttackResult::Through,
        });
    }
    look_again(tx, tries, &mut outcomes).await;
    outcomes
}

/// A trigger may give a row another tenant than the attack asked for. What seems to have gone through is sent
/// once more, in a form that says how many rows became tenant B's.
async fn look_again(tx: &mut PgConnection, tries: &[Try<'_>], outcomes: &mut [AttackResult]) {
    let doubtful = tries.iter().zip(&*outcomes).enumerate();
    let doubtful: Vec<(usize, &str)> = doubtful
        .filter(|(_, (_, outcome))| **outcome == AttackResult::Through)
        .filter_map(|(at, (one, _))| Some((at, one.confirms.as_deref()?)))
        .collect();
    if doubtful.is_empty() {
        return;
    }
    let statements: Vec<&str> = doubtful.iter().map(|(_, sql)| *sql).collect();
    let sent = try_each(tx, &statements).await;
    for ((at, _), sent) in doubtful.into_iter().zip(sent) {
        // Refused in this form only, it did go through in the other.
        if let Ok(0) = sent {
            outcomes[at] = AttackResult::NoRow;
        }
    }
}

/// The SQLSTATE by which the block below undoes what came to its end, with the count of rows.
const UNDONE: &str = "TT000";

/// What becomes of what a statement did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Kept,
    Undone,
}

/// Runs every statement in a savepoint of its own, inside one block; `None` if the block itself fails: an
/// attack that goes through may take too long, and PL/pgSQL may be out of reach.
async fn at_once(tx: &mut PgConnection, statements: &[&str], effect: Effect) -> Option<Vec<Sent>> {
    let list: Vec<String> = statements.iter().map(|sql| literal(sql)).collect();
    let came_of_it = match effect {
        Effect::Kept => {
            "outcomes := outcomes || jsonb_build_array(jsonb_build_array('TT000', n::text));"
        }
        Effect::Undone => "RAISE EXCEPTION USING ERRCODE = 'TT000', MESSAGE = n::text;",
    };
    let block = format!(
        "DECLARE attack text; n bigint; outcomes jsonb := '[]'; BEGIN \
         FOREACH attack IN ARRAY ARRAY[{}]::text[] LOOP BEGIN \
         EXECUTE attack; GET DIAGNOSTICS n = ROW_COUNT; {came_of_it} \
         EXCEPTION WHEN OTHERS THEN \
         outcomes := outcomes || jsonb_build_array(jsonb_build_array(SQLSTATE, SQLERRM)); \
         END; END LOOP; \
         PERFORM pg_catalog.set_config('tenantry.outcomes', outcomes::text, true); END",
        list.join(", ")
    );
    let sql = format!(
        "SAVEPOINT block; DO {}; SELECT pg_catalog.current_setting('tenantry.outcomes') AS outcomes",
        literal(&block)
    );
    let outcomes = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *tx).await;
    let outcomes = outcomes.and_then(|row| row.try_get::<String, _>("outcomes"));
    let Ok(outcomes) = outcomes else {
        let _ = run(tx, "ROLLBACK TO SAVEPOINT block").await;
        return None;
    };
    let outcomes: Vec<(String, String)> = serde_json::from_str(&outcomes).ok()?;
    let sent = outcomes.into_iter().map(|(code, message)| match message.parse() {
        Ok(rows) if code == UNDONE => Ok(rows),
        _ => Err(Failure { code: Some(code), message }),
    });
    Some(sent.collect())
}

/// Runs every statement, and keeps what those did that succeed. Gives how many rows each changed, or why it failed.
pub(super) async fn keep_all(
    tx: &mut PgConnection,
    statements: &[&str],
) -> std::result::Result<Vec<std::result::Result<u64, String>>, sqlx::Error> {
    let sentence = |sent: Sent| sent.map_err(|failure| failure.message);
    if let Some(sent) = at_once(tx, statements, Effect::Kept).await {
        return Ok(sent.into_iter().map(sentence).collect());
    }
    let mut sent = Vec::with_capacity(statements.len());
    for sql in statements {
        run(tx, "SAVEPOINT kept").await?;
        let done = run(tx, sql).await.map_err(|error| explain_sqlx(&error));
        if done.is_err() {
            run(tx, "ROLLBACK TO SAVEPOINT kept").await?;
        }
        sent.push(done);
    }
    Ok(sent)
}

/// Runs every statement, each as if it were alone.
async fn try_each(tx: &mut PgConnection, statements: &[&str]) -> Vec<Sent> {
    match at_once(tx, statements, Effect::Undone).await {
        Some(sent) => sent,
        None => one_by_one(tx, statements).await,
    }
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

fn judged(expect: Expect, sent: Sent) -> AttackResult {
    match (expect, sent) {
        (Expect::OwnRow, Ok(1)) => AttackResult::OwnRow,
        (Expect::OwnRow, Ok(_)) | (Expect::NoRow, Ok(0)) => AttackResult::NoRow,
        (Expect::NoRow | Expect::Refused, Ok(_)) => AttackResult::Through,
        (_, Err(failure)) => match failure.code.as_deref() {
            Some(code) if REFUSALS.contains(&code) => AttackResult::Refused,
            // unique_violation, not_null_violation: the policy had let the row pass.
            Some("23505" | "23502") => AttackResult::Through,
            _ => AttackResult::Unknown(failure.message),
        },
    }
}
