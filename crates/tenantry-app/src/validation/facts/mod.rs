//! What the rules need to know, gathered in a fixed number of queries.

mod attack;
mod rows;

use std::collections::BTreeMap;

use attack::{Untried, attack, is_incomplete};
pub(super) use rows::{Duplicates, Orphans};
use rows::{duplicates, orphans, samples};
use sea_orm::DatabaseTransaction;
use tenantry_migration::{
    cluster::{self, Health},
    db::{Database, begin_read},
    drift::{Accepted, Drift, OBJECTS_NOT_COMPARED, drift, inexact},
    error::{Error, Result},
    isolation::{self, Matrix},
};

use super::ValidateOptions;
use crate::Application;

/// What is known of the database.
pub(super) struct Facts {
    /// How the live schema differs from what the entities describe.
    pub drift: Drift,
    /// Where tables are missing, the migrations that are not applied, and the tables that they make.
    pub pending: (Vec<String>, Vec<String>),
    /// Rows whose parent does not exist.
    pub orphans: Vec<Orphans>,
    /// Rows that are equal where the engine keeps no unique that should be there.
    pub duplicates: Vec<Duplicates>,
    /// Sample rows by table, `(present, planned)`; empty when there are none at all.
    pub samples: BTreeMap<&'static str, (u64, u64)>,
    /// Sample rows that are not as they were made, as far as that was looked at.
    pub altered: Vec<tenantry_seeder::Difference>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
    /// Where rows are, on an engine with several nodes.
    pub health: Health,
    /// What came of attacking one tenant as another; `None` where that could not be tried.
    pub isolation: Option<Matrix>,
    /// Why nothing was attacked, where no other finding tells.
    pub untried: Option<String>,
    /// The differences that were accepted.
    pub accepted: Accepted,
}

/// Reads everything from one snapshot, where the engine has such transactions, so that a change by another
/// session during the validation is no finding.
pub(super) async fn gather(
    application: Application,
    db: &Database,
    options: &ValidateOptions,
) -> Result<Facts> {
    let tx = begin_read(&db.connection, db.engine).await?;
    let facts = gather_in(application, &tx, db, options).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    let mut facts = facts?;
    if facts.health.no_rows.is_some() {
        return Ok(facts);
    }
    let capability = db.engine.capability();
    if application.project().tenancy.is_none() {
        // There are no tenants to keep apart.
    } else if capability.row_level_security {
        match attack(db, &facts.drift).await {
            Ok((matrix, without)) => {
                facts.isolation = Some(matrix);
                if !without.is_empty() {
                    facts.notes.push(format!(
                        "isolation was attacked with two tenants that exist, and not on tables \
                         where one of them has no row: {}",
                        without.join(", ")
                    ));
                }
            }
            Err(Untried::Noted(why)) => {
                facts.notes.push(format!("isolation was not attacked: {why}"));
            }
            Err(Untried::Found(why)) => facts.untried = Some(why),
        }
    } else if !capability.isolates_tenants {
        facts.notes.push(format!(
            "isolation was not attacked: on {} only the application keeps tenants apart",
            db.engine
        ));
    } else if !is_incomplete(&facts.drift) {
        facts.notes.push(format!(
            "{} keeps tenants apart itself: only reads of rows that exist were tried, since two \
             tenants cannot be made up and taken back there",
            db.engine
        ));
        match isolation::look_across(db, &facts.drift.entities).await? {
            Some(matrix) => facts.isolation = Some(matrix),
            None => facts.notes.push(
                "isolation was not attacked: at least two tenants with rows are needed, and there are \
                 fewer"
                    .to_owned(),
            ),
        }
    }
    Ok(facts)
}

async fn gather_in(
    application: Application,
    tx: &DatabaseTransaction,
    db: &Database,
    options: &ValidateOptions,
) -> Result<Facts> {
    let engine = db.engine;
    let accepted = Accepted::compiled_in(application.project())?;
    let drift = drift(application.project(), tx, engine, &db.application_role, &accepted).await?;
    let pending = if drift.changes.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        application.project().bare_runner(tx)?.on(engine).pending_tables().await?
    };
    let mut notes = Vec::new();
    if !drift.exact {
        notes.push(inexact(engine));
    }
    if !drift.objects_compared {
        notes.push(OBJECTS_NOT_COMPARED.to_owned());
    }
    let left_out = drift.entities.left_out(engine);
    notes.extend(left_out.sentences(engine));
    let health = cluster::health(tx, engine, &drift.tenancy, &drift.live).await?;
    if let Some(why) = health.no_rows {
        notes.push(format!("rows were not looked at, and isolation was not attacked: {why}"));
        return Ok(Facts {
            drift,
            pending,
            health,
            notes,
            orphans: Vec::new(),
            duplicates: Vec::new(),
            samples: BTreeMap::new(),
            altered: Vec::new(),
            isolation: None,
            untried: None,
            accepted,
        });
    }
    let (orphans, skipped) =
        orphans(tx, engine, &drift.live, &drift.entities, &left_out, options.deep).await?;
    let duplicates = duplicates(tx, engine, &drift.live, &left_out).await?;
    if engine.capability().isolates_tenants && !options.deep {
        notes.push(format!("foreign keys that {engine} enforces were not checked; --deep does"));
    } else if !skipped.is_empty() {
        notes.push(format!(
            "large tables were not scanned for orphans: {}; --deep does",
            skipped.join(", ")
        ));
    }
    let seeder = application.seeder();
    let samples = samples(seeder, tx, engine, &drift.live).await?;
    let mut altered = Vec::new();
    let deep = options.deep && !samples.is_empty() && !is_incomplete(&drift);
    if let Some(seeder) = seeder.filter(|_| deep) {
        match seeder.verify_in(tx, engine, None).await {
            Ok(verification) => altered = verification.differences,
            // Migrations are pending, say.
            Err(Error::Unusable(why)) => {
                notes.push(format!("sample rows were not verified: {why}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Facts {
        drift,
        pending,
        orphans,
        duplicates,
        samples,
        altered,
        health,
        notes,
        isolation: None,
        untried: None,
        accepted,
    })
}
