//! Whether the sample rows are what the factories make.

use std::collections::HashMap;

use entity::{
    prelude::*,
    sample_id::{is_sample, table_code},
};
use migration::{Result, db::begin_read, runner::sample_ids};
use sea_orm::{Condition, ConnectionTrait, DatabaseTransaction, QuerySelect as _, sea_query::Expr};
use serde::Serialize;

use crate::{
    Options,
    digest::{Digest, row_hash},
    factory,
    plan::{self, TenantPlan},
    ready,
};

/// Rows read at a time.
const PAGE: u64 = 2_000;

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
    /// The tenant's name; `None` for what belongs to no tenant.
    pub tenant: Option<&'static str>,
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
        if let Some(tenant) = self.tenant {
            write!(f, " of {tenant}")?;
        }
        let Self { missing, changed, unknown, .. } = self;
        write!(f, ": {missing} missing, {changed} changed, {unknown} not of this data set")
    }
}

/// The hash of each row, by its id.
type Hashes = HashMap<Uuid, u128>;

/// Compares the sample rows with what the factories make. Changes nothing, and reads one page at a
/// time, from one snapshot where the engine has such a thing.
///
/// # Errors
///
/// If a migration is pending or a query fails. That rows differ is no error: the result says so.
pub async fn verify(db: &DatabaseConnection, options: &Options) -> Result<Verification> {
    let engine = options.engine_of(db).await?;
    let tx = begin_read(db, engine).await?;
    let verified = verify_in(&tx, engine).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    verified
}

/// The same inside of a transaction of the caller's.
///
/// # Errors
///
/// As [`verify`].
pub async fn verify_in(tx: &DatabaseTransaction, engine: Engine) -> Result<Verification> {
    ready(tx, engine).await?;
    let tenants = plan::demo();
    let mut verification = Verification::default();
    let rows: Vec<_> = tenants.iter().map(factory::tenant::row).collect();
    shared::<Tenant, _>(tx, engine, tenant::Column::Id, rows, &mut verification).await?;
    let rows: Vec<_> = (0..plan::users(&tenants)).map(factory::user::row).collect();
    shared::<User, _>(tx, engine, user::Column::Id, rows, &mut verification).await?;
    macro_rules! scoped {
        ($($entity:ident, $factory:ident, $count:ident;)*) => {$(
            let row = factory::$factory::row;
            scoped::<$entity, _>(tx, &tenants, row, |it| it.counts.$count, &mut verification).await?;
        )*};
    }
    factory::for_each_scoped!(scoped);
    Ok(verification)
}

/// What belongs to no tenant.
async fn shared<E, C>(
    db: &C,
    engine: Engine,
    id: E::Column,
    rows: Vec<E::ActiveModel>,
    verification: &mut Verification,
) -> Result<()>
where
    E: Table,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
    C: ConnectionTrait,
{
    let table = E::default();
    let samples = Expr::cust(sample_ids(engine, "id", table.table_name()));
    let found = found::<E, C>(db, id, Condition::all().add(samples)).await?;
    verification.add::<E>(None, id, rows.into_iter(), &found);
    Ok(())
}

/// What belongs to tenants, tenant by tenant.
async fn scoped<E, C>(
    db: &C,
    tenants: &[TenantPlan],
    row: fn(&TenantPlan, u32) -> E::ActiveModel,
    count: fn(&TenantPlan) -> u32,
    verification: &mut Verification,
) -> Result<()>
where
    E: TenantScoped,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
    C: ConnectionTrait,
{
    for plan in tenants {
        let own = E::tenant_column().eq(factory::tenant::id(plan));
        let found = found::<E, C>(db, E::id_column(), Condition::all().add(own)).await?;
        let rows = (0..count(plan)).map(|n| row(plan, n));
        verification.add::<E>(Some(plan.name), E::id_column(), rows, &found);
    }
    Ok(())
}

/// The sample rows that are there.
async fn found<E, C>(db: &C, id: E::Column, condition: Condition) -> Result<Hashes>
where
    E: Table,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
    C: ConnectionTrait,
{
    let code = table_code(E::default().table_name());
    let (mut hashes, mut last) = (Hashes::new(), None);
    loop {
        #[allow(clippy::disallowed_methods, reason = "it looks at the rows of all tenants")]
        let mut page = E::find().filter(condition.clone()).order_by_asc(id).limit(PAGE);
        if let Some(last) = last {
            page = page.filter(id.gt::<Uuid>(last));
        }
        let rows = page.all(db).await?;
        let is_last = (rows.len() as u64) < PAGE;
        for row in rows {
            let row = row.into_active_model();
            let Some(own) = id_of(&row, id) else { continue };
            last = Some(own);
            // The rest of a tenant's rows are somebody's.
            if is_sample(own) && code.is_some() {
                hashes.insert(own, row_hash(&row));
            }
        }
        if is_last {
            return Ok(hashes);
        }
    }
}

fn id_of<A: ActiveModelTrait>(row: &A, id: <A::Entity as EntityTrait>::Column) -> Option<Uuid> {
    match row.get(id).into_value() {
        Some(sea_orm::Value::Uuid(id)) => id,
        _ => None,
    }
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

    fn add<E: Table>(
        &mut self,
        tenant: Option<&'static str>,
        id: E::Column,
        rows: impl Iterator<Item = E::ActiveModel>,
        found: &Hashes,
    ) {
        let name = E::default().table_name();
        let (mut expected, mut digest) = (Digest::default(), Digest::default());
        let (mut missing, mut changed, mut known) = (0, 0, 0);
        for row in rows {
            let hash = row_hash(&row);
            expected.add(hash);
            match id_of(&row, id).and_then(|id| found.get(&id)) {
                None => missing += 1,
                Some(there) => {
                    known += 1;
                    changed += u64::from(*there != hash);
                }
            }
        }
        for hash in found.values() {
            digest.add(*hash);
        }
        let unknown = digest.rows - known;
        if missing + changed + unknown > 0 {
            self.differences.push(Difference { table: name, tenant, missing, changed, unknown });
        }
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
