//! The keys that seal tenant scopes: giving them to a database, and what is wrong with what is there.

use sea_orm::{
    ConnectionTrait, DbErr, RuntimeErr, Statement,
    sqlx::{self, Acquire as _, AssertSqlSafe, Row as _},
};
use tenantry_entity::{
    Engine, SealKey,
    tenancy::{SEAL_KEYS, SEALED_TENANT},
};

use crate::{
    Error, Result, called,
    db::{Database, literal},
    ops::v1,
    refusal::Refusal,
    report::{DATABASE, Finding},
    schema::Schema,
};

/// What [`give`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Whether the key is new to the database.
    pub is_new: bool,
    /// The fingerprints of the keys that the database knows now, oldest first, with when they came.
    pub keys: Vec<(String, String)>,
    /// The fingerprints of those that it has forgotten.
    pub forgotten: Vec<String>,
}

/// Gives the database a key, with what asks for it where that is missing. With `only`, it forgets all others:
/// scopes that they seal fail from then on.
///
/// The key is sent as a row of COPY, since those are in no log.
///
/// # Errors
///
/// [`Error::Refused`] where there are no sealed scopes: in this project, or on this engine. Otherwise, if a
/// statement fails.
pub async fn give(db: &Database, key: &SealKey, only: bool) -> Result<Given> {
    if !db.project.sealed {
        let why =
            "the policies of this project ask for no seal: set `sealed` in its `Project`, then run";
        let why = format!("{why} `{}`", called("migration", "generate seal_scopes"));
        return Err(Refusal::plain("not-sealed", why).into());
    }
    let capability = db.engine.capability();
    if !capability.row_level_security || capability.distributes_tables {
        let why = format!("there are no sealed tenant scopes on {}", db.engine);
        return Err(Refusal::plain("not-sealed", why).into());
    }
    let fingerprint = key.fingerprint();
    let given = async {
        let mut connection = db.connection.get_postgres_connection_pool().acquire().await?;
        let mut tx = connection.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(v1::seal_sql())).execute(&mut *tx).await?;
        let lock = format!("LOCK TABLE {SEAL_KEYS} IN SHARE ROW EXCLUSIVE MODE");
        sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut *tx).await?;
        let known = format!("SELECT 1 FROM {SEAL_KEYS} WHERE fingerprint = $1");
        let known = sqlx::query(AssertSqlSafe(known)).persistent(false).bind(&fingerprint);
        let is_new = known.fetch_optional(&mut *tx).await?.is_none();
        if is_new {
            let copy =
                format!("COPY {SEAL_KEYS} (fingerprint, inner_block, outer_block) FROM STDIN");
            let mut copy = tx.copy_in_raw(&copy).await?;
            let [inner, outer] = key.blocks();
            copy.send(format!("{fingerprint}\t\\\\x{inner}\t\\\\x{outer}\n").into_bytes()).await?;
            copy.finish().await?;
        }
        let mut forgotten = Vec::new();
        if only {
            let delete =
                format!("DELETE FROM {SEAL_KEYS} WHERE fingerprint <> $1 RETURNING fingerprint");
            let delete = sqlx::query_scalar(AssertSqlSafe(delete)).persistent(false);
            forgotten = delete.bind(&fingerprint).fetch_all(&mut *tx).await?;
        }
        let all = format!(
            "SELECT fingerprint, to_char(added AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC' \
             FROM {SEAL_KEYS} ORDER BY added, fingerprint"
        );
        let rows = sqlx::query(AssertSqlSafe(all)).persistent(false).fetch_all(&mut *tx).await?;
        let keys = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let keys = keys.collect::<std::result::Result<_, sqlx::Error>>()?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(Given { is_new, keys, forgotten })
    };
    given.await.map_err(|error| Error::from(DbErr::Exec(RuntimeErr::SqlxError(error.into()))))
}

/// What is missing for the sealed scopes that `entities` ask for: the function that policies ask, as it was
/// made, and a key.
///
/// # Errors
///
/// If a query fails.
pub(crate) async fn findings<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    entities: &Schema,
) -> Result<Vec<Finding>, DbErr> {
    if !engine.capability().row_level_security || !entities.is_sealed() {
        return Ok(Vec::new());
    }
    let backend = engine.backend();
    let sql = format!(
        "SELECT current_schema()::text AS schema, to_regclass('{SEAL_KEYS}') IS NOT NULL AS has_table, f.prosrc AS body, \
         f.prosecdef AND f.provolatile = 's' AND f.proconfig = ARRAY['search_path=pg_catalog, pg_temp'] \
         AND f.proowner = c.relowner AS is_as_made \
         FROM (SELECT 1) one LEFT JOIN pg_proc f ON f.proname = '{SEALED_TENANT}' AND f.pronargs = 0 \
         AND f.pronamespace = current_schema()::regnamespace \
         LEFT JOIN pg_class c ON c.oid = to_regclass('{SEAL_KEYS}')"
    );
    let row = db.query_one_raw(Statement::from_string(backend, sql)).await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let schema: String = row.try_get("", "schema")?;
    let body: Option<String> = row.try_get("", "body")?;
    let finding = |code, message: String, help: String| Finding {
        code,
        table: DATABASE.to_owned(),
        object: Some(SEALED_TENANT.to_owned()),
        message,
        help,
    };
    let give = || format!("set TENANTRY_SEAL_KEY and run `{}`", called("migration", "seal"));
    let has_table: bool = row.try_get("", "has_table")?;
    let is_as_made: Option<bool> = row.try_get("", "is_as_made")?;
    if !has_table || is_as_made != Some(true) || !is_body(body.as_deref(), &schema) {
        let message = "what the policies ask for the tenant of a sealed scope is missing, or is not as it was made";
        return Ok(vec![finding("seal-altered", message.to_owned(), give())]);
    }
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {SEAL_KEYS}) AS has_key");
    let row = db.query_one_raw(Statement::from_string(backend, sql)).await?;
    let has_key: bool = row.map_or(Ok(false), |row| row.try_get("", "has_key"))?;
    if has_key {
        return Ok(Vec::new());
    }
    let message = "the database knows no key that seals tenant scopes, so none shows a row";
    Ok(vec![finding("seal-key-missing", message.to_owned(), give())])
}

/// Whether the function's text is ours, with the keys in this schema.
fn is_body(body: Option<&str>, schema: &str) -> bool {
    let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
    [schema, &quoted].iter().any(|schema| body == Some(&*v1::sealed_tenant_body(schema)))
}

/// A statement that gives the database a key in a transaction that does not last, for a probe.
#[must_use]
pub fn lend_sql(key: &SealKey) -> String {
    let [inner, outer] = key.blocks().map(|block| literal(&format!("\\x{block}")));
    let fingerprint = literal(&key.fingerprint());
    format!(
        "INSERT INTO {SEAL_KEYS} (fingerprint, inner_block, outer_block) VALUES ({fingerprint}, {inner}, {outer})"
    )
}
