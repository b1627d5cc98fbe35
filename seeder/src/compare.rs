//! Sample rows as they are, beside what the factories make: both in the order of their ids, so that a
//! page at a time is enough.

use std::collections::VecDeque;

use entity::{prelude::*, sample_id::is_sample};
use migration::Result;
use sea_orm::{Condition, ConnectionTrait, QuerySelect as _, Value};

use crate::{digest::row_hash, loader::values};

/// Rows read at a time.
const PAGE: u64 = 2_000;

/// What was found about one row.
#[derive(Clone, Debug)]
pub(crate) enum Found<A> {
    /// It is there, as it was made.
    Same(A, u128),
    /// It is not there, and this is what is missing.
    Missing(A, u128),
    /// It is there with something else in it than this.
    Changed { made: A, expected: u128, there: u128 },
    /// It is there, and the data set has none like it.
    Unknown(u128),
}

/// Goes over the sample rows of one table that meet a condition.
pub(crate) struct Comparison<'c, C, E: EntityTrait, I: Iterator> {
    db: &'c C,
    id: E::Column,
    condition: Condition,
    made: std::iter::Peekable<I>,
    there: VecDeque<(Uuid, u128)>,
    last: Option<Uuid>,
    is_read: bool,
}

impl<'c, C, E, I> Comparison<'c, C, E, I>
where
    C: ConnectionTrait,
    E: Table,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
    I: Iterator<Item = E::ActiveModel>,
{
    /// `made` comes in the order of the ids.
    pub(crate) fn new(db: &'c C, id: E::Column, condition: Condition, made: I) -> Self {
        let (made, there) = (made.peekable(), VecDeque::new());
        Self { db, id, condition, made, there, last: None, is_read: false }
    }

    /// The next row of either.
    pub(crate) async fn next(&mut self) -> Result<Option<Found<E::ActiveModel>>> {
        if self.there.is_empty() && !self.is_read {
            self.read().await?;
        }
        let made = self.made.peek().and_then(|row| id_of(row, self.id));
        let there = self.there.front().copied();
        Ok(match (made, there) {
            (Some(made), Some((there, hash))) if made == there => {
                self.there.pop_front();
                self.made.next().map(|row| match row_hash::<E>(&values(row.clone())) {
                    expected if expected == hash => Found::Same(row, hash),
                    expected => Found::Changed { made: row, expected, there: hash },
                })
            }
            (Some(made), there) if there.is_none_or(|(there, _)| made < there) => {
                self.made.next().map(|row| {
                    let expected = row_hash::<E>(&values(row.clone()));
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

    async fn read(&mut self) -> Result<()> {
        while self.there.is_empty() && !self.is_read {
            #[allow(clippy::disallowed_methods, reason = "it looks at the rows of all tenants")]
            let mut page =
                E::find().filter(self.condition.clone()).order_by_asc(self.id).limit(PAGE);
            if let Some(last) = self.last {
                page = page.filter(self.id.gt(last));
            }
            let rows = page.all(self.db).await?;
            self.is_read = (rows.len() as u64) < PAGE;
            for row in rows {
                let row = row.into_active_model();
                let Some(own) = id_of(&row, self.id) else { continue };
                self.last = Some(own);
                // The rest of a tenant's rows are somebody's.
                if is_sample(own) {
                    self.there.push_back((own, row_hash::<E>(&values(row))));
                }
            }
        }
        Ok(())
    }
}

/// The id of a row.
pub(crate) fn id_of<A: ActiveModelTrait>(
    row: &A,
    id: <A::Entity as EntityTrait>::Column,
) -> Option<Uuid> {
    match row.get(id).into_value() {
        Some(Value::Uuid(id)) => id,
        _ => None,
    }
}
