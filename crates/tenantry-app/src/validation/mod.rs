//! Is the database what the entities say?
//!
//! # Adding a rule
//!
//! 1. What the rule needs to know of the database goes into `facts::Facts`, in a query over all
//!    tables, not one a table.
//! 2. The rule is a file under `rules/` with one function from the facts to findings, pure and
//!    without a query of its own. Each finding has a code in kebab case that stays as it is, says
//!    what is wrong in plain words, and what to do.
//! 3. List the function in `rules::ALL`.
//! 4. A test does the damage and expects exactly the finding.

mod facts;
mod rules;

use serde::Serialize;
use tenantry_migration::{
    db::Database, error::Result, isolation::Matrix, reach::Reached, report::Finding,
};

use crate::Application;

/// How [`Application::validate`] should go about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ValidateOptions {
    /// Look for orphans in large tables too, whose scan takes time.
    pub deep: bool,
}

/// What [`Application::validate`] found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Validation {
    /// What is not as it should be, ordered by table and code; goes into the envelope.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// How many tables the entities describe.
    pub tables: usize,
    /// Tables that no entity describes: listed, not judged.
    pub unknown_tables: Vec<String>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
    /// What came of attacking one tenant as another; `None` where that could not be tried.
    pub isolation: Option<Matrix>,
    /// What the application role and its logins can reach, and why it is safe or not.
    pub reach: Vec<Reached>,
}

impl Validation {
    /// The findings, and the rest of the report.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<Finding>, Self) {
        (std::mem::take(&mut self.findings), self)
    }
}

impl Application {
    /// Compares the live database with the entities: tables, columns, keys, uniques, indexes, checks,
    /// orphaned rows, whether the sample rows are all there, and whether one tenant is safe from another.
    /// Changes nothing.
    ///
    /// # Errors
    ///
    /// If the entities make no schema or a query fails. What is wrong with the database is no error
    /// but a finding.
    pub async fn validate(&self, db: &Database, options: &ValidateOptions) -> Result<Validation> {
        let gather = async || facts::gather(*self, db, options).await;
        let facts = db.patience.reading(gather).await?;
        let findings = rules::ALL.iter().flat_map(|rule| rule(&facts));
        let mut findings: Vec<Finding> = findings.collect();
        findings
            .sort_by(|a, b| (&a.table, a.code, &a.message).cmp(&(&b.table, b.code, &b.message)));
        Ok(Validation {
            findings,
            tables: facts.drift.entities.tables.len(),
            unknown_tables: facts.drift.unknown_tables,
            notes: facts.notes,
            isolation: facts.isolation,
            reach: facts.drift.reached,
        })
    }
}
