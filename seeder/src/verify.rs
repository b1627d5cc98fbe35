//! Whether the sample rows are what the factories make.

use std::collections::BTreeMap;

use entity::prelude::*;
use futures_util::future::join;
use migration::{
    Error, Result,
    db::begin_read,
    runner::{Contents, sample_ids, sums_by_tenant},
    schema::Schema,
};
use sea_orm::{Condition, ConnectionTrait, DatabaseTransaction, Iterable as _, sea_query::Expr};
use serde::Serialize;
use tokio::task::yield_now;

use crate::{
    Options,
    admission::{noted, ready},
    compare::{Comparison, Found, id_of},
    digest::{Digest, row_hash},
    factory,
    loader::values,
    set::DataSet,
    spec::Spec,
    tenant::Tenant as Owner,
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

/// Compares the sample rows with what the factories make. Changes nothing, and reads from one snapshot where
/// the engine has such a thing.
///
/// Of what belongs to tenants, the engine sums up each tenant's rows; only where the sum is another than
/// that over what the factories make are the rows themselves read, a page at a time.
///
/// # Errors
///
/// If a migration is pending or a query fails. That rows differ is no error: the result says so.
pub async fn verify(db: &DatabaseConnection, options: &Options) -> Result<Verification> {
    let engine = options.engine_of(db).await?;
    let tx = begin_read(db, engine).await?;
    let verified = verify_in(&tx, engine, options.tenant).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    verified
}

/// The data set that is there.
async fn known<C: ConnectionTrait>(db: &C, engine: Engine, only: Option<u32>) -> Result<DataSet> {
    let Some((spec, _)) = noted(db, engine).await? else {
        return Err(Error::Unusable(
            "there is nothing to verify: the journal knows of no sample rows".to_owned(),
        ));
    };
    narrowed(spec, only)
}

/// A data set, or one tenant of it.
pub(crate) fn narrowed(spec: Spec, only: Option<u32>) -> Result<DataSet> {
    let set = DataSet::from(spec);
    match only {
        None => Ok(set),
        Some(only) if set.spec().ordinals().any(|ordinal| ordinal == only) => Ok(set.only(only)),
        Some(only) => {
            Err(Error::Unusable(format!("the data set has no tenant {only}: it is {}", set.spec())))
        }
    }
}

/// The same inside of a transaction of the caller's, of one tenant or of all.
///
/// # Errors
///
/// As [`verify`].
pub async fn verify_in(
    tx: &DatabaseTransaction,
    engine: Engine,
    only: Option<u32>,
) -> Result<Verification> {
    let live = ready(tx, engine).await?.schema;
    let set = known(tx, engine, only).await?;
    let mut verification = Verification::default();
    verification.shared::<Tenant, _>(tx, engine, tenant::Column::Id, &set, roots(&set)).await?;
    verification.shared::<User, _>(tx, engine, user::Column::Id, &set, users(&set)).await?;
    macro_rules! scoped {
        ($($entity:ident, $factory:ident, $count:ident;)*) => {$(
            let factory = Factory::<$entity> {
                count: |tenant| tenant.counts.$count,
                row: factory::$factory::row,
            };
            verification.scoped(tx, engine, &live, &set, &factory).await?;
        )*};
    }
    factory::for_each_scoped!(scoped);
    Ok(verification)
}

/// The tenants of a data set, in the order of their ids.
pub(crate) fn roots(set: &DataSet) -> impl Iterator<Item = tenant::ActiveModel> + Clone + use<'_> {
    let roots = in_order(set.tenants().map(|tenant| (tenant.id, (tenant.ordinal, 0))));
    roots.into_iter().map(|(ordinal, _)| factory::tenant::row(&set.tenant(ordinal)))
}

/// The users of a data set, in the order of their ids.
pub(crate) fn users(set: &DataSet) -> impl Iterator<Item = user::ActiveModel> + Clone + use<'_> {
    let users = set.tenants().flat_map(|tenant| {
        let id = |n| (factory::user::id(&tenant, n), (tenant.ordinal, n));
        (0..tenant.counts.users).map(id).collect::<Vec<_>>()
    });
    in_order(users).into_iter().map(|(ordinal, n)| factory::user::row(&set.tenant(ordinal), n))
}

