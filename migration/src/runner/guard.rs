//! What stands between a command and somebody's rows.

use std::fmt::Write as _;

use entity::Engine;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};

use super::{
    dependents::{Dependent, attached, dependents, in_order},
    sample_rows::{as_text, sample_rows},
};
use crate::{
    db::{literal, quoted},
    diff::{Change, diff},
    error::{Result, sqlstate},
    fingerprint::sha256,
    refusal::{Loss, Refusal},
    schema::{self, Schema, Table},
};

/// The permission to drop or delete. Only the guard makes one, after it has locked and counted, so
/// a function that asks for it cannot be reached around the guard.
#[derive(Debug)]
pub struct Destructive(());

/// What the guard is asked.
pub(super) struct Request<'a> {
    pub engine: Engine,
    /// Tables to drop, in the order of dropping; they need not exist.
    pub drops: &'a [String],
    /// Tables that lose a column.
    pub thins: &'a [String],
    /// Tables that are made anew, with the columns they get.
    pub rebuilt: &'a [(String, Vec<String>)],
    /// Tables to drop that hold nobody's rows: the bookkeeping.
    pub uncounted: &'a [String],
    /// What would be done besides and cannot be told.
    pub unknown: &'a [String],
    /// The statements that made what is there, according to the bookkeeping, on the engine of
    /// [`replayed_on`].
    pub made_by: &'a [String],
    pub consent: Option<&'a str>,
    pub production: bool,
}

/// The engine on which statements can be replayed where nothing of them remains: its own, or SQLite,
/// which tells less apart.
pub(super) fn replayed_on(engine: Engine) -> Engine {
    if engine.capability().temporary_tables { engine } else { Engine::Sqlite }
}

/// Locks the tables, compares them with what the migrations made, counts, and either permits or
/// refuses. With the permit come the tables to drop that exist.
pub(super) async fn check(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
) -> Result<(Destructive, Vec<String>)> {
    let engine = request.engine;
    lock(tx, request).await?;
    // Privileges are no work of anybody's that would be lost.
    let live = schema::read(tx, engine, "").await?;
    let existing = |names: &[String]| -> Vec<String> {
        names.iter().filter(|name| live.tables.contains_key(*name)).cloned().collect()
    };
    let drops = existing(request.drops);
    let made = made(tx, request, &drops).await?;
    let mut targets = drops.clone();
    targets.extend(existing(request.uncounted));
    let dependents: Vec<Dependent> = dependents(tx, engine, &targets)
        .await?
        .into_iter()
        .filter(|dependent| !dependent.is_one_of(made.as_ref(), &drops))
        .collect();
    let mut by_hand = match &made {
        Some(made) if replayed_on(engine) == engine => altered(made, &live, &drops),
        Some(made) => {
            let live = live.clone().on(replayed_on(engine)).without_expressions();
            altered(&made.clone().without_expressions(), &live, &drops)
        }
        None => vec![
            "unknown: what is recorded as applied could not be made again to compare with it"
                .to_owned(),
        ],
    };
    by_hand.extend(dependents.iter().map(Dependent::sentence));
    by_hand.extend(attached(tx, engine, &targets).await?);
    by_hand.extend(request.unknown.iter().cloned());
    by_hand.sort();
    by_hand.dedup();
    let mut losing = drops.clone();
    let thinner = request.rebuilt.iter().filter(|(name, columns)| {
        let live = live.tables.get(name);
        live.is_some_and(|table| table.columns.iter().any(|c| !columns.contains(&c.name)))
    });
    let thinner = thinner.map(|(name, _)| name.clone());
    for name in existing(request.thins).into_iter().chain(thinner) {
        if !losing.contains(&name) {
            losing.push(name);
        }
    }
    let tables: Vec<&Table> = losing.iter().filter_map(|name| live.tables.get(name)).collect();
    let counts = count(tx, engine, &tables).await?;
    let losses: Vec<Loss> = counts
        .iter()
        .filter(|count| count.real_rows > 0)
        .map(|count| Loss { table: count.table.clone(), real_rows: count.real_rows })
        .collect();
    let needs_consent =
        !losses.is_empty() || !by_hand.is_empty() || (request.production && !losing.is_empty());
    if needs_consent {
        let hash = hash(&identity(tx, engine).await?, &losing, &counts, &by_hand);
        let blocked = dependents
            .iter()
            .any(|dependent| dependent.cut(engine).is_none() && !dependent.goes_with(&drops));
        if blocked || request.consent != Some(hash.as_str()) {
            let stale = request.consent.is_some() && !blocked;
            let reason = reason(&losses, blocked, stale);
            let hash = (!blocked).then_some(hash);
            return Err(Refusal { reason, losses, by_hand, hash }.into());
        }
        tracing::warn!(tables = losing.len(), "going ahead with consent");
    }
    for sql in in_order(dependents).iter().filter_map(|dependent| dependent.cut(engine)) {
        tx.execute_unprepared(&sql).await?;
    }
    Ok((Destructive(()), drops))
}

