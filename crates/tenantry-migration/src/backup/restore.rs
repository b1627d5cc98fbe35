//! Bringing rows back.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    sync::Arc,
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, TransactionTrait as _};
use serde::Serialize;
use serde_json::{Map, Value};
use tenantry_entity::Engine;

use super::{Header, Mark, TABLE, TableHeader, VERSION, literal::literals, write::json_columns};
use crate::{
    Project,
    db::{Database, finish, literal, quoted},
    error::{Error, Result, explain},
    lock::{self, Purpose},
    schema::{self, Schema},
    sql::quoted_table,
};

/// Rows sent at a time, at most: SQLite takes no more SELECTs in one statement.
/// <https://www.sqlite.org/limits.html>
const PAGE: usize = 500;

/// Values sent at a time, at most: SQLite takes 32766.
const VALUES: usize = 30_000;

/// Bytes sent at a time, but for a row that is larger.
const BYTES: usize = 4 << 20;

/// Rows of one table that are named one by one where others are in their place.
const NAMED: u64 = 20;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What came back of each table, in the order of the backup.
    pub tables: Vec<RestoredTable>,
    /// What did not, in sentences.
    pub not_restored: Vec<String>,
    /// Whether tables are missing, so that `up` comes first.
    pub is_without_tables: bool,
}

/// What came back of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RestoredTable {
    /// The table.
    pub table: String,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows that were there and got back the columns that they had lost.
    pub updated: u64,
    /// Rows that were there already, or whose lost columns were filled since.
    pub left: u64,
    /// Rows in whose place another one is, so that they did not come back.
    pub displaced: u64,
}

/// Brings back the rows of a backup, as many as can be, in one transaction. A row that is there stays
/// as it is, but for columns that it had lost.
///
/// # Errors
///
/// If the file is no backup, or of another engine, or the database fails. Nothing is changed then.
/// That a row cannot come back is no error: the result says so.
pub async fn restore(db: &Database, file: &Path) -> Result<Restored> {
    let unusable =
        |what: String| Error::unusable("backup-unreadable", format!("{}: {what}", file.display()));
    let opened = File::open(file).map_err(|error| unusable(error.to_string()))?;
    let mut lines = BufReader::new(opened).lines();
    let header: Header = lines
        .next()
        .and_then(std::result::Result::ok)
        .and_then(|line| serde_json::from_str(&line).ok())
        .ok_or_else(|| unusable("this is no backup".to_owned()))?;
    if header.version != VERSION {
        return Err(unusable("a newer version of this program has written it".to_owned()));
    }
    if header.engine != db.engine.name() {
        return Err(unusable(format!(
            "its rows come from {}, and this database is on {}",
            header.engine, db.engine
        )));
    }
    let locked = lock::begin(&db.connection, db.engine, Purpose::Migrate, &db.patience).await?;
    let mut restoration = Restoration {
        project: db.project,
        tx: &locked.tx,
        engine: db.engine,
        failed: Vec::new(),
        live: schema::read(&locked.tx, db.engine, "").await?,
        restored: Restored {
            tables: Vec::new(),
            not_restored: header.not_included,
            is_without_tables: false,
        },
    };
    let outcome = restoration.all(lines).await;
    let restored = restoration.restored;
    let outcome = outcome.map(|()| restored).map_err(|error| match error {
        Error::Io(error) => unusable(error.to_string()),
        other => other,
    });
    finish(locked.tx, outcome).await
}

struct Restoration<'t> {
    project: &'static Project,
    tx: &'t DatabaseTransaction,
    engine: Engine,
    live: Schema,
    restored: Restored,
    /// Rows that could not come back yet, and why: what they refer to may come later.
    failed: Vec<(Arc<Destination>, Row, String)>,
}

