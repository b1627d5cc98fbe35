//! Sample rows as they are, beside what the factories make: both in the order of their ids, so that a
//! page at a time is enough.

use std::collections::VecDeque;

use sea_orm::{
    ConnectionTrait, DbBackend, Order, Value,
    sea_query::{Condition, Expr, ExprTrait as _},
};
use tenantry_entity::{sample_id::IdKind, sql::quoted};
use tenantry_migration::Result;

use crate::{
    digest::row_hash,
    samples::{RowId, TableInfo},
};

/// Rows read at a time.
const PAGE: u64 = 2_000;

/// A row: the values of its columns.
pub(crate) type Row = Vec<Value>;

/// What was found about one row.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// It is there, as it was made.
    Same(Row, u128),
    /// It is not there, and this is what is missing.
    Missing(Row, u128),
    /// It is there with something else in it than this.
    Changed { made: Row, expected: u128, there: u128 },
    /// It is there, and the data set has none like it.
    Unknown(u128),
}

/// Goes over the sample rows of one table that meet a condition.
pub(crate) struct Comparison<'c, C, I: Iterator> {
    db: &'c C,
    info: &'static TableInfo,
    condition: Condition,
    made: std::iter::Peekable<I>,
    there: VecDeque<(RowId, u128)>,
    last: Option<RowId>,
    is_read: bool,
}

impl<'c, C, I> Comparison<'c, C, I>
where
    C: ConnectionTrait,
    I: Iterator<Item = Row>,
{
    /// `made` comes in the order of the ids. Where a row does not say so by its id, the condition says which
    /// are samples.
    pub(crate) fn new(db: &'c C, info: &'static TableInfo, condition: Condition, made: I) -> Self {
        let (made, there) = (made.peekable(), VecDeque::new());
        Self { db, info, condition, made, there, last: None, is_read: false }
    }

    fn hash(&self, row: &[Value]) -> u128 {
        row_hash(&self.info.columns, row)
    }

    /// The next row of either.
    pub(crate) async fn next(&mut self) -> Result<Option<Found>> {
        if self.there.is_empty() && !self.is_read {
            self.read().await?;
        }
        let info = self.info;
        let made = self.made.peek().and_then(|row| info.id_of(row));
        let there = self.there.front().cloned();
        Ok(match (made, there) {
            (Some(made), Some((there, hash))) if made == there => {
                self.there.pop_front();
                self.made.next().map(|row| match self.hash(&row) {
                    expected if expected == hash => Found::Same(row, hash),
                    expected => Found::Changed { made: row, expected, there: hash },
                })
            }
            (Some(made), there) if there.as_ref().is_none_or(|(there, _)| made < *there) => {
                self.made.next().map(|row| {
                    let expected = self.hash(&row);
                    Found::Missing(row, expected)
                })
            }
            (_, Some((_, hash))) => {
                self.there.pop_front();
                Some(Found::Unknown(hash))
            }
            // The guard has taken what is only made.
            (_, None) => None,
        })
    }

    /// A column by which rows are in order: texts by their bytes, as here.
    fn in_order(&self, column: &'static str, kind: IdKind) -> Expr {
        if kind == IdKind::Text && self.db.get_database_backend() == DbBackend::Postgres {
            return Expr::cust(format!("{} COLLATE \"C\"", quoted(column)));
        }
        Expr::col(column)
    }

    async fn read(&mut self) -> Result<()> {
        while self.there.is_empty() && !self.is_read {
            let mut page = self.info.select();
            page.cond_where(self.condition.clone()).limit(PAGE);
            let own = self.info.id_columns().map(|(name, kind)| self.in_order(name, kind));
            let own: Vec<Expr> = own.collect();
            for column in own.iter().cloned() {
                page.order_by_expr(column, Order::Asc);
            }
            if let Some(last) = &self.last {
                let last = last.iter().map(|id| Expr::val(Value::from(*id)));
                page.and_where(match (own.as_slice(), last.collect::<Vec<_>>().as_slice()) {
                    ([own], [last]) => own.clone().gt(last.clone()),
                    (own, last) => Expr::tuple(own.to_vec()).gt(Expr::tuple(last.to_vec())),
                });
            }
            let rows = self.db.query_all(&page).await?;
            self.is_read = (rows.len() as u64) < PAGE;
            for row in &rows {
                let row = self.info.decode(row)?;
                let Some(own) = self.info.id_of(&row) else { continue };
                self.last = Some(own.clone());
                // The rest of a tenant's rows are real.
                if !self.info.is_told_by_id() || own.iter().all(|id| id.is_sample()) {
                    self.there.push_back((own, self.hash(&row)));
                }
            }
        }
        Ok(())
    }
}
