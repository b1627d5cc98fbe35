//! A data set: its tenants, and how many rows there are of what.

use std::{collections::BTreeMap, sync::Arc};

use entity::sample_id::MAX_ORDINAL;
use migration::{Error, Result};

use crate::{
    spec::{EDGE_TENANTS, Preset, Spec},
    tenant::{Counts, Tenant},
};

/// The rows that a [`Spec`] describes. Nothing is kept: each row is made when it is asked for.
#[derive(Clone, Debug)]
pub struct DataSet {
    spec: Arc<Spec>,
    only: Option<u32>,
}

impl From<Spec> for DataSet {
    fn from(spec: Spec) -> Self {
        Self { spec: Arc::new(spec), only: None }
    }
}

impl From<Preset> for DataSet {
    fn from(preset: Preset) -> Self {
        Spec::preset(preset).into()
    }
}

impl DataSet {
    /// What is described.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
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
    pub fn tenant(&self, ordinal: u32) -> Tenant {
        Tenant::of(&self.spec, ordinal)
    }

    /// All tenants in turn.
    pub fn tenants(&self) -> impl Iterator<Item = Tenant> + use<'_> {
        let of = |ordinal: &u32| self.only.is_none_or(|only| only == *ordinal);
        self.spec.ordinals().filter(of).map(|ordinal| self.tenant(ordinal))
    }

    /// Looks whether all rows can have numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if a tenant would have more rows in a table than ids have numbers for, or there
    /// are too many tenants.
    pub fn check(&self) -> Result<()> {
        if self.spec.tenants >= EDGE_TENANTS.start {
            return Err(Error::Unusable(format!("{} tenants are too many", self.spec.tenants)));
        }
        for tenant in self.tenants() {
            let too_many = tenant.rows().into_iter().find(|(_, rows)| *rows > MAX_ORDINAL);
            if let Some((table, rows)) = too_many {
                return Err(Error::Unusable(format!(
                    "tenant {} would have {rows} rows in {table}: {MAX_ORDINAL} is the most that ids have \
                     numbers for",
                    tenant.ordinal
                )));
            }
        }
        Ok(())
    }

    /// How many rows each table gets.
    #[must_use]
    pub fn planned(&self) -> BTreeMap<&'static str, u64> {
        let mut planned = BTreeMap::new();
        for tenant in self.tenants() {
            for (table, rows) in tenant.rows() {
                *planned.entry(table).or_default() += u64::from(rows);
            }
        }
        planned
    }
}

impl Tenant {
    /// How many rows it brings into each table, in foreign-key order.
    #[must_use]
    pub fn rows(&self) -> [(&'static str, u32); 13] {
        let Counts {
            users,
            team_members,
            companies,
            payments,
            domains,
            company_settings,
            email_accounts,
            leads,
            campaigns,
            templates,
            inbox_messages,
            email_services,
        } = self.counts;
        [
            ("tenants", 1),
            ("users", users),
            ("team_members", team_members),
            ("companies", companies),
            ("payments", payments),
            ("domains", domains),
            ("company_settings", company_settings),
            ("email_accounts", email_accounts),
            ("leads", leads),
            ("campaigns", campaigns),
            ("templates", templates),
            ("inbox_messages", inbox_messages),
            ("email_services", email_services),
        ]
    }

    /// How many rows it brings altogether.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows().into_iter().map(|(_, rows)| u64::from(rows)).sum()
    }
}