/// A table that rows come back to.
struct Destination {
    header: TableHeader,
    /// Its place in the result.
    place: usize,
    /// The columns of the rows that are there.
    columns: Vec<String>,
    /// Those of them that hold json, with their types, on PostgreSQL.
    json: BTreeMap<String, String>,
    /// Of the lost columns, those that are there again, and the condition that they were not filled
    /// since.
    lost: Vec<(String, String)>,
}

/// How a row does not come back.
#[derive(Clone, Copy)]
enum Displaced {
    /// Another one is there, with its key.
    Different,
    /// It is not there.
    Absent,
}

impl Displaced {
    fn sentence(self) -> &'static str {
        match self {
            Self::Different => "the row that is there now is not the same",
            Self::Absent => "another row has what must be unique of it, or a trigger took it away",
        }
    }
}

/// A row as the engine has written it. It is not taken apart where it need not be: a number may have
/// more digits than fit.
type Row = String;

impl Restoration<'_> {
    async fn all(&mut self, lines: Lines<BufReader<File>>) -> Result<()> {
        let mut target: Option<Arc<Destination>> = None;
        let mut page: Vec<Row> = Vec::new();
        let (mut limit, mut bytes, mut rows, mut end) = (0, 0, 0_u64, None);
        for line in lines {
            let line = line?;
            if let Some(mark) = line.strip_prefix(TABLE) {
                self.page(target.as_ref(), std::mem::take(&mut page)).await?;
                bytes = 0;
                match serde_json::from_str(mark) {
                    Ok(Mark::Table(header)) => {
                        limit = PAGE.min(VALUES / header.columns.len().max(1)).max(1);
                        target = self.target(header).await?;
                    }
                    Ok(Mark::End(it)) => end = Some(it.rows),
                    Err(_) if limit == 0 => {
                        return Err(std::io::Error::other("this is no backup").into());
                    }
                    // Here it was cut off.
                    Err(_) => break,
                }
                continue;
            }
            if limit == 0 {
                return Err(std::io::Error::other("a row comes before its table").into());
            }
            rows += 1;
            bytes += line.len();
            page.push(line);
            if page.len() >= limit || bytes >= BYTES {
                self.page(target.as_ref(), std::mem::take(&mut page)).await?;
                bytes = 0;
            }
        }
        self.page(target.as_ref(), page).await?;
        if end != Some(rows) {
            let said = "what the file does not have any more: it was cut off or altered".to_owned();
            self.restored.not_restored.push(said);
        }
        // As long as some come back, others may follow them.
        loop {
            let failed = std::mem::take(&mut self.failed);
            let before = failed.len();
            for (target, row, _) in failed {
                self.one(&target, row).await?;
            }
            if self.failed.len() == before || self.failed.is_empty() {
                break;
            }
        }
        for (target, row, why) in std::mem::take(&mut self.failed) {
            let (table, key) = (&target.header.table, key_of(&target.header, &row));
            self.restored.not_restored.push(format!("{table} {key}: {why}"));
        }
        for table in &self.restored.tables {
            if table.displaced > NAMED {
                let (table, more) = (&table.table, table.displaced - NAMED);
                let said = format!("{table}: {more} more rows, in whose place others are");
                self.restored.not_restored.push(said);
            }
        }
        self.sequences().await
    }

    /// Moves on what numbers new rows, past the rows that came back. SQLite does so by itself.
    async fn sequences(&mut self) -> Result<()> {
        if self.engine == Engine::Sqlite {
            return Ok(());
        }
        let inserted = self.restored.tables.iter().filter(|table| table.inserted > 0);
        let tables: Vec<String> = inserted.map(|table| quoted_table(&table.table)).collect();
        for table in tables {
            let sql = format!(
                "SELECT attname::text AS name, sequence FROM pg_attribute, \
                 pg_get_serial_sequence({table}, attname) AS sequence \
                 WHERE attrelid = {table}::regclass AND attnum > 0 AND NOT attisdropped \
                 AND sequence IS NOT NULL",
                table = literal(&table)
            );
            let stmt = Statement::from_string(self.engine.backend(), sql);
            for row in self.tx.query_all_raw(stmt).await? {
                let (column, sequence): (String, String) =
                    (row.try_get("", "name")?, row.try_get("", "sequence")?);
                let column = quoted(&column);
                let sql = format!(
                    "SELECT setval({}, max({column})) FROM {table} \
                     HAVING max({column}) >= (SELECT last_value FROM {sequence})",
                    literal(&sequence)
                );
                let savepoint = self.tx.begin().await?;
                let moved = savepoint.execute_unprepared(&sql).await;
                if let Err(error) = moved {
                    savepoint.rollback().await?;
                    let said = format!("the sequence {sequence} was not moved on: ");
                    self.restored.not_restored.push(said + &explain(&error));
                } else {
                    savepoint.commit().await?;
                }
            }
        }
        Ok(())
    }

    /// The table as it is now.
    async fn target(&mut self, header: TableHeader) -> Result<Option<Arc<Destination>>> {
        let name = header.table.clone();
        let restored = RestoredTable { table: name.clone(), ..RestoredTable::default() };
        self.restored.tables.push(restored);
        if self.project.is_bookkeeping(&name) {
            let said = format!("the table {name}, which is bookkeeping");
            self.restored.not_restored.push(said);
            return Ok(None);
        }
        let Some(live) = self.live.tables.get(&name) else {
            let said = format!("the table {name} is not there, so none of its rows came back");
            self.restored.not_restored.push(said);
            self.restored.is_without_tables = true;
            return Ok(None);
        };
        let (columns, gone): (Vec<String>, Vec<String>) =
            header.columns.iter().cloned().partition(|column| live.column(column).is_some());
        for column in gone {
            let said = format!("the column {name}.{column} is not there, so it did not come back");
            self.restored.not_restored.push(said);
        }
        let differs = if self.engine == Engine::Sqlite { "IS" } else { "IS NOT DISTINCT FROM" };
        let lost = header.lost.iter().filter_map(|name| live.column(name)).map(|column| {
            let default = column.default.as_deref().unwrap_or("NULL");
            // A default that is computed is another one each time, so it cannot be told from a value.
            if default.contains('(') {
                return (column.name.clone(), "1 = 1".to_owned());
            }
            let (table, name) = (quoted_table(&name), quoted(&column.name));
            (
                column.name.clone(),
                format!("({table}.{name} IS NULL OR {table}.{name} {differs} ({default}))"),
            )
        });
        let lost = lost.collect();
        if header.key.is_empty() {
            // It could not be told which rows are there already.
            let sql = format!("SELECT 1 FROM {} LIMIT 1", quoted_table(&header.table));
            let stmt = Statement::from_string(self.engine.backend(), sql);
            if self.tx.query_one_raw(stmt).await?.is_some() {
                self.restored.not_restored.push(format!(
                    "the table {} has no primary key and is not empty, so none of its rows came back",
                    header.table
                ));
                return Ok(None);
            }
        }
        let mut json = BTreeMap::new();
        if self.engine != Engine::Sqlite {
            json = json_columns(self.tx, self.engine, &header.table).await?;
        }
        let place = self.restored.tables.len() - 1;
        Ok(Some(Arc::new(Destination { header, place, columns, json, lost })))
    }

    /// Brings back some rows: together, or if that fails, one by one.
    async fn page(&mut self, target: Option<&Arc<Destination>>, rows: Vec<Row>) -> Result<()> {
        let Some(target) = target.filter(|_| !rows.is_empty()) else { return Ok(()) };
        if let Ok(counts) = self.send(target, &rows).await? {
            return self.count(target, counts, &rows).await;
        }
        for row in rows {
            self.one(target, row).await?;
        }
        Ok(())
    }

    async fn one(&mut self, target: &Arc<Destination>, row: Row) -> Result<()> {
        let rows = std::slice::from_ref(&row);
        match self.send(target, rows).await? {
            Ok(counts) => self.count(target, counts, rows).await?,
            Err(error) => self.failed.push((Arc::clone(target), row, explain(&error))),
        }
        Ok(())
    }

    async fn count(
        &mut self,
        target: &Destination,
        (inserted, updated): (u64, u64),
        rows: &[Row],
    ) -> Result<()> {
        let left = (rows.len() as u64).saturating_sub(inserted + updated);
        // Also of those that were inserted: a trigger may have altered them, or taken them away.
        let mut displaced = self.displaced(target, rows, Displaced::Different).await?;
        displaced.extend(self.displaced(target, rows, Displaced::Absent).await?);
        let Some(table) = self.restored.tables.get_mut(target.place) else { return Ok(()) };
        table.inserted += inserted;
        table.updated += updated;
        table.left += left.saturating_sub(displaced.len() as u64);
        for sentence in displaced {
            table.displaced += 1;
            if table.displaced <= NAMED {
                self.restored.not_restored.push(sentence);
            }
        }
        Ok(())
    }

    /// Which of the rows that were sent are not there as they were, in sentences.
    async fn displaced(
        &self,
        target: &Destination,
        rows: &[Row],
        how: Displaced,
    ) -> Result<Vec<String>> {
        let TableHeader { table, key, lost, rows: may_go, .. } = &target.header;
        // Of rows that stayed, only the lost columns come back; and without a key they cannot be found.
        let has_key = !key.is_empty() && key.iter().all(|column| target.columns.contains(column));
        if !may_go || !lost.is_empty() || !has_key {
            return Ok(Vec::new());
        }
        let sqlite = self.engine == Engine::Sqlite;
        let same_key: Vec<String> =
            key.iter().map(|column| format!("t.{0} = r.{0}", quoted(column))).collect();
        let same_key = same_key.join(" AND ");
        let same = target.columns.iter().map(|column| {
            let column = quoted(column);
            if sqlite {
                return format!("t.{column} IS r.{column}");
            }
            // Some types know no equality.
            format!("t.{column}::text IS NOT DISTINCT FROM r.{column}::text")
        });
        let same: Vec<String> = same.collect();
        let shown = key.iter().map(|column| {
            let column = quoted(column);
            if sqlite { format!("quote(r.{column})") } else { format!("r.{column}::text") }
        });
        let shown: Vec<String> = shown.collect();
        let name = quoted_table(table);
        // What cannot be read is told when it is sent.
        let Ok((source, values)) = self.source(target, rows) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {} AS shown FROM {source} AS r WHERE {}",
            shown.join(" || ', ' || "),
            match how {
                Displaced::Different => format!(
                    "EXISTS (SELECT 1 FROM {name} t WHERE {same_key} AND NOT ({}))",
                    same.join(" AND ")
                ),
                Displaced::Absent => {
                    format!("NOT EXISTS (SELECT 1 FROM {name} t WHERE {same_key})")
                }
            }
        );
        let stmt = Statement::from_sql_and_values(self.engine.backend(), sql, values);
        let savepoint = self.tx.begin().await?;
        let found = savepoint.query_all_raw(stmt).await;
        savepoint.rollback().await?;
        let mut sentences = Vec::new();
        for row in found.unwrap_or_default() {
            let shown: String = row.try_get("", "shown")?;
            sentences.push(format!("{table} ({shown}): {}", how.sentence()));
        }
        Ok(sentences)
    }

    /// Sends some rows; gives how many were inserted and how many updated, or why none was.
    async fn send(
        &self,
        target: &Destination,
        rows: &[Row],
    ) -> Result<std::result::Result<(u64, u64), DbErr>> {
        let savepoint = self.tx.begin().await?;
        let sent = async {
            // Rows that stayed get their columns back; those that were deleted since stay away.
            let mut updated = 0;
            if !target.lost.is_empty() {
                updated = self.update(&savepoint, target, rows).await?;
            }
            if !target.header.rows {
                return Ok::<_, DbErr>((0, updated));
            }
            let columns = names(&target.columns);
            let (source, values) = self.source(target, rows)?;
            let overriding =
                if self.engine == Engine::Sqlite { "" } else { "OVERRIDING SYSTEM VALUE " };
            let insert = format!(
                "INSERT INTO {} ({columns}) {overriding}SELECT {columns} FROM {source} AS r WHERE true \
                 ON CONFLICT DO NOTHING",
                quoted_table(&target.header.table),
            );
            let stmt = Statement::from_sql_and_values(self.engine.backend(), insert, values);
            Ok((savepoint.execute_raw(stmt).await?.rows_affected(), updated))
        };
        match sent.await {
            Ok(counts) => {
                savepoint.commit().await?;
                Ok(Ok(counts))
            }
            Err(error) => {
                savepoint.rollback().await?;
                Ok(Err(error))
            }
        }
    }

    async fn update(
        &self,
        tx: &DatabaseTransaction,
        target: &Destination,
        rows: &[Row],
    ) -> Result<u64, DbErr> {
        let table = quoted_table(&target.header.table);
        let sets: Vec<String> =
            target.lost.iter().map(|(column, _)| format!("{0} = r.{0}", quoted(column))).collect();
        let same = target.header.key.iter().map(|column| {
            let column = quoted(column);
            format!("{table}.{column} = r.{column}")
        });
        // What was filled since is newer.
        let conditions: Vec<String> =
            same.chain(target.lost.iter().map(|(_, unfilled)| unfilled.clone())).collect();
        let (source, values) = self.source(target, rows)?;
        let sql = format!(
            "UPDATE {table} SET {} FROM {source} AS r WHERE {}",
            sets.join(", "),
            conditions.join(" AND ")
        );
        let stmt = Statement::from_sql_and_values(self.engine.backend(), sql, values);
        Ok(tx.execute_raw(stmt).await?.rows_affected())
    }

    /// The rows as something that stands behind FROM, and the values in it: bound, so that no log shows
    /// them.
    fn source(
        &self,
        target: &Destination,
        rows: &[Row],
    ) -> Result<(String, Vec<sea_orm::Value>), DbErr> {
        if self.engine == Engine::Sqlite {
            let columns = target.columns.iter().map(|column| format!("? AS {}", quoted(column)));
            let select = format!("SELECT {}", columns.collect::<Vec<_>>().join(", "));
            let selects = vec![select; rows.len()].join(" UNION ALL ");
            let mut values = Vec::with_capacity(rows.len() * target.columns.len());
            for row in rows {
                values.extend(literals(&target.columns, row)?);
            }
            return Ok((format!("({selects})"), values));
        }
        let columns = target.columns.iter().map(|column| {
            let name = quoted(column);
            match target.json.get(column) {
                // It is a text, and inside of it is the value.
                Some(ty) => format!("({name} #>> '{{}}')::{ty} AS {name}"),
                None => name,
            }
        });
        let columns: Vec<String> = columns.collect();
        let source = format!(
            "(SELECT {} FROM json_populate_recordset(NULL::{}, $1::json))",
            columns.join(", "),
            quoted_table(&target.header.table)
        );
        Ok((source, vec![format!("[{}]", rows.join(",")).into()]))
    }
}

fn names(columns: &[String]) -> String {
    columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ")
}

/// The key of a row, for a person.
fn key_of(header: &TableHeader, row: &str) -> String {
    let row: Map<String, Value> = serde_json::from_str(row).unwrap_or_default();
    let values: Vec<String> = header
        .key
        .iter()
        .map(|column| match row.get(column) {
            Some(Value::String(text)) => text.clone(),
            other => other.map(Value::to_string).unwrap_or_default(),
        })
        .collect();
    format!("({})", values.join(", "))
}
