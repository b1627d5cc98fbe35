//! A data set: its tenants, and how many rows there are of what.

use std::{collections::BTreeMap, sync::Arc};

use tenantry_entity::sample_id::{IdKind, MAX_ROW, MAX_TENANT};
use tenantry_migration::{Error, Result};

use crate::{
    samples::{SampleSet, SampleTenant, TableInfo},
    spec::Spec,
};

/// The rows that a [`Spec`] describes. Nothing is kept: each row is made when it is asked for.
#[derive(Clone, Debug)]
pub struct DataSet {
    samples: &'static dyn SampleSet,
    spec: Arc<Spec>,
    only: Option<u32>,
}

impl DataSet {
    /// What a spec describes, of an application's sample rows.
    #[must_use]
    pub fn new(samples: &'static dyn SampleSet, spec: impl Into<Spec>) -> Self {
        Self { samples, spec: Arc::new(spec.into()), only: None }
    }

    /// What is described.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its tables, in foreign-key order.
    #[must_use]
    pub fn tables(&self) -> &'static [TableInfo] {
        self.samples.tables()
    }

    /// With the rows of one tenant only.
    #[must_use]
    pub fn only(mut self, ordinal: u32) -> Self {
        self.only = Some(ordinal);
        self
    }

    /// Which tenant's rows it has only.
    pub(crate) fn is_only(&self) -> Option<u32> {
        self.only
    }

    /// One tenant, by its number from 1. It is the same however many there are.
    #[must_use]
    pub fn tenant(&self, ordinal: u32) -> SampleTenant {
        self.samples.tenant(&self.spec, ordinal)
    }

    /// All tenants in turn.
    pub fn tenants(&self) -> impl Iterator<Item = SampleTenant> + use<'_> {
        let of = |ordinal: &u32| self.only.is_none_or(|only| only == *ordinal);
        self.spec.ordinals().filter(of).map(|ordinal| self.tenant(ordinal))
    }

    /// Checks that the set names tables that there are, and that all rows can have numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if a factor is for an unknown table, a tenant would have more rows in a
    /// table than ids have numbers for, or there are too many tenants.
    pub fn check(&self) -> Result<()> {
        let unknown = self.spec.factors.keys().find(|table| !self.has(table));
        if let Some(table) = unknown {
            return Err(Error::unusable("no-such-table", format!("there is no table {table:?}")));
        }
        // Rows that are told by what they refer to have no numbers of their own.
        let most = |info: &TableInfo| info.kind().map_or((MAX_TENANT, MAX_ROW), IdKind::most);
        let limits: Vec<_> = self.tables().iter().map(|info| (info, most(info))).collect();
        let fewest = limits.iter().min_by_key(|(_, (tenants, _))| *tenants);
        if let Some((info, (most, _))) = fewest.filter(|(_, (most, _))| self.spec.tenants > *most) {
            return Err(Error::unusable(
                "too-many-rows",
                format!(
                    "{} tenants are too many: ids of {} have numbers for {most}",
                    self.spec.tenants, info.name
                ),
            ));
        }
        for tenant in self.tenants() {
            let mut counts = tenant.counts().zip(&limits);
            let too_many = counts.find(|((_, rows), (_, (_, most)))| rows > most);
            if let Some(((TableInfo { name, .. }, rows), (_, (_, most)))) = too_many {
                return Err(Error::unusable(
                    "too-many-rows",
                    format!(
                        "tenant {} would have {rows} rows in {name}: {most} is the most that ids have \
                         numbers for",
                        tenant.ordinal
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Whether there is a table of this name.
    pub(crate) fn has(&self, table: &str) -> bool {
        self.tables().iter().any(|info| info.name == table)
    }

    /// How many rows each table gets.
    #[must_use]
    pub fn planned(&self) -> BTreeMap<&'static str, u64> {
        let mut planned = BTreeMap::new();
        for tenant in self.tenants() {
            for (info, rows) in tenant.counts() {
                *planned.entry(info.name).or_default() += u64::from(rows);
            }
        }
        planned
    }
}
