//! Bringing rows back.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    sync::Arc,
};

use entity::Engine;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, TransactionTrait as _};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlparser::{
    dialect::SQLiteDialect,
    tokenizer::{Token, Tokenizer},
};

use super::{Header, TABLE, TableHeader, VERSION};
use crate::{
    db::{Database, finish, literal, quoted},
    error::{Error, Result, explain},
    lock::{self, Purpose},
    schema::{self, Schema},
};

/// Rows sent at a time.
const PAGE: usize = 500;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What came back of each table, in the order of the backup.
    pub tables: Vec<RestoredTable>,
    /// What did not, in sentences.
    pub not_restored: Vec<String>,
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
    /// Rows that were there, or in whose way another one was.
    pub left: u64,
}

/// Brings back the rows of a backup, as many as can be, in one transaction. A row that is there stays
/// as it is, but for columns that it had lost.
///
/// # Errors
///
/// If the file is no backup, or of another engine, or the database fails. Nothing is changed then.
/// That a row cannot come back is no error: the result says so.
pub async fn restore(db: &Database, file: &Path) -> Result<Restored> {
    let unusable = |what: String| Error::Unusable(format!("{}: {what}", file.display()));
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
        tx: &locked.tx,
        engine: db.engine,
        failed: Vec::new(),
        live: schema::read(&locked.tx, db.engine, "").await?,
        restored: Restored { tables: Vec::new(), not_restored: header.not_included },
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
    tx: &'t DatabaseTransaction,
    engine: Engine,
    live: Schema,
    restored: Restored,
    /// Rows that could not come back yet, and why: what they refer to may come later.
    failed: Vec<(Arc<Target>, Row, String)>,
}

/// A table that rows come back to.
struct Target {
    header: TableHeader,
    /// Its place in the result.
    place: usize,
    /// The columns of the rows that are there.
    columns: Vec<String>,
    /// Of the lost columns, those that are there again, and the condition that nobody has filled them
    /// since.
    lost: Vec<(String, String)>,
}

/// A row as the engine has written it. It is not taken apart where it need not be: a number may have
/// more digits than fit.
type Row = String;

