//! Whether the sample rows are what the factories make.

use std::collections::BTreeMap;

use futures_util::future::join;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, Value,
    sea_query::{Condition, Expr, ExprTrait as _},
};
use serde::Serialize;
use tenantry_entity::{Engine, sample_id::SampleId};
use tenantry_migration::{
    Error, Result,
    db::begin_read,
    runner::{Contents, Samples as Journal},
    schema::{Schema, Table},
};
use tokio::task::yield_now;

use crate::{
    Options,
    admission::{noted, ready},
    compare::{Comparison, Found, Row},
    digest::{Digest, row_hash},
    samples::{RowId, SampleTenant, TableInfo},
    seeder::{Bound, Seeder},
    set::DataSet,
};

/// What came of comparing the sample rows with what the factories make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// What is in each table, in foreign-key order.
    pub tables: Vec<TableDigest>,
    /// Where rows are not as they were made, by table and tenant.
    pub differences: Vec<Difference>,
}

/// What is in the sample rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableDigest {
    /// The table.
    pub table: &'static str,
    /// Sample rows that are there.
    pub rows: u64,
    /// What is in them: the same on every engine.
    pub digest: Digest,
    /// What should be in them.
    pub expected: Digest,
}

/// Sample rows of one table and one tenant that are not as they were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The tenant's name and token, or its id if the data set does not have it; `None` for what belongs to
    /// no tenant.
    pub tenant: Option<String>,
    /// Rows that are not there.
    pub missing: u64,
    /// Rows that are there with something else in them.
    pub changed: u64,
    /// Rows that the data set does not have.
    pub unknown: u64,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.table)?;
        if let Some(tenant) = &self.tenant {
            write!(f, " of {tenant}")?;
        }
        let Self { missing, changed, unknown, .. } = self;
        write!(f, ": {missing} missing, {changed} changed, {unknown} not of this data set")
    }
}

impl Seeder {
    /// Compares the sample rows with what the factories make. Changes nothing, and reads from one
    /// snapshot where the engine has such a thing.
    ///
    /// Of what belongs to tenants, the engine sums up each tenant's rows; only where the sum is another
    /// than that over what the factories make are the rows themselves read, a page at a time.
    ///
    /// # Errors
    ///
    /// If a migration is pending or a query fails. That rows differ is no error: the result says so.
    pub async fn verify(&self, db: &DatabaseConnection, options: &Options) -> Result<Verification> {
        let on = self.bound(db, options).await?;
        let tx = begin_read(db, on.engine).await?;
        let verified = verified(&tx, &on, options.tenant).await;
        // Nothing was changed, so there is nothing to keep.
        let _ = tx.rollback().await;
        verified
    }

    /// The same inside of a transaction of the caller's, of one tenant or of all.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn verify_in(
        &self,
        tx: &DatabaseTransaction,
        engine: Engine,
        only: Option<u32>,
    ) -> Result<Verification> {
        verified(tx, &self.on(engine), only).await
    }
}

/// The data set that is there.
async fn known<C: ConnectionTrait>(db: &C, on: &Bound, only: Option<u32>) -> Result<DataSet> {
    match noted(db, on).await? {
        Some((set, _)) => narrowed(set, only),
        None => Err(Error::unusable(
            "no-samples",
            "there is nothing to verify: the journal knows of no sample rows",
        )),
    }
}

/// A data set, or one tenant of it.
pub(crate) fn narrowed(set: DataSet, only: Option<u32>) -> Result<DataSet> {
    match only {
        None => Ok(set),
        Some(only) if set.spec().ordinals().any(|ordinal| ordinal == only) => Ok(set.only(only)),
        Some(only) => Err(Error::unusable(
            "no-such-tenant",
            format!("the data set has no tenant {only}: it is {}", set.spec()),
        )),
    }
}

pub(crate) async fn verified(
    tx: &DatabaseTransaction,
    on: &Bound,
    only: Option<u32>,
) -> Result<Verification> {
    let live = ready(tx, on).await?.schema;
    let set = known(tx, on, only).await?;
    let mut verification = Verification::default();
    for (at, info) in set.tables().iter().enumerate() {
        if info.tenant_column().is_some() {
            verification.scoped(tx, on, &live, &set, at).await?;
        } else {
            verification.shared(tx, on, &live, &set, at).await?;
        }
    }
    Ok(verification)
}

/// The rows of a table that belong to no tenant, or are the tenants, in the order of their ids: tenants
/// and their numbers do not come in that order.
pub(crate) fn in_order(set: &DataSet, at: usize) -> impl Iterator<Item = Row> + Clone + use<'_> {
    let info = &set.tables()[at];
    let mut ids: Vec<(RowId, (u32, u32))> = set
        .tenants()
        .flat_map(|tenant| {
            let id = |n| Some((info.id_of(&tenant.row(at, n))?, (tenant.ordinal, n)));
            (0..tenant.count(at)).filter_map(id).collect::<Vec<_>>()
        })
        .collect();
    ids.sort_unstable();
    ids.into_iter().map(move |(_, (ordinal, n))| set.tenant(ordinal).row(at, n))
}

/// Which rows of a table that belongs to no tenant are to be looked at: all sample rows, or those of the
/// one tenant that is meant.
pub(crate) fn shared_samples(
    journal: &Journal,
    info: &TableInfo,
    table: Option<&Table>,
    set: &DataSet,
    rows: impl Iterator<Item = Row>,
) -> Condition {
    let all = Condition::all();
    if set.is_only().is_none() {
        return all.add_option(table.map(|table| Expr::cust(journal.rows(table))));
    }
    let ids = rows.filter_map(|row| info.id_of(&row));
    let own: Vec<&str> = info.id_columns().map(|(column, _)| column).collect();
    if let [column] = own.as_slice() {
        return all.add(Expr::col(*column).is_in(ids.flatten().map(Value::from)));
    }
    // SQLite takes no list of pairs.
    ids.fold(Condition::any(), |any, id| any.add(has_id(&own, &id)))
}

