//! What statements do to tables: looked at between them, inside their transaction.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use tenantry_entity::Engine;

use super::Touched;
use crate::db::{quoted, total_size};

/// A table that is not analyzed yet is counted if it takes no more than this, in bytes.
const COUNTED: i64 = 1 << 30;

/// The tables as they were, and how they are held.
#[derive(Debug, Default)]
pub(super) struct Tables {
    tables: BTreeMap<i64, Before>,
}

#[derive(Debug)]
struct Before {
    name: String,
    /// Where its rows are: another place after it was rewritten.
    place: i64,
    /// The strength of the lock held so far, as an index into [`LOCKS`].
    held: Option<usize>,
    rows: Option<i64>,
    exact: bool,
    bytes: Option<i64>,
}

/// PostgreSQL's locks on tables, the weakest first:
/// <https://www.postgresql.org/docs/15/explicit-locking.html>
const LOCKS: [(&str, &str); 8] = [
    ("AccessShareLock", "ACCESS SHARE"),
    ("RowShareLock", "ROW SHARE"),
    ("RowExclusiveLock", "ROW EXCLUSIVE"),
    ("ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"),
    ("ShareLock", "SHARE"),
    ("ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"),
    ("ExclusiveLock", "EXCLUSIVE"),
    ("AccessExclusiveLock", "ACCESS EXCLUSIVE"),
];

const ON_POSTGRES: &str = "SELECT c.oid::bigint AS id, CASE WHEN n.nspname = current_schema() \
     THEN c.relname::text ELSE n.nspname || '.' || c.relname END AS name, \
     coalesce(pg_relation_filenode(c.oid), 0)::bigint AS place";

const AMONG_OURS: &str = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

impl Tables {
    /// Looks at all tables, before anything begins.
    pub(super) async fn look<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<Self, DbErr> {
        let sql = match engine {
            Engine::Sqlite => {
                "SELECT rowid AS id, name, rootpage AS place, (SELECT sum(pgsize) FROM dbstat d \
                 WHERE d.name IN (SELECT i.name FROM sqlite_schema i WHERE i.tbl_name = t.name)) \
                 AS bytes, CAST(-1 AS bigint) AS rows FROM sqlite_schema t \
                 WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                    .to_owned()
            }
            _ => format!(
                "{ON_POSTGRES}, {} AS bytes, c.reltuples::bigint AS rows {AMONG_OURS}",
                total_size(engine)
            ),
        };
        let mut tables = BTreeMap::new();
        for row in db.query_all_raw(Statement::from_string(engine.backend(), sql)).await? {
            let rows: i64 = row.try_get("", "rows")?;
            let before = Before {
                name: row.try_get("", "name")?,
                place: row.try_get("", "place")?,
                held: None,
                rows: (rows >= 0).then_some(rows),
                exact: false,
                bytes: row.try_get("", "bytes")?,
            };
            tables.insert(row.try_get("", "id")?, before);
        }
        let mut tables = Self { tables };
        tables.count(db, engine).await?;
        Ok(tables)
    }

    /// Counts the rows of tables whose number of rows is not known.
    async fn count<C: ConnectionTrait>(&mut self, db: &C, engine: Engine) -> Result<(), DbErr> {
        for before in self.tables.values_mut().filter(|it| it.rows.is_none()) {
            if before.bytes.is_none_or(|bytes| bytes > COUNTED) {
                continue;
            }
            let name = match (engine, before.name.split_once('.')) {
                (Engine::Sqlite, _) | (_, None) => quoted(&before.name),
                (_, Some((schema, table))) => format!("{}.{}", quoted(schema), quoted(table)),
            };
            let sql = format!("SELECT count(*) AS rows FROM {name}");
            // This role may not have the right to read it.
            let counted = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await;
            if let Ok(Some(row)) = counted {
                before.rows = Some(row.try_get("", "rows")?);
                before.exact = true;
            }
        }
        Ok(())
    }

    /// What has happened since the last look.
    pub(super) async fn changes(
        &mut self,
        tx: &DatabaseTransaction,
        engine: Engine,
    ) -> Result<Vec<Touched>, DbErr> {
        match engine {
            Engine::Sqlite => self.changes_on_sqlite(tx).await,
            _ => self.changes_on_postgres(tx, engine).await,
        }
    }

    async fn changes_on_postgres(
        &mut self,
        tx: &DatabaseTransaction,
        engine: Engine,
    ) -> Result<Vec<Touched>, DbErr> {
        // A table that was dropped has left the catalogue, but its lock stays.
        let sql = format!(
            "SELECT l.relation::bigint AS id, l.mode, t.place FROM pg_locks l \
             LEFT JOIN ({ON_POSTGRES} {AMONG_OURS}) t ON t.id = l.relation::bigint \
             WHERE l.locktype = 'relation' AND l.granted AND l.pid = pg_backend_pid()"
        );
        let mut now: BTreeMap<i64, (usize, Option<i64>)> = BTreeMap::new();
        for row in tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await? {
            let (id, mode): (i64, String) = (row.try_get("", "id")?, row.try_get("", "mode")?);
            let place: Option<i64> = row.try_get("", "place")?;
            let Some(strength) = LOCKS.iter().position(|(name, _)| *name == mode) else { continue };
            let entry = now.entry(id).or_insert((strength, place));
            entry.0 = entry.0.max(strength);
        }
        let mut touched = Vec::new();
        for (id, (strength, place)) in now {
            // Other sessions do not see what was made since, and reading blocks none of them.
            let Some(before) = self.tables.get_mut(&id).filter(|_| strength > 0) else { continue };
            let rewritten = place.is_some_and(|place| place != before.place);
            let stronger = before.held.is_none_or(|held| strength > held);
            before.held = before.held.max(Some(strength));
            before.place = place.unwrap_or(before.place);
            if stronger || rewritten {
                let lock = stronger.then(|| LOCKS[strength].1.to_owned());
                touched.push(before.touched(lock, rewritten));
            }
        }
        touched.sort_by(|a, b| a.table.cmp(&b.table));
        Ok(touched)
    }

    async fn changes_on_sqlite(&mut self, tx: &DatabaseTransaction) -> Result<Vec<Touched>, DbErr> {
        let sql = "SELECT name, rootpage AS place FROM sqlite_schema WHERE type = 'table'";
        let mut places: BTreeMap<String, i64> = BTreeMap::new();
        for row in tx.query_all_raw(Statement::from_string(Engine::Sqlite.backend(), sql)).await? {
            places.insert(row.try_get("", "name")?, row.try_get("", "place")?);
        }
        let mut touched = Vec::new();
        for before in self.tables.values_mut() {
            if let Some(place) = places.get(&before.name).filter(|place| **place != before.place) {
                before.place = *place;
                touched.push(before.touched(None, true));
            }
        }
        Ok(touched)
    }
}

impl Before {
    fn touched(&self, lock: Option<String>, rewritten: bool) -> Touched {
        let (table, rows, exact, bytes) = (self.name.clone(), self.rows, self.exact, self.bytes);
        Touched { table, lock, rewritten, rows, exact, bytes }
    }
}

/// How far each sequence has counted. No rollback undoes that.
pub(super) async fn sequences<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
) -> Result<BTreeMap<String, Option<i64>>, DbErr> {
    if engine == Engine::Sqlite || !engine.capability().table_locks {
        return Ok(BTreeMap::new());
    }
    let sql = "SELECT schemaname || '.' || sequencename AS name, last_value FROM pg_sequences";
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get("", "last_value")?))).collect()
}