impl Restoration<'_> {
    async fn all(&mut self, lines: Lines<BufReader<File>>) -> Result<()> {
        let mut target: Option<Arc<Target>> = None;
        let mut page: Vec<Row> = Vec::with_capacity(PAGE);
        for line in lines {
            let line = line?;
            if let Some(header) = line.strip_prefix(TABLE) {
                self.page(target.as_ref(), std::mem::take(&mut page)).await?;
                let header = serde_json::from_str(header).map_err(std::io::Error::from)?;
                target = self.target(header).await?;
                continue;
            }
            page.push(line);
            if page.len() == PAGE {
                self.page(target.as_ref(), std::mem::take(&mut page)).await?;
            }
        }
        self.page(target.as_ref(), page).await?;
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
        self.sequences().await
    }

    /// Moves on what numbers new rows, past the rows that came back. SQLite does so by itself.
    async fn sequences(&mut self) -> Result<()> {
        if self.engine == Engine::Sqlite {
            return Ok(());
        }
        let inserted = self.restored.tables.iter().filter(|table| table.inserted > 0);
        let tables: Vec<String> = inserted.map(|table| quoted(&table.table)).collect();
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
                     HAVING max({column}) > (SELECT last_value FROM {sequence})",
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
    async fn target(&mut self, header: TableHeader) -> Result<Option<Arc<Target>>> {
        let name = header.table.clone();
        let restored = RestoredTable { table: name.clone(), ..RestoredTable::default() };
        self.restored.tables.push(restored);
        let Some(live) = self.live.tables.get(&name) else {
            let said = format!("the table {name} is not there, so none of its rows came back");
            self.restored.not_restored.push(said);
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
            // A default that is computed is another one each time, so nobody can tell it from a value.
            if default.contains('(') {
                return (column.name.clone(), "1 = 1".to_owned());
            }
            let (table, name) = (quoted(&name), quoted(&column.name));
            (
                column.name.clone(),
                format!("({table}.{name} IS NULL OR {table}.{name} {differs} ({default}))"),
            )
        });
        let lost = lost.collect();
        if header.key.is_empty() {
            // Nobody could tell which rows are there already.
            let sql = format!("SELECT 1 FROM {} LIMIT 1", quoted(&header.table));
            let stmt = Statement::from_string(self.engine.backend(), sql);
            if self.tx.query_one_raw(stmt).await?.is_some() {
                self.restored.not_restored.push(format!(
                    "the table {} has no primary key and is not empty, so none of its rows came back",
                    header.table
                ));
                return Ok(None);
            }
        }
        let place = self.restored.tables.len() - 1;
        Ok(Some(Arc::new(Target { header, place, columns, lost })))
    }

    /// Brings back some rows: together, or if that fails, one by one.
    async fn page(&mut self, target: Option<&Arc<Target>>, rows: Vec<Row>) -> Result<()> {
        let Some(target) = target.filter(|_| !rows.is_empty()) else { return Ok(()) };
        if let Ok(counts) = self.send(target, &rows).await? {
            self.count(target, counts, rows.len());
            return Ok(());
        }
        for row in rows {
            self.one(target, row).await?;
        }
        Ok(())
    }

    async fn one(&mut self, target: &Arc<Target>, row: Row) -> Result<()> {
        match self.send(target, std::slice::from_ref(&row)).await? {
            Ok(counts) => self.count(target, counts, 1),
            Err(error) => self.failed.push((Arc::clone(target), row, explain(&error))),
        }
        Ok(())
    }

    fn count(&mut self, target: &Target, (inserted, updated): (u64, u64), rows: usize) {
        let Some(table) = self.restored.tables.get_mut(target.place) else { return };
        table.inserted += inserted;
        table.updated += updated;
        table.left += (rows as u64).saturating_sub(inserted + updated);
    }

    /// Sends some rows; gives how many were inserted and how many updated, or why none was.
    async fn send(
        &self,
        target: &Target,
        rows: &[Row],
    ) -> Result<std::result::Result<(u64, u64), DbErr>> {
        let savepoint = self.tx.begin().await?;
        let sent = async {
            // Rows that stayed get their columns back, and those that have gone since stay away.
            if !target.header.lost.is_empty() {
                let mut updated = 0;
                if !target.lost.is_empty() {
                    updated = self.update(&savepoint, target, rows).await?;
                }
                return Ok::<_, DbErr>((0, updated));
            }
            let columns = names(&target.columns);
            let overriding =
                if self.engine == Engine::Sqlite { "" } else { "OVERRIDING SYSTEM VALUE " };
            let insert = format!(
                "INSERT INTO {} ({columns}) {overriding}SELECT {columns} FROM {} WHERE true \
                 ON CONFLICT DO NOTHING",
                quoted(&target.header.table),
                self.source(target, rows)?
            );
            let stmt = Statement::from_string(self.engine.backend(), insert);
            Ok((savepoint.execute_raw(stmt).await?.rows_affected(), 0))
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
        target: &Target,
        rows: &[Row],
    ) -> Result<u64, DbErr> {
        let table = quoted(&target.header.table);
        let sets: Vec<String> =
            target.lost.iter().map(|(column, _)| format!("{0} = r.{0}", quoted(column))).collect();
        let same = target.header.key.iter().map(|column| {
            let column = quoted(column);
            format!("{table}.{column} = r.{column}")
        });
        // What somebody has filled since is newer.
        let conditions: Vec<String> =
            same.chain(target.lost.iter().map(|(_, unfilled)| unfilled.clone())).collect();
        let sql = format!(
            "UPDATE {table} SET {} FROM {} AS r WHERE {}",
            sets.join(", "),
            self.source(target, rows)?,
            conditions.join(" AND ")
        );
        let stmt = Statement::from_string(self.engine.backend(), sql);
        Ok(tx.execute_raw(stmt).await?.rows_affected())
    }

    /// The rows as something that stands behind FROM.
    fn source(&self, target: &Target, rows: &[Row]) -> Result<String, DbErr> {
        if self.engine == Engine::Sqlite {
            let selects: Result<Vec<String>, DbErr> =
                rows.iter().map(|row| literals(&target.columns, row)).collect();
            return Ok(format!("({})", selects?.join(" UNION ALL ")));
        }
        let json = format!("[{}]", rows.join(","));
        let table = quoted(&target.header.table);
        Ok(format!("json_populate_recordset(NULL::{table}, {}::json)", literal(&json)))
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

/// A row as a SELECT of literals. What is no literal is no backup's.
fn literals(columns: &[String], row: &str) -> Result<String, DbErr> {
    let row: Map<String, Value> =
        serde_json::from_str(row).map_err(|error| DbErr::Json(error.to_string()))?;
    let mut parts = Vec::with_capacity(columns.len());
    for column in columns {
        let text = row.get(column).and_then(Value::as_str).unwrap_or("NULL");
        if !is_literal(text) {
            return Err(DbErr::Custom(format!("the value of {column} is no literal")));
        }
        parts.push(format!("{text} AS {}", quoted(column)));
    }
    Ok(format!("SELECT {}", parts.join(", ")))
}

/// Whether a text is one number, string, blob or NULL, and nothing else.
fn is_literal(text: &str) -> bool {
    let Ok(tokens) = Tokenizer::new(&SQLiteDialect {}, text).tokenize() else { return false };
    match tokens.as_slice() {
        [Token::SingleQuotedString(_) | Token::HexStringLiteral(_) | Token::Number(..)]
        | [Token::Minus, Token::Number(..)] => true,
        [Token::Word(word)] => word.value.eq_ignore_ascii_case("null"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_literal;

    #[test]
    fn only_literals_are_literals() {
        for text in ["1", "-2.5", "'it''s'", "X'0aff'", "NULL", "1e3", "''"] {
            assert!(is_literal(text), "{text}");
        }
        for text in ["(SELECT 1)", "1; DROP TABLE t", "'a' || 'b'", "name", "", "1 -- x", "'a"] {
            assert!(!is_literal(text), "{text}");
        }
    }
}
