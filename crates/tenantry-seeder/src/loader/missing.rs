//! Which of the rows of a data set are not there yet.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;
use tenantry_migration::Result;

use super::{
    loading::{Task, UNIT},
    probe::{self, Presence, Rest},
};
use crate::{samples::SampleTenant, set::DataSet};

/// What is missing of a data set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    /// The ordinals of tenants that lack rows in shared tables.
    pub(super) shared: Vec<u32>,
    /// Of all tenants, what is to be done about them, in runs: the first ordinals, and how many follow.
    pub(super) tasks: Vec<(Task, Vec<u32>)>,
}

impl Missing {
    /// Looks for what is missing.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub(crate) async fn of<C: ConnectionTrait>(db: &C, set: &DataSet) -> Result<Self> {
        let mut missing = Self::default();
        let mut size = 0;
        let ordinals: Vec<u32> = set.spec().ordinals().collect();
        for page in ordinals.chunks(probe::PAGE) {
            let tenants: Vec<SampleTenant> =
                page.iter().map(|ordinal| set.tenant(*ordinal)).collect();
            let presence = probe::presence(db, set.tables(), &tenants).await?;
            for (tenant, Presence { shared, rest }) in tenants.iter().zip(presence) {
                if !shared {
                    missing.shared.push(tenant.ordinal);
                }
                let task = match rest {
                    Rest::Absent => Task::Load,
                    Rest::Partial => Task::Complete,
                    Rest::Whole => Task::Sum,
                };
                match missing.tasks.last_mut() {
                    Some((last, run)) if *last == task && size < UNIT => run.push(tenant.ordinal),
                    _ => {
                        size = 0;
                        missing.tasks.push((task, vec![tenant.ordinal]));
                    }
                }
                size += tenant.total();
            }
        }
        Ok(missing)
    }

    /// Whether nothing is missing.
    pub(crate) fn is_none(&self) -> bool {
        self.shared.is_empty() && self.tasks.iter().all(|(task, _)| *task == Task::Sum)
    }

    /// How many rows of each table there are to be made.
    pub(crate) fn planned(&self, set: &DataSet) -> BTreeMap<&'static str, u64> {
        let mut planned = BTreeMap::new();
        let mut add = |ordinals: &[u32], are_shared: bool| {
            for ordinal in ordinals {
                let tenant = set.tenant(*ordinal);
                for (info, rows) in tenant.counts() {
                    if are_shared == info.is_shared() {
                        *planned.entry(info.name).or_default() += u64::from(rows);
                    }
                }
            }
        };
        add(&self.shared, true);
        for (_, ordinals) in self.tasks.iter().filter(|(task, _)| *task != Task::Sum) {
            add(ordinals, false);
        }
        planned
    }

    /// How many rows there are to be made.
    pub(crate) fn rows(&self, set: &DataSet) -> u64 {
        self.planned(set).values().sum()
    }
}
