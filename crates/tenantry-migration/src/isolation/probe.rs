//! Trying the attacks.

use std::{collections::BTreeMap, time::Duration};

use sea_orm::{
    ConnectionTrait as _,
    sqlx::{self, AssertSqlSafe, PgTransaction, postgres::PgPool},
};
use tokio::time::{Instant, sleep};

use super::{
    Matrix,
    attack::On,
    existing,
    own_write::own_writes,
    stage::{Stage, kind},
};
use crate::{
    db::Database,
    error::explain_sqlx,
    lock,
    schema::{Schema, Table},
};

/// Tries every attack of the catalogue on every table of `schema`, in a transaction that is rolled
/// back. Where that cannot be done at all, says why: the role may not become the application role
/// or insert rows, the server is read-only, or the engine has no policies.
///
/// # Errors
///
/// The reason why nothing was tried.
pub async fn probe(db: &Database, schema: &Schema) -> std::result::Result<Matrix, String> {
    let stage = Stage::of(schema, db.engine, db.project.names());
    attack_on(db, stage, true).await
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
        return Err("at least two tenants with rows are needed, and there are fewer".to_owned());
    };
    let tenancy = db.project.names();
    let has_rows_of_both = |table: &&Table| {
        let key = table.primary_key.iter().flat_map(|key| &key.columns).last();
        kind(&tenancy, table) == On::Shared
            || [&a, &b]
                .iter()
                .all(|rows| key.is_some_and(|column| rows.value(&table.name, column).is_some()))
    };
    let (with, without): (Vec<&Table>, Vec<&Table>) =
        schema.tables.values().partition(has_rows_of_both);
    let only = with.into_iter().map(|table| table.name.clone()).collect();
    let untested = BTreeMap::new();
    // Without a key: there are no sealed scopes where tenants have to be there.
    let (engine, only) = (db.engine, Some(only));
    let stage = Stage { schema, engine, tenancy, a, b, only, untested, seal: None };
    let matrix = attack_on(db, stage, false).await?;
    Ok((matrix, without.into_iter().map(|table| table.name.clone()).collect()))
}

/// Plays on `db`, in a transaction that is rolled back, with tenants that are made up first or not.
async fn attack_on(
    db: &Database,
    mut stage: Stage<'_>,
    make_tenants: bool,
) -> std::result::Result<Matrix, String> {
    if !db.engine.capability().row_level_security {
        return Err(format!("{} has no row-level security to be attacked", db.engine));
    }
    if db.connection.is_mock_connection() {
        return Err("in a rehearsal, no other session sees the tables".to_owned());
    }
    let mut tx = begin(db).await?;
    let played = async {
        let mut own = BTreeMap::new();
        if make_tenants {
            stage.insert_probe_rows(&mut tx).await?;
            own = own_writes(&stage, &mut tx, &db.application_role).await?;
        }
        stage.attack(&mut tx, &db.application_role, own).await
    };
    let played = played.await;
    // Nothing of it stays, whatever came of it.
    tx.rollback().await.map_err(sentence)?;
    played.map(|lines| Matrix::of(lines, stage.untested))
}

/// Begins a transaction beside which no schema changes: it writes to all tables, and so would be in a migration's way,
/// which locks them in another order.
async fn begin(db: &Database) -> std::result::Result<PgTransaction<'static>, String> {
    let pool: &PgPool = db.connection.get_postgres_connection_pool();
    let sql = format!("SELECT {}", lock::try_shared());
    let until = Instant::now() + db.patience.lock_wait;
    loop {
        let mut tx = pool.begin().await.map_err(sentence)?;
        let locked = sqlx::query_scalar(AssertSqlSafe(sql.clone())).persistent(false);
        if locked.fetch_one(&mut *tx).await.map_err(sentence)? {
            return Ok(tx);
        }
        tx.rollback().await.map_err(sentence)?;
        if Instant::now() >= until {
            return Err("a migration is under way: try again".to_owned());
        }
        sleep(Duration::from_millis(fastrand::u64(50..150))).await;
    }
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
    let mut stage = Stage::of(schema, db.engine, db.project.names());
    let mut tx = db.connection.get_postgres_connection_pool().begin().await.map_err(sentence)?;
    stage.insert_probe_rows(&mut tx).await?;
    tx.commit().await.map_err(sentence)?;
    let mut tx = db.connection.get_postgres_connection_pool().begin().await.map_err(sentence)?;
    let own = own_writes(&stage, &mut tx, &db.application_role).await;
    tx.rollback().await.map_err(sentence)?;
    let own = own?;
    let pool = attacker.connection.get_postgres_connection_pool();
    let mut tx = pool.begin().await.map_err(sentence)?;
    let played = stage.attack(&mut tx, &db.application_role, own).await;
    tx.rollback().await.map_err(sentence)?;
    played.map(|lines| Matrix::of(lines, stage.untested))
}

#[allow(clippy::needless_pass_by_value, reason = "to be given to map_err")]
pub(super) fn sentence(error: sqlx::Error) -> String {
    explain_sqlx(&error)
}
