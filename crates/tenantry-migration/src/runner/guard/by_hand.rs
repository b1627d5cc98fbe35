//! What was made by hand, beside what the migrations made.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement};
use tenantry_entity::Engine;

use super::{
    super::{
        attached::{Attached, attached},
        dependents::{Dependent, dependents},
        journal,
    },
    Request, left, named, replayed_on,
};
use crate::{
    diff::{Change, diff, options, place},
    error::{Result, sqlstate},
    refusal::Refusal,
    schema::{
        self, Schema,
        objects::{self, Kind},
    },
    sql::{is_one_of, name_in_model},
};

/// What depends on the tables that go, and everything that was made by hand and would go
/// too.
pub(super) async fn made_by_hand(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    live: &Schema,
    (drops, targets): (&[String], &[String]),
    ours: Option<&Ours>,
) -> Result<(Vec<Dependent>, Vec<String>)> {
    let (engine, is_ours) = (request.engine, ours.is_some());
    // A recreated table keeps rows, indexes and triggers; anything else added by hand is lost.
    let recreated: Vec<String> =
        request.effect.rebuilt.iter().filter_map(|(name, _)| named(live, engine, name)).collect();
    let compared: Vec<String> = drops.iter().chain(&recreated).cloned().collect();
    let made = if is_ours && recreated.is_empty() {
        Some(live.clone().filtered(|name| drops.iter().any(|other| other == name)))
    } else {
        made(tx, request, &compared).await?
    };
    // Keys between these tables are among what was asked about, and may not have been read.
    let told_by = made.as_ref().filter(|_| !is_ours);
    let is_alone = ours.is_some_and(|it| it.is_alone) && recreated.is_empty();
    let found = if is_alone { Vec::new() } else { dependents(tx, engine, targets).await? };
    let (ours, dependents): (Vec<Dependent>, Vec<Dependent>) =
        found.into_iter().partition(|dependent| dependent.is_one_of(told_by, drops));
    check_referrers(request, drops, &ours)?;
    // Views and triggers that migrations make go by their statements, too.
    let objects = objects::left(request.made_by);
    let is_ours = |kinds: &[Kind], name: &str| {
        objects.iter().any(|made| kinds.contains(&made.kind) && made.name == name)
    };
    let dependents: Vec<Dependent> = dependents
        .into_iter()
        .filter(|it| match it {
            Dependent::View { name, .. } => !is_ours(&[Kind::View, Kind::MaterializedView], name),
            _ => true,
        })
        .collect();
    let mut by_hand = match &made {
        Some(made) if replayed_on(engine) == engine => altered(made, live, drops, &recreated),
        Some(made) => {
            let live = live.clone().on(replayed_on(engine)).without_expressions();
            altered(&made.clone().without_expressions(), &live, drops, &recreated)
        }
        None => vec![
            "unknown: what is recorded as applied could not be made again to compare with it"
                .to_owned(),
        ],
    };
    by_hand.extend(dependents.iter().map(Dependent::sentence));
    let attached = if is_alone { Vec::new() } else { attached(tx, engine, None).await? };
    let is_target = |it: &&Attached| {
        let is_made = it.kind == "trigger" && is_ours(&[Kind::Trigger], &it.name);
        !is_made && targets.iter().any(|table| it.is_on(table, engine))
    };
    by_hand.extend(attached.iter().filter(is_target).map(Attached::sentence));
    by_hand.extend(request.unknown.iter().cloned());
    by_hand.sort();
    by_hand.dedup();
    Ok((dependents, by_hand))
}

