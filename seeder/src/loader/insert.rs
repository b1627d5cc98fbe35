//! Multi-row INSERTs: on every engine, and beside rows that are there already.

use std::marker::PhantomData;

use entity::{Engine, Table};
use futures_util::future::join;
use migration::{Result, runner::Contents};
use sea_orm::{
    ConnectionTrait, DbBackend, Iterable, PrimaryKeyToColumn, QueryTrait, Statement,
    sea_query::OnConflict,
};

use super::{
    collision::explained,
    sink::{Sink, values},
};

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
    async fn take<E>(
        &mut self,
        mut rows: impl Iterator<Item = E::ActiveModel> + Send,
        contents: &mut Contents,
    ) -> Result<u64>
    where
        E: Table,
        E::ActiveModel: Send,
    {
        let mut statements = Statements::<E>::new(self.engine, self.db.get_database_backend());
        let mut inserted = 0;
        let mut next = statements.next(&mut rows, contents);
        while let Some(statement) = next {
            // While the database is at it, the one after is made.
            let made = async { statements.next(&mut rows, contents) };
            let (done, made) = join(self.db.execute_raw(statement), made).await;
            let done = done.map_err(|error| explained(error, E::default().table_name()))?;
            inserted += done.rows_affected();
            next = made;
        }
        Ok(inserted)
    }
}

/// Makes INSERTs of the rows of a table.
pub(super) struct Statements<E> {
    engine: Engine,
    backend: DbBackend,
    /// The text for so many rows: making it takes longer than making them.
    text: (usize, String),
    entity: PhantomData<E>,
}

impl<E: Table> Statements<E> {
    pub(super) fn new(engine: Engine, backend: DbBackend) -> Self {
        Self { engine, backend, text: (0, String::new()), entity: PhantomData }
    }

    /// The statement for the next of them. What is in them is added to `contents`.
    pub(super) fn next(
        &mut self,
        rows: &mut impl Iterator<Item = E::ActiveModel>,
        contents: &mut Contents,
    ) -> Option<Statement> {
        let columns = E::Column::iter().count().max(1);
        let rows: Vec<E::ActiveModel> = rows.take(ROWS.min(VALUES / columns)).collect();
        if rows.is_empty() {
            return None;
        }
        if self.text.0 != rows.len() {
            let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
            let insert = E::insert_many(rows.clone())
                .on_conflict(OnConflict::columns(key).do_nothing().to_owned());
            self.text = (rows.len(), insert.build(self.backend).sql);
        }
        let mut all = Vec::with_capacity(rows.len() * columns);
        for row in rows {
            let row = values(row);
            contents.add(self.engine, &row);
            all.extend(row);
        }
        Some(Statement::from_sql_and_values(self.backend, self.text.1.as_str(), all))
    }
}
