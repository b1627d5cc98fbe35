//! Many sample rows, taken away some tenants at a time.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use tenantry_entity::{Engine, sample_id::SampleId};
use tenantry_migration::{
    Error, Result,
    db::finish,
    refusal::Refusal,
    runner::{Destructive, SeedingStage, Sum},
    schema::Schema,
};

use super::{Deleted, delete, dependents::check_dependents, lock_out_writers, report};
use crate::{Options, Report, loader::UNIT, seeder::Bound, set::DataSet};

/// What is in each tenant's rows, by table.
type Sums = BTreeMap<&'static str, BTreeMap<Option<SampleId>, Sum>>;

/// What is to be removed, which is permitted.
pub(super) struct Work {
    pub set: DataSet,
    pub schema: Schema,
    pub batches: Vec<Vec<SampleId>>,
    pub permit: Destructive,
    pub seen: Seen,
}

/// What was looked at, to see whether it is still the same.
pub(super) enum Seen {
    /// On a server: what was in the rows.
    Rows(Sums),
    /// In an SQLite file: a number that changes when another process has written to it. See
    /// <https://www.sqlite.org/pragma.html#pragma_data_version>.
    File(i64),
}

/// Deletes some tenants a transaction, and then what is left.
pub(super) async fn in_batches(
    begin: impl AsyncFn() -> Result<DatabaseTransaction>,
    on: &Bound,
    options: &Options,
    work: &Work,
) -> Result<Report> {
    let mut deleted = Deleted::new();
    // At the end, what belongs to no tenant.
    let batches = work.batches.iter().map(|tenants| Some(tenants.as_slice()));
    for tenants in batches.chain([None]) {
        if options.stop.is_asked_for() {
            return Ok(report(on, &deleted, false));
        }
        let batch = async {
            let tx = begin().await?;
            let outcome = one_batch(&tx, on, work, tenants).await;
            finish(tx, outcome).await
        };
        let gone = match batch.await {
            Ok(gone) => gone,
            Err(error) => {
                let rows: u64 = deleted.values().sum();
                if rows > 0 {
                    tracing::warn!(
                        "{rows} sample rows are gone; another time it goes on from there"
                    );
                }
                return Err(error);
            }
        };
        for (table, rows) in gone {
            options.progress.add(table, rows);
            *deleted.entry(table).or_default() += rows;
        }
    }
    Ok(report(on, &deleted, true))
}

/// Deletes what these tenants have, and them; or what is left.
async fn one_batch<C: ConnectionTrait>(
    tx: &C,
    on: &Bound,
    work: &Work,
    tenants: Option<&[SampleId]>,
) -> Result<Deleted> {
    let Work { schema, permit, seen, .. } = work;
    lock_out_writers(tx, on).await?;
    if on.journal.seeding(tx).await?.is_none_or(|it| it.stage != SeedingStage::Leaving) {
        return Err(Error::busy(
            "samples-changed-meanwhile",
            "another process has removed sample rows meanwhile, or seeded; what is there stays",
        ));
    }
    seen.check(tx, on, schema, tenants).await?;
    check_dependents(tx, on, tenants, true).await?;
    let deleted = delete(tx, on, schema, tenants, permit).await?;
    if tenants.is_none() {
        on.journal.note_cleaned(tx).await?;
    }
    Ok(deleted)
}

impl Seen {
    /// Looks at it.
    pub(super) async fn of<C: ConnectionTrait>(
        tx: &C,
        on: &Bound,
        schema: &Schema,
    ) -> Result<Self> {
        if on.engine == Engine::Sqlite {
            return Ok(Self::File(data_version(tx).await?));
        }
        Ok(Self::Rows(sums(tx, on, schema, None).await?))
    }

    /// Refuses where the rows of these tenants were edited since, or with any that is left.
    async fn check<C: ConnectionTrait>(
        &self,
        tx: &C,
        on: &Bound,
        schema: &Schema,
        tenants: Option<&[SampleId]>,
    ) -> Result<()> {
        let is_same = match self {
            Self::File(version) => data_version(tx).await? == *version,
            Self::Rows(seen) => {
                let now = sums(tx, on, schema, tenants).await?;
                now.iter().all(|(table, now)| {
                    let seen = |tenant| seen.get(table).and_then(|seen| seen.get(tenant));
                    now.iter().all(|(tenant, sum)| seen(tenant) == Some(sum))
                })
            }
        };
        if is_same {
            return Ok(());
        }
        Err(Refusal::plain(
            "samples-changed-meanwhile",
            "refused, because rows were edited while others were removed; nothing else was \
             changed, and `seeder clean` looks again at what is left",
        )
        .into())
    }
}

async fn data_version<C: ConnectionTrait>(tx: &C) -> Result<i64> {
    let stmt = Statement::from_string(Engine::Sqlite.backend(), "PRAGMA data_version");
    let row = tx.query_one_raw(stmt).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default())
}

/// What is in the sample rows of these tenants, or in all that there are.
async fn sums<C: ConnectionTrait>(
    tx: &C,
    on: &Bound,
    schema: &Schema,
    tenants: Option<&[SampleId]>,
) -> Result<Sums> {
    let mut sums = Sums::new();
    for def in on.tables() {
        let is_meant = tenants.is_none() || !def.is_shared();
        if let Some(table) = schema.tables.get(def.name).filter(|_| is_meant) {
            // Also over what was added to it.
            let columns: Vec<&str> = table.columns.iter().map(|it| it.name.as_str()).collect();
            sums.insert(def.name, on.journal.sums_by_tenant(tx, table, &columns, tenants).await?);
        }
    }
    Ok(sums)
}

/// Whether the data set has more rows than belong into one transaction.
pub(super) fn is_many(set: &DataSet) -> bool {
    set.planned().values().sum::<u64>() > UNIT
}

/// How many rows of each table there should be, with these tenants.
pub(super) fn left(set: &DataSet, tenants: &[SampleId]) -> BTreeMap<&'static str, u64> {
    let tenants: BTreeSet<&SampleId> = tenants.iter().collect();
    let mut left = BTreeMap::new();
    for tenant in set.tenants() {
        let is_there = tenants.contains(&tenant.key());
        for (info, rows) in tenant.counts() {
            if is_there || info.is_shared() {
                *left.entry(info.name).or_default() += u64::from(rows);
            }
        }
    }
    left
}

/// These tenants in runs with about as many rows as belong into one transaction.
pub(super) fn batches(set: &DataSet, tenants: Vec<SampleId>) -> Vec<Vec<SampleId>> {
    let sizes: BTreeMap<SampleId, u64> = set.tenants().map(|it| (it.key(), it.total())).collect();
    let (mut batches, mut rows) = (Vec::<Vec<SampleId>>::new(), UNIT);
    for tenant in tenants {
        match batches.last_mut() {
            Some(batch) if rows < UNIT => batch.push(tenant),
            _ => {
                rows = 0;
                batches.push(vec![tenant]);
            }
        }
        rows += sizes.get(&tenant).copied().unwrap_or_default().max(1);
    }
    batches
}