/// Which rows of a table that belongs to no tenant are to be looked at: all sample rows, or those of the
/// one tenant that is meant.
pub(crate) fn shared_samples<E: Table>(
    engine: Engine,
    id: E::Column,
    set: &DataSet,
    rows: impl Iterator<Item = E::ActiveModel>,
) -> Condition {
    let all = Condition::all();
    if set.is_only().is_some() {
        return all.add(id.is_in(rows.filter_map(|row| id_of(&row, id))));
    }
    all.add(Expr::cust(sample_ids(engine, "id", E::default().table_name())))
}

/// What is numbered, in the order of its ids. Of rows that belong to no tenant, tenants and their
/// numbers do not come in that order.
fn in_order(ids: impl Iterator<Item = (Uuid, (u32, u32))>) -> Vec<(u32, u32)> {
    let mut ids: Vec<(Uuid, (u32, u32))> = ids.collect();
    ids.sort_unstable();
    ids.into_iter().map(|(_, number)| number).collect()
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
    async fn shared<E, C>(
        &mut self,
        db: &C,
        engine: Engine,
        id: E::Column,
        set: &DataSet,
        rows: impl Iterator<Item = E::ActiveModel> + Clone,
    ) -> Result<()>
    where
        E: Table,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
        C: ConnectionTrait,
    {
        let condition = shared_samples::<E>(engine, id, set, rows.clone());
        self.add::<E, C, _>(None, Comparison::new(db, id, condition, rows)).await
    }

    /// What belongs to tenants.
    async fn scoped<E, C>(
        &mut self,
        db: &C,
        engine: Engine,
        live: &Schema,
        set: &DataSet,
        factory: &Factory<E>,
    ) -> Result<()>
    where
        E: TenantScoped,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
        C: ConnectionTrait,
    {
        let name = E::default().table_name();
        // Those of all tenants would take longer than the rows of one.
        let summable = engine.capability().writes_across_tenants && set.is_only().is_none();
        let columns: Vec<_> = E::Column::iter().map(|column| column.as_str()).collect();
        let (mut sums, mut made) = (BTreeMap::new(), BTreeMap::new());
        if let Some(table) = live.tables.get(name).filter(|_| summable) {
            // While the engine adds up what is there, what should be is added up here.
            let adding = async {
                for tenant in set.tenants() {
                    made.insert(tenant.id, factory.made(engine, &tenant));
                    yield_now().await;
                }
            };
            sums = join(sums_by_tenant(db, engine, table, &columns, None), adding).await.0?;
        }
        let id = E::id_column();
        let of = |tenant: Uuid| Condition::all().add(E::tenant_column().eq(tenant));
        for tenant in set.tenants() {
            let there = sums.remove(&Some(tenant.id)).unwrap_or_default();
            if let Some((contents, digest)) = made.remove(&tenant.id)
                && there.contents == contents
            {
                self.sum_up(name, digest, digest);
                continue;
            }
            let rows = (0..(factory.count)(&tenant)).map(|n| (factory.row)(&tenant, n));
            let comparison = Comparison::new(db, id, of(tenant.id), rows);
            let label = format!("{} ({})", tenant.name, tenant.token);
            self.add::<E, C, _>(Some(label), comparison).await?;
        }
        for tenant in sums.into_keys().flatten() {
            let comparison = Comparison::new(db, id, of(tenant), std::iter::empty());
            self.add::<E, C, _>(Some(tenant.to_string()), comparison).await?;
        }
        Ok(())
    }

    async fn add<E, C, I>(
        &mut self,
        tenant: Option<String>,
        mut comparison: Comparison<'_, C, E, I>,
    ) -> Result<()>
    where
        E: Table,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
        C: ConnectionTrait,
        I: Iterator<Item = E::ActiveModel>,
    {
        let name = E::default().table_name();
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

/// Makes a tenant's rows of `E`.
struct Factory<E: Table> {
    /// How many there are.
    count: fn(&Owner) -> u32,
    row: fn(&Owner, u32) -> E::ActiveModel,
}

impl<E: Table> Factory<E> {
    /// What is in those of one tenant.
    fn made(&self, engine: Engine, tenant: &Owner) -> (Contents, Digest) {
        let (mut contents, mut digest) = (Contents::default(), Digest::default());
        for n in 0..(self.count)(tenant) {
            let row = values((self.row)(tenant, n));
            contents.add(engine, &row);
            digest.add(row_hash::<E>(&row));
        }
        (contents, digest)
    }
}