/// Which row has this id.
pub(crate) fn has_id(own: &[&'static str], id: &RowId) -> Condition {
    own.iter().zip(id).fold(Condition::all(), |row, (column, id)| {
        row.add(Expr::col(*column).eq(Value::from(*id)))
    })
}

/// Which rows of a table belong to a tenant; of those, the sample rows where they do not say so by their ids.
pub(crate) fn of_tenant(
    journal: &Journal,
    info: &TableInfo,
    table: Option<&Table>,
    tenant: SampleId,
) -> Condition {
    let samples = table.filter(|_| !info.is_told_by_id());
    Condition::all()
        .add_option(info.tenant_column().map(|column| Expr::col(column).eq(Value::from(tenant))))
        .add_option(samples.map(|table| Expr::cust(journal.rows(table))))
}

impl Verification {
    /// Whether every row is as it was made.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }

    /// Sample rows that are there.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// What is in all tables.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut sum = Digest::default();
        for table in &self.tables {
            sum.extend(table.digest);
        }
        sum
    }

    /// What belongs to no tenant.
    async fn shared<C: ConnectionTrait>(
        &mut self,
        db: &C,
        on: &Bound,
        live: &Schema,
        set: &DataSet,
        at: usize,
    ) -> Result<()> {
        let (info, rows) = (&set.tables()[at], in_order(set, at));
        let table = live.tables.get(info.name);
        let condition = shared_samples(&on.journal, info, table, set, rows.clone());
        self.add(None, info, Comparison::new(db, info, condition, rows)).await
    }

    /// What belongs to tenants.
    async fn scoped<C: ConnectionTrait>(
        &mut self,
        db: &C,
        on: &Bound,
        live: &Schema,
        set: &DataSet,
        at: usize,
    ) -> Result<()> {
        let (engine, info) = (on.engine, &set.tables()[at]);
        // Those of all tenants would take longer than the rows of one.
        let summable = engine.capability().writes_across_tenants && set.is_only().is_none();
        let (mut sums, mut made) = (BTreeMap::new(), BTreeMap::new());
        if let Some(table) = live.tables.get(info.name).filter(|_| summable) {
            // While the engine adds up what is there, what should be is added up here.
            let adding = async {
                for tenant in set.tenants() {
                    made.insert(tenant.key(), contents(engine, info, &tenant, at));
                    yield_now().await;
                }
            };
            let summing = on.journal.sums_by_tenant(db, table, &info.columns, None);
            sums = join(summing, adding).await.0?;
        }
        let of = |tenant| of_tenant(&on.journal, info, live.tables.get(info.name), tenant);
        for tenant in set.tenants() {
            let there = sums.remove(&Some(tenant.key())).unwrap_or_default();
            if let Some((contents, digest)) = made.remove(&tenant.key())
                && there.contents == contents
            {
                self.sum_up(info.name, digest, digest);
                continue;
            }
            let comparison =
                Comparison::new(db, info, of(tenant.key()), tenant.in_order_of_ids(at));
            let label = format!("{} ({})", tenant.name, tenant.token);
            self.add(Some(label), info, comparison).await?;
        }
        for tenant in sums.into_keys().flatten() {
            let comparison = Comparison::new(db, info, of(tenant), std::iter::empty());
            self.add(Some(tenant.to_string()), info, comparison).await?;
        }
        Ok(())
    }

    async fn add<C, I>(
        &mut self,
        tenant: Option<String>,
        info: &'static TableInfo,
        mut comparison: Comparison<'_, C, I>,
    ) -> Result<()>
    where
        C: ConnectionTrait,
        I: Iterator<Item = Row>,
    {
        let name = info.name;
        let (mut expected, mut digest) = (Digest::default(), Digest::default());
        let (mut missing, mut changed, mut unknown) = (0, 0, 0);
        while let Some(found) = comparison.next().await? {
            match found {
                Found::Same(_, hash) => {
                    expected.add(hash);
                    digest.add(hash);
                }
                Found::Missing(_, hash) => {
                    expected.add(hash);
                    missing += 1;
                }
                Found::Changed { expected: made, there, .. } => {
                    expected.add(made);
                    digest.add(there);
                    changed += 1;
                }
                Found::Unknown(hash) => {
                    digest.add(hash);
                    unknown += 1;
                }
            }
        }
        if missing + changed + unknown > 0 {
            self.differences.push(Difference { table: name, tenant, missing, changed, unknown });
        }
        self.sum_up(name, digest, expected);
        Ok(())
    }

    fn sum_up(&mut self, name: &'static str, digest: Digest, expected: Digest) {
        if let Some(table) = self.tables.iter_mut().find(|it| it.table == name) {
            table.rows += digest.rows;
            table.digest.extend(digest);
            table.expected.extend(expected);
        } else {
            let rows = digest.rows;
            self.tables.push(TableDigest { table: name, rows, digest, expected });
        }
    }
}

/// What is in a tenant's rows of one table.
fn contents(
    engine: Engine,
    info: &TableInfo,
    tenant: &SampleTenant,
    at: usize,
) -> (Contents, Digest) {
    let (mut contents, mut digest) = (Contents::default(), Digest::default());
    for row in tenant.rows_of(at) {
        contents.add(engine, &row);
        digest.add(row_hash(&info.columns, &row));
    }
    (contents, digest)
}