/// SQLite drops a table that others refer to, and takes along what refers to its rows, or leaves it
/// referring to nothing. PostgreSQL refuses by itself.
fn check_referrers(request: &Request<'_>, drops: &[String], keys: &[Dependent]) -> Result<()> {
    if request.engine != Engine::Sqlite {
        return Ok(());
    }
    for key in keys {
        let Dependent::ForeignKey { table, target, .. } = key else { continue };
        let is_rebuilt = request.effect.rebuilt.iter().any(|(name, _)| name == table);
        if drops.contains(target) && !drops.contains(table) && !is_rebuilt {
            return Err(Refusal::plain("referrer-would-stay", format!(
                "refused, because {target} would go while {table} stays, which refers to it: roll that \
                 back first, or drop it; {}",
                left(request)
            ))
            .into());
        }
    }
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

/// Tables that only the migrations have written.
pub(super) struct Ours {
    /// Their names.
    pub names: Vec<String>,
    /// Whether nothing hangs on them or on the bookkeeping: no view, trigger, rule, statistics, publication or
    /// sequence, and no table that inherits or refers to them.
    pub is_alone: bool,
    /// Whether none has a page in its file, so that no row was ever in it. Others may be empty, too.
    pub is_empty: bool,
}

/// Those of these tables that are there, if everything that the catalogue has of them was written by the transactions
/// that the journal names, and nothing refers to them that stays: then nothing was made by hand, and they need not be
/// made again to find that out, which takes longer than to drop them.
pub(super) async fn written_by_migrations(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    tables: &[String],
) -> Result<Option<Ours>, DbErr> {
    // What is not recorded, another program has made, or the bookkeeping was altered.
    let is_known = journal::names_transactions(request.engine) && request.history.is_whole();
    if tables.is_empty() || !is_known {
        return Ok(None);
    }
    let Some(ours) = journal::transactions_sql(request.history.entries()) else {
        return Ok(None);
    };
    let sql = format!(
        "WITH t AS MATERIALIZED (SELECT c.oid, {name} AS name, c.xmin AS x, c.relkind AS kind FROM pg_class c WHERE {those}), \
         i AS MATERIALIZED (SELECT i.indexrelid AS oid, i.xmin AS x FROM pg_index i JOIN t ON t.oid = i.indrelid), \
         ours AS MATERIALIZED ({ours}), \
         b AS MATERIALIZED (SELECT c.oid, c.relhastriggers FROM pg_class c WHERE {besides}) \
         SELECT NOT EXISTS (SELECT 1 FROM (SELECT x FROM t UNION ALL SELECT x FROM i \
         UNION ALL SELECT c.xmin FROM pg_class c JOIN i ON i.oid = c.oid \
         UNION ALL SELECT a.xmin FROM pg_attribute a JOIN t ON t.oid = a.attrelid \
         UNION ALL SELECT a.xmin FROM pg_attribute a JOIN i ON i.oid = a.attrelid \
         UNION ALL SELECT d.xmin FROM pg_attrdef d JOIN t ON t.oid = d.adrelid \
         UNION ALL SELECT k.xmin FROM pg_constraint k JOIN t ON t.oid = k.conrelid \
         UNION ALL SELECT k.xmin FROM pg_constraint k JOIN t ON t.oid = k.confrelid \
         UNION ALL SELECT g.xmin FROM pg_trigger g JOIN t ON t.oid = g.tgrelid \
         UNION ALL SELECT h.xmin FROM pg_inherits h JOIN t ON t.oid IN (h.inhrelid, h.inhparent) \
         UNION ALL SELECT p.xmin FROM pg_policy p JOIN t ON t.oid = p.polrelid) w \
         WHERE w.x::text NOT IN (SELECT x FROM ours)) AND EXISTS (SELECT 1 FROM ours) \
         AND NOT EXISTS (SELECT 1 FROM pg_constraint k JOIN t ON t.oid = k.confrelid \
         WHERE k.conrelid NOT IN (SELECT oid FROM t)) AS is_so, \
         NOT EXISTS (SELECT 1 FROM b WHERE relhastriggers AND EXISTS (SELECT 1 FROM pg_trigger \
         WHERE tgrelid = b.oid AND NOT tgisinternal) \
         OR EXISTS (SELECT 1 FROM pg_inherits WHERE inhparent = b.oid) \
         OR EXISTS (SELECT 1 FROM pg_constraint WHERE confrelid = b.oid \
         AND conrelid NOT IN (SELECT oid FROM b)) \
         OR EXISTS (SELECT 1 FROM pg_depend d LEFT JOIN pg_class s ON s.oid = d.objid \
         WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = b.oid AND (d.classid IN \
         ('pg_rewrite'::regclass, 'pg_statistic_ext'::regclass, 'pg_publication_rel'::regclass) \
         OR d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND s.relkind = 'S'))) AS is_alone, \
         (SELECT bool_and(kind = 'r' AND pg_relation_size(oid) = 0) FROM t) AS is_empty, \
         ARRAY(SELECT name FROM t) AS names",
        name = name_in_model("c"),
        those = is_one_of("c", tables.iter().map(String::as_str)),
        besides = is_one_of("c", tables.iter().chain(request.uncounted).map(String::as_str)),
    );
    let row = tx.query_one_raw(Statement::from_string(request.engine.backend(), sql)).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(if row.try_get("", "is_so")? {
        Some(Ours {
            names: row.try_get("", "names")?,
            is_alone: row.try_get("", "is_alone")?,
            is_empty: row.try_get::<Option<bool>>("", "is_empty")?.unwrap_or(false),
        })
    } else {
        None
    })
}

/// The SQLSTATE of a transaction that may not write.
const READ_ONLY: &str = "25006";

/// Additions and alterations by hand in the tables that are dropped or recreated.
fn altered(made: &Schema, live: &Schema, drops: &[String], recreated: &[String]) -> Vec<String> {
    let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
    let ours = |name: &str| has(drops, name) || has(recreated, name);
    let changes = diff(&made.clone().filtered(ours), &live.clone().filtered(ours));
    let goes = |change: &&Change| has(drops, change.table()) || !comes_along(change);
    changes.iter().filter(goes).filter_map(addition).collect()
}

/// Whether recreating the table keeps the addition. A unique inside CREATE TABLE is lost: SQLite stores no
/// statement for its index.
fn comes_along(change: &Change) -> bool {
    match change {
        Change::AddIndex { index, .. } => !index.name.starts_with("sqlite_autoindex_"),
        // Its values are counted among what is lost. Of a table that no migration made, nothing is known.
        Change::AddColumn { .. } | Change::AddTable { .. } => true,
        _ => false,
    }
}

/// A change by hand that adds or alters; what is merely gone loses nothing more.
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
        Change::AlterForeignKey { to, .. } => Some(format!("the foreign key {table}{to}")),
        Change::AlterOptions { column, to, .. } if !to.is_empty() => {
            Some(format!("{}, which is {}", place(table, column.as_deref()), options(to)))
        }
        Change::AlterCollation { to, .. } => {
            let name = to.collation.as_ref()?;
            Some(format!("{}, which is COLLATE {name}", place(table, Some(&to.name))))
        }
        Change::AlterGenerated { to, .. } => {
            let generated = to.generated.as_ref()?;
            Some(format!("{}, which is {generated}", place(table, Some(&to.name))))
        }
        Change::AddCheck { check, .. } => Some(format!("the check ({}) on {table}", check.expr)),
        Change::AddPolicy { policy, .. } | Change::AlterPolicy { to: policy, .. } => {
            Some(format!("the policy {} on {table}", policy.name))
        }
        _ => None,
    }
}
