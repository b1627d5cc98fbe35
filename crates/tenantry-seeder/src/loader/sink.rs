//! Where rows go.

use std::collections::BTreeMap;

use sea_orm::Value;
use tenantry_entity::Engine;
use tenantry_migration::{Result, runner::Contents};

use crate::{
    samples::{SampleTenant, TableInfo},
    set::DataSet,
};

/// Rows of a table, each the values of its columns in their order.
pub(crate) type Rows<'r> = dyn Iterator<Item = Vec<Value>> + Send + 'r;

/// Takes the rows of a table.
pub(crate) trait Sink {
    /// Takes rows; returns how many were inserted. What is in them is added to `contents`.
    async fn take(
        &mut self,
        table: &'static TableInfo,
        rows: &mut Rows<'_>,
        contents: &mut Contents,
    ) -> Result<u64>;
}

/// What became of the rows of each table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(pub BTreeMap<&'static str, (u64, Contents)>);

impl Tally {
    /// Adds what became of others.
    pub(super) fn extend(&mut self, other: &Self) {
        for (table, (inserted, contents)) in &other.0 {
            let sum = self.0.entry(table).or_default();
            sum.0 += inserted;
            sum.1.extend(*contents);
        }
    }
}

/// Which tables are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// The tenants themselves.
    Roots,
    /// What belongs to no tenant: it comes before everything else.
    Shared,
    /// What belongs to tenants.
    Scoped,
}

impl Group {
    fn has(self, info: &TableInfo) -> bool {
        match self {
            Self::Roots => info.is_root(),
            Self::Shared => info.is_shared(),
            Self::Scoped => !info.is_root() && !info.is_shared(),
        }
    }
}

/// The rows that these tenants bring into the tables of a group, parents first.
pub(super) async fn group(
    sink: &mut impl Sink,
    group: Group,
    tables: &'static [TableInfo],
    tenants: &[SampleTenant],
) -> Result<Tally> {
    let mut tally = Tally::default();
    for (at, info) in tables.iter().enumerate().filter(|(_, info)| group.has(info)) {
        let (inserted, contents) = tally.0.entry(info.name).or_default();
        let mut rows = tenants.iter().flat_map(|tenant| tenant.rows_of(at));
        *inserted += sink.take(info, &mut rows, contents).await?;
    }
    Ok(tally)
}

/// The tenants themselves, and everything that belongs to them.
pub(super) async fn whole(
    sink: &mut impl Sink,
    tables: &'static [TableInfo],
    tenants: &[SampleTenant],
) -> Result<Tally> {
    let mut tally = group(sink, Group::Roots, tables, tenants).await?;
    tally.extend(&group(sink, Group::Scoped, tables, tenants).await?);
    Ok(tally)
}

/// All rows of a data set, table by table.
pub(crate) async fn everything(sink: &mut impl Sink, set: &DataSet) -> Result<Tally> {
    let tenants: Vec<SampleTenant> = set.tenants().collect();
    let mut tally = Tally::default();
    for of in [Group::Roots, Group::Shared, Group::Scoped] {
        tally.extend(&group(sink, of, set.tables(), &tenants).await?);
    }
    Ok(tally)
}

/// Discards rows that exist already; only their sum is needed.
pub(super) struct Nowhere(pub Engine);

impl Sink for Nowhere {
    async fn take(
        &mut self,
        _: &'static TableInfo,
        rows: &mut Rows<'_>,
        contents: &mut Contents,
    ) -> Result<u64> {
        for row in rows {
            contents.add(self.0, &row);
        }
        Ok(0)
    }
}