fn reason(losses: &[Loss], blocked: bool, stale: bool) -> String {
    let what = if losses.is_empty() {
        "refused, because tables would be dropped that hold more than the migrations made or belong \
         to production"
    } else {
        "refused, because rows would be lost that the seeder did not make"
    };
    let after = if blocked {
        ": SQLite cannot drop a foreign key, so drop the table that has it first"
    } else if stale {
        "; the hash given does not fit what is there now"
    } else {
        ""
    };
    format!("{what}{after}; nothing was changed")
}

/// Locks what exists of the tables against every reader and writer until the transaction ends, so
/// that no row can come between the count and the drop.
async fn lock(tx: &DatabaseTransaction, request: &Request<'_>) -> Result<(), DbErr> {
    // SQLite has locked the whole database since the transaction began; on Nile nothing can.
    if !request.engine.capability().table_locks {
        return Ok(());
    }
    let existing = super::bookkeeping::relations(tx, request.engine).await?;
    let names: Vec<String> = request
        .drops
        .iter()
        .chain(request.thins)
        .filter(|name| existing.iter().any(|table| table.is_table && table.name == **name))
        .map(|name| quoted(name))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    tx.execute_unprepared(&sql).await?;
    Ok(())
}

/// What the migrations made, according to the bookkeeping; `None` if that cannot be found out.
async fn made(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    drops: &[String],
) -> Result<Option<Schema>> {
    if drops.is_empty() {
        return Ok(Some(Schema::default()));
    }
    match schema::replay(tx, replayed_on(request.engine), request.made_by).await {
        Ok(made) => Ok(Some(made)),
        // No right to make temporary tables, or a hole in the bookkeeping.
        Err(error) if sqlstate(&error).is_some_and(|code| code != READ_ONLY) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The SQLSTATE of a transaction that may not write.
const READ_ONLY: &str = "25006";

/// What was added to or altered in the tables since the migrations made them.
fn altered(made: &Schema, live: &Schema, drops: &[String]) -> Vec<String> {
    let ours = |name: &str| drops.iter().any(|other| other == name);
    let changes = diff(&made.clone().filtered(ours), &live.clone().filtered(ours));
    changes.iter().filter_map(addition).collect()
}

/// A change that somebody made by adding or altering; what is merely gone loses nothing more.
fn addition(change: &Change) -> Option<String> {
    let table = change.table();
    match change {
        Change::AddTable { .. } => Some(format!("the table {table}")),
        Change::AddColumn { column, .. } => Some(format!("the column {table}.{}", column.name)),
        Change::AlterType { from, to, .. } => {
            Some(format!("the type of {table}.{}: {} instead of {}", to.name, to.ty, from.ty))
        }
        Change::AddForeignKey { key, .. } => Some(format!("the foreign key {table}{key}")),
        Change::AddIndex { index, .. } => Some(format!("the index {} on {table}", index.name)),
        Change::AddCheck { check, .. } => Some(format!("the check ({}) on {table}", check.expr)),
        Change::AddPolicy { policy, .. } | Change::AlterPolicy { to: policy, .. } => {
            Some(format!("the policy {} on {table}", policy.name))
        }
        _ => None,
    }
}

/// What is counted in a table.
struct Count {
    table: String,
    real_rows: i64,
    /// The greatest id among the real rows, so that one row replaced by another is noticed.
    newest: Option<String>,
}

/// Counts the real rows of all tables in one statement.
async fn count(
    tx: &DatabaseTransaction,
    engine: Engine,
    tables: &[&Table],
) -> Result<Vec<Count>, DbErr> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<String> = tables
        .iter()
        .map(|table| {
            let newest = match table.column("id") {
                Some(_) => format!("max({})", as_text(engine, "id")),
                None => "NULL".to_owned(),
            };
            format!(
                "SELECT {name} AS table_name, count(*) AS real_rows, {newest} AS newest \
                 FROM {} WHERE ({}) IS NOT TRUE",
                quoted(&table.name),
                sample_rows(engine, table),
                name = literal(&table.name),
            )
        })
        .collect();
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    let rows = tx.query_all_raw(stmt).await?;
    rows.iter()
        .map(|row| {
            Ok(Count {
                table: row.try_get("", "table_name")?,
                real_rows: row.try_get("", "real_rows")?,
                newest: row.try_get("", "newest")?,
            })
        })
        .collect()
}

/// What tells this database from every other.
async fn identity(tx: &DatabaseTransaction, engine: Engine) -> Result<String, DbErr> {
    let sql = match engine {
        Engine::Sqlite => "SELECT file AS identity FROM pragma_database_list WHERE name = 'main'",
        _ => {
            "SELECT d.oid::text || '/' || d.datname || '/' || current_schema() AS identity \
             FROM pg_database d WHERE d.datname = current_database()"
        }
    };
    let row = tx.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    row.map_or_else(|| Ok(String::new()), |row| row.try_get("", "identity"))
}

fn hash(identity: &str, drops: &[String], counts: &[Count], by_hand: &[String]) -> String {
    let mut text = format!("{identity}\n");
    for table in drops {
        let _ = writeln!(text, "drop {table}");
    }
    for Count { table, real_rows, newest } in counts {
        let _ = writeln!(text, "{table} {real_rows} {newest:?}");
    }
    for line in by_hand {
        let _ = writeln!(text, "{line}");
    }
    // Short enough to be typed.
    sha256(&text)[..12].to_owned()
}
