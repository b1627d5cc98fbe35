//! Loading into empty tables: what makes rows slow to insert is taken off, and built again when they are
//! there, all in one transaction. PostgreSQL checks every constraint as it comes back.

use sea_orm::sqlx::{
    self, AssertSqlSafe, PgConnection, Postgres, Row as _, Transaction, postgres::PgPool,
};
use tenantry_migration::{Error, Result, db::quoted_table, lock::Patience, refusal::Refusal};

use super::{
    copy::{Copy, Watched, failed},
    sink::{Tally, everything},
};
use crate::set::DataSet;

/// What is taken off a table, and how it comes back.
struct Aside {
    drop: String,
    create: String,
}

/// Foreign keys of our tables, then those of their indexes that hold up nothing else: neither a primary
/// key nor a constraint, unless it is one of those foreign keys. What has more to it than its definition
/// says (a comment, a tablespace, a statistics target, an extension, a trigger that is off) stays on.
const ASIDE: &str = "
    WITH ours AS (
        SELECT c.oid, c.oid::regclass::text AS name FROM pg_class c
        WHERE c.oid = ANY (($1::text[])::regclass[]) AND c.relkind = 'r'
    ), keys AS (
        SELECT k.oid, o.name, k.conname, pg_get_constraintdef(k.oid) AS definition
        FROM pg_constraint k JOIN ours o ON o.oid = k.conrelid
        WHERE k.contype = 'f' AND k.convalidated AND k.conparentid = 0
        AND NOT EXISTS (SELECT 1 FROM pg_description d
            WHERE d.classoid = 'pg_constraint'::regclass AND d.objoid = k.oid)
        AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O')
    )
    SELECT 1 AS turn, format('ALTER TABLE %s DROP CONSTRAINT %I', name, conname) AS drop,
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', name, conname, definition) AS create
    FROM keys
    UNION ALL
    SELECT 2, format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN ours o ON o.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT i.indisprimary AND i.indisvalid AND NOT i.indisreplident AND NOT i.indisclustered
    AND c.reltablespace = 0
    AND NOT EXISTS (SELECT 1 FROM pg_description d
        WHERE d.classoid = 'pg_class'::regclass AND d.objoid = c.oid)
    AND NOT EXISTS (SELECT 1 FROM pg_attribute a
        WHERE a.attrelid = c.oid AND coalesce(a.attstattarget, -1) <> -1)
    AND NOT EXISTS (SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'x')
    AND NOT EXISTS (
        SELECT 1 FROM pg_constraint k
        WHERE k.conindid = i.indexrelid AND k.oid NOT IN (SELECT oid FROM keys)
    )
    ORDER BY 1, 2";

/// Loads a whole data set.
///
/// What comes back is to be committed.
pub(super) async fn load(
    pool: &PgPool,
    set: &DataSet,
    patience: &Patience,
    watched: Watched<'_>,
) -> Result<(Transaction<'static, Postgres>, Tally)> {
    let mut tx = pool.begin().await.map_err(raw)?;
    run(&mut tx, &patience.settings_sql()).await?;
    let tables: Vec<&str> = set.tables().iter().map(|info| info.name).collect();
    let names = tables.iter().map(|name| quoted_table(name)).collect::<Vec<_>>().join(", ");
    run(&mut tx, &format!("LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")).await?;
    check_empty(&mut tx, &tables).await?;
    // For sorting, where the role has not more already.
    run(
        &mut tx,
        "SELECT set_config('maintenance_work_mem', '256MB', true) \
         WHERE pg_size_bytes(current_setting('maintenance_work_mem')) < 268435456",
    )
    .await?;
    let asides = asides(&mut tx, &tables).await?;
    tracing::debug!("loading without {} indexes and foreign keys", asides.len());
    for aside in &asides {
        run(&mut tx, &aside.drop).await?;
    }
    let mut sink = Copy { connection: &mut tx, watched: Some(watched) };
    let tally = everything(&mut sink, set).await?;
    // Indexes first: foreign keys are checked by them.
    for (at, aside) in asides.iter().rev().enumerate() {
        tracing::debug!("{}", aside.create);
        let count = asides.len();
        watched.progress.enter(&format!("index or foreign key {} of {count}", at + 1));
        watched.check()?;
        run(&mut tx, &aside.create).await?;
    }
    watched.check()?;
    run(&mut tx, &format!("ANALYZE {names}")).await?;
    Ok((tx, tally))
}

async fn check_empty(tx: &mut PgConnection, tables: &[&str]) -> Result<()> {
    let mut full = Vec::new();
    for table in tables {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", quoted_table(table));
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut *tx).await.map_err(raw)?;
        if row.try_get(0).map_err(raw)? {
            full.push(*table);
        }
    }
    if full.is_empty() {
        return Ok(());
    }
    Err(Refusal::plain("table-not-empty", format!(
        "refused, because --bulk is for empty tables and there are rows in {}; without it, rows are added to \
         them",
        full.join(", ")
    ))
    .into())
}

async fn asides(tx: &mut PgConnection, tables: &[&str]) -> Result<Vec<Aside>> {
    let names: Vec<String> = tables.iter().map(|name| quoted_table(name)).collect();
    let rows = sqlx::query(ASIDE).bind(names).fetch_all(tx).await.map_err(raw)?;
    let aside = |row: &sqlx::postgres::PgRow| {
        Ok(Aside { drop: row.try_get("drop")?, create: row.try_get("create")? })
    };
    rows.iter().map(aside).collect::<std::result::Result<_, sqlx::Error>>().map_err(raw)
}

async fn run(tx: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx).await.map_err(|error| {
        let is_forbidden = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == "42501");
        if is_forbidden {
            return Error::unusable("not-owner", format!(
                "--bulk takes indexes and foreign keys off for a while, which only the owner of the tables \
                 may do: {error}; nothing was changed"
            ));
        }
        raw(error)
    })?;
    Ok(())
}

fn raw(error: sqlx::Error) -> Error {
    failed(error, "the tables")
}
