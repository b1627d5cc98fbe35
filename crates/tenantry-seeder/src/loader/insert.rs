//! Multi-row INSERTs: on every engine, and beside rows that are there already.

use futures_util::future::join;
use sea_orm::{
    ConnectionTrait, DbBackend, Statement, Value,
    sea_query::{InsertStatement, OnConflict, Query},
};
use tenantry_entity::Engine;
use tenantry_migration::{Result, db::table_ref, runner::Contents};

use super::{
    collision::explained,
    sink::{Rows, Sink},
};
use crate::samples::TableInfo;

/// Rows a statement. Twice as many are as quick, and take half as much memory again.
const ROWS: usize = 1_000;

/// Values a statement: SQLite takes 32,766 of them, PostgreSQL 65,535.
const VALUES: usize = 32_000;

/// Inserts the rows that are not there yet; one whose key is there is left as it is.
pub(super) struct Insert<'c, C> {
    pub db: &'c C,
    pub engine: Engine,
}

impl<C: ConnectionTrait> Sink for Insert<'_, C> {
    async fn take(
        &mut self,
        table: &'static TableInfo,
        rows: &mut Rows<'_>,
        contents: &mut Contents,
    ) -> Result<u64> {
        let mut statements = Statements::new(table, self.engine, self.db.get_database_backend());
        let mut inserted = 0;
        let mut next = statements.next(rows, contents);
        while let Some(statement) = next {
            // While the database is at it, the one after is made.
            let made = async { statements.next(rows, contents) };
            let (done, made) = join(self.db.execute_raw(statement), made).await;
            let done = done.map_err(|error| explained(error, table.name))?;
            inserted += done.rows_affected();
            next = made;
        }
        Ok(inserted)
    }
}

/// Makes INSERTs of the rows of a table.
pub(super) struct Statements {
    table: &'static TableInfo,
    engine: Engine,
    backend: DbBackend,
    /// The text for so many rows: making it takes longer than making them.
    text: (usize, String),
}

impl Statements {
    pub(super) fn new(table: &'static TableInfo, engine: Engine, backend: DbBackend) -> Self {
        Self { table, engine, backend, text: (0, String::new()) }
    }

    /// The statement for the next of them. What is in them is added to `contents`.
    pub(super) fn next(
        &mut self,
        rows: &mut Rows<'_>,
        contents: &mut Contents,
    ) -> Option<Statement> {
        let columns = self.table.columns.len().max(1);
        let rows: Vec<Vec<Value>> = rows.take(ROWS.min(VALUES / columns)).collect();
        if rows.is_empty() {
            return None;
        }
        if self.text.0 != rows.len() {
            let key = self.table.key.iter().copied();
            let insert = insertion(self.table, rows.clone())
                .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
                .take();
            self.text = (rows.len(), self.backend.build(&insert).sql);
        }
        let mut all = Vec::with_capacity(rows.len() * columns);
        for row in rows {
            contents.add(self.engine, &row);
            all.extend(row);
        }
        Some(Statement::from_sql_and_values(self.backend, self.text.1.as_str(), all))
    }
}

/// An INSERT of rows.
pub(crate) fn insertion(table: &TableInfo, rows: Vec<Vec<Value>>) -> InsertStatement {
    let mut insert = Query::insert();
    insert.into_table(table_ref(table.name)).columns(table.columns.iter().copied());
    for row in rows {
        // Each row has a value for each column.
        insert.values_panic(table.bind(row));
    }
    insert
}
