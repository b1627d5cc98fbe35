//! Multi-row INSERTs through SeaORM: on every engine, and beside rows that are there already.

use entity::{Engine, Table};
use migration::{Result, runner::Contents};
use sea_orm::{ConnectionTrait, Iterable, PrimaryKeyToColumn, sea_query::OnConflict};

use super::{
    collision::explained,
    sink::{Sink, values},
};

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
        rows: impl Iterator<Item = E::ActiveModel> + Send,
        contents: &mut Contents,
    ) -> Result<u64>
    where
        E: Table,
        E::ActiveModel: Send,
    {
        let limit = (VALUES / E::Column::iter().count().max(1)).min(2_000);
        let mut inserted = 0;
        let mut rows = rows;
        loop {
            let chunk: Vec<E::ActiveModel> = rows.by_ref().take(limit).collect();
            if chunk.is_empty() {
                return Ok(inserted);
            }
            for row in &chunk {
                contents.add(self.engine, &values(row.clone()));
            }
            let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
            inserted += E::insert_many(chunk)
                .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
                .exec_without_returning(self.db)
                .await
                .map_err(|error| explained(error, E::default().table_name()))?;
        }
    }
}
