//! What stands between a command and somebody's rows.

use std::fmt::Write as _;

use entity::Engine;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use sha2::{Digest, Sha256};

use super::SampleRows;
use crate::{
    db::quoted,
    diff::{Change, diff},
    error::{Result, sqlstate},
    refusal::{Loss, Refusal},
    schema::{self, ColumnType, Schema, Table, expr},
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
    /// The statements that made what is there, according to the bookkeeping.
    pub made_by: &'a [String],
    pub consent: Option<&'a str>,
    pub production: bool,
}

/// Locks the tables, compares them with what the migrations made, counts, and either permits or
/// refuses. With the permit come the tables that exist.
pub(super) async fn check(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
) -> Result<(Destructive, Vec<String>)> {
    let engine = request.engine;
    lock(tx, request).await?;
    let live = schema::read(tx, engine).await?;
    let doomed: Vec<&Table> =
        request.drops.iter().filter_map(|name| live.tables.get(name)).collect();
    let names: Vec<String> = doomed.iter().map(|table| table.name.clone()).collect();
    let dependents = dependents(tx, engine, &live, &names).await?;
    let mut by_hand = altered(tx, request, &live, &names).await?;
    by_hand.extend(dependents.iter().map(Dependent::sentence));
    let counts = count(tx, engine, &doomed).await?;
    let losses: Vec<Loss> = counts
        .iter()
        .filter(|count| count.real_rows > 0)
        .map(|count| Loss { table: count.table.clone(), real_rows: count.real_rows })
        .collect();
    let needs_consent =
        !losses.is_empty() || !by_hand.is_empty() || (request.production && !names.is_empty());
    if needs_consent {
        let hash = hash(&identity(tx, engine).await?, &names, &counts, &by_hand);
        let blocked = dependents.iter().any(|dependent| !dependent.can_be_cut(engine));
        if blocked || request.consent != Some(hash.as_str()) {
            let stale = request.consent.is_some() && !blocked;
            let reason = reason(&losses, blocked, stale);
            let hash = (!blocked).then_some(hash);
            return Err(Refusal { reason, losses, by_hand, hash }.into());
        }
        tracing::warn!(tables = names.len(), "going ahead with consent");
    }
    for dependent in &dependents {
        tx.execute_unprepared(&dependent.cut()).await?;
    }
    Ok((Destructive(()), names))
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
    // Without table locks, the transaction has locked the whole database since it began.
    if !request.engine.capability().table_locks {
        return Ok(());
    }
    let existing = super::bookkeeping::table_names(tx, request.engine).await?;
    let names: Vec<String> = request
        .drops
        .iter()
        .filter(|name| existing.contains(*name))
        .map(|name| quoted(name))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    tx.execute_unprepared(&sql).await?;
    Ok(())
}

/// What was added to or altered in the doomed tables since the migrations made them.
async fn altered(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    live: &Schema,
    doomed: &[String],
) -> Result<Vec<String>> {
    if doomed.is_empty() {
        return Ok(Vec::new());
    }
    let made = match schema::replay(tx, request.engine, request.made_by).await {
        Ok(made) => made,
        Err(error) if sqlstate(&error).as_deref() == Some("42501") => {
            return Ok(vec![
                "unknown: this role may not make temporary tables, which the comparison needs"
                    .to_owned(),
            ]);
        }
        Err(error) => return Err(error.into()),
    };
    let ours = |name: &str| doomed.iter().any(|other| other == name);
    let changes = diff(&made.filtered(ours), &live.clone().filtered(ours));
    Ok(changes.iter().filter_map(addition).collect())
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
        _ => None,
    }
}

/// Something that is not ours and hangs on a doomed table.
enum Dependent {
    ForeignKey { table: String, constraint: Option<String>, target: String },
    View { name: String, materialized: bool, target: String },
}

impl Dependent {
    fn sentence(&self) -> String {
        match self {
            Self::ForeignKey { table, target, .. } => {
                format!("the table {table}, which refers to {target}")
            }
            Self::View { name, target, .. } => format!("the view {name}, which reads {target}"),
        }
    }

    fn can_be_cut(&self, engine: Engine) -> bool {
        !matches!((self, engine), (Self::ForeignKey { .. }, Engine::Sqlite))
    }

    /// What lets the table be dropped; a table that refers to it stays, without the key.
    fn cut(&self) -> String {
        match self {
            Self::ForeignKey { table, constraint, .. } => format!(
                "ALTER TABLE {} DROP CONSTRAINT {}",
                quoted(table),
                quoted(constraint.as_deref().unwrap_or_default())
            ),
            Self::View { name, materialized: false, .. } => {
                format!("DROP VIEW IF EXISTS {}", quoted(name))
            }
            Self::View { name, .. } => {
                format!("DROP MATERIALIZED VIEW IF EXISTS {}", quoted(name))
            }
        }
    }
}

async fn dependents(
    tx: &DatabaseTransaction,
    engine: Engine,
    live: &Schema,
    doomed: &[String],
) -> Result<Vec<Dependent>> {
    let mut found = Vec::new();
    for table in live.tables.values().filter(|table| !doomed.contains(&table.name)) {
        for key in table.foreign_keys.iter().filter(|key| doomed.contains(&key.ref_table)) {
            found.push(Dependent::ForeignKey {
                table: table.name.clone(),
                constraint: key.name.clone(),
                target: key.ref_table.clone(),
            });
        }
    }
    if doomed.is_empty() {
        return Ok(found);
    }
    let sql = match engine {
        Engine::Sqlite => {
            "SELECT name, sql AS definition, NULL AS target, 0 AS materialized \
             FROM sqlite_schema WHERE type = 'view' ORDER BY name"
        }
        _ => {
            "SELECT DISTINCT v.relname::text AS name, NULL::text AS definition, \
             t.relname::text AS target, (v.relkind = 'm')::int4 AS materialized \
             FROM pg_depend d \
             JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass \
             JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm') \
             JOIN pg_class t ON t.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass \
             JOIN pg_namespace n ON n.oid = t.relnamespace \
             WHERE n.nspname = current_schema() AND t.relkind IN ('r', 'p') ORDER BY 1, 3"
        }
    };
    for row in tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await? {
        let name: String = row.try_get("", "name")?;
        let definition: Option<String> = row.try_get("", "definition")?;
        let target: Option<String> = row.try_get("", "target")?;
        let materialized: i32 = row.try_get("", "materialized")?;
        let words: Vec<String> = definition
            .as_deref()
            .and_then(expr::tokens)
            .unwrap_or_default()
            .iter()
            .filter_map(expr::word)
            .chain(target)
            .collect();
        if let Some(target) = doomed.iter().find(|table| words.contains(table)) {
            found.push(Dependent::View {
                name,
                materialized: materialized != 0,
                target: target.clone(),
            });
        }
    }
    Ok(found)
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
            let literal = table.name.replace('\'', "''");
            let from = quoted(&table.name);
            // A table whose id was taken away holds nothing that could be known for a sample.
            let rows = if table.column("id").is_some_and(|id| id.ty == ColumnType::Uuid) {
                let samples = SampleRows { engine, column: "id" };
                let newest = samples.as_text();
                format!("max({newest}) AS newest FROM {from} WHERE ({samples}) IS NOT TRUE")
            } else {
                format!("NULL AS newest FROM {from}")
            };
            format!("SELECT '{literal}' AS table_name, count(*) AS real_rows, {rows}")
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
    let mut hash = String::new();
    for byte in &Sha256::digest(text.as_bytes())[..6] {
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}
