//! The seeder of an application.

use sea_orm::DatabaseConnection;
use tenantry_entity::{Engine, TableDef, Tenancy};
use tenantry_migration::{Error, Project, Result, runner::Samples as Journal};

use crate::{
    options::Options,
    samples::{SampleSet, TableInfo},
    set::DataSet,
    spec::Spec,
};

/// An application's tables and its sample rows, for everything that the seeder does.
#[derive(Clone, Copy, Debug)]
pub struct Seeder {
    /// The entities and migrations.
    pub project: &'static Project,
    /// The factories.
    pub samples: &'static dyn SampleSet,
}

impl Seeder {
    /// Fails with one sentence unless there is a factory for each entity, in the same order.
    ///
    /// # Errors
    ///
    /// [`Error::Config`].
    pub fn check(&self) -> Result<()> {
        let tables = (self.project.tables)();
        let made = self.samples.tables();
        let wrong = |what: String| Err(Error::config("factories-incomplete", what));
        let tenancy = self.project.tenants()?;
        if self.samples.tenancy() != tenancy {
            return wrong(
                "the sample rows have another tenancy than the project: write it as `const TENANCY` of \
                 `Samples`"
                    .to_owned(),
            );
        }
        if let Some(def) = tables.iter().find(|def| !made.iter().any(|it| it.name == def.name)) {
            return wrong(format!(
                "the entity of {} has no factory: add it to the tables of the sample rows",
                def.name
            ));
        }
        if let Some(info) = made.iter().find(|it| !tables.iter().any(|def| def.name == it.name)) {
            return wrong(format!(
                "there is a factory for {}, which is not in the list of entities: add it there, or \
                 remove the factory",
                info.name
            ));
        }
        if let Some(info) = made.iter().find(|info| !info.has_id()) {
            return wrong(format!(
                "{} has no column `id`, by which sample rows are told from real ones",
                info.name
            ));
        }
        if let Some(info) = made.iter().find(|info| info.kind().is_none()) {
            return Err(Error::config(
                "sample-id-type",
                format!(
                    "the column `id` of {} is neither a uuid nor a `bigint`, by which sample rows are told from \
                     real ones",
                    info.name
                ),
            ));
        }
        match tables.iter().zip(made).find(|(def, info)| def.name != info.name) {
            Some((def, info)) => wrong(format!(
                "the factories are in another order than the entities: {} is where {} should be",
                info.name, def.name
            )),
            None if made.len() > tables.len() => {
                wrong("a table has two factories: remove one".to_owned())
            }
            None => Ok(()),
        }
    }

    /// The seeder on an engine.
    pub(crate) fn on(&self, engine: Engine) -> Bound {
        Bound { seeder: *self, engine, journal: self.project.samples(engine) }
    }

    /// The seeder on the engine that options mean.
    pub(crate) async fn bound(&self, db: &DatabaseConnection, options: &Options) -> Result<Bound> {
        self.check()?;
        Ok(self.on(options.engine_of(db).await?))
    }
}

/// A seeder on one engine.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub seeder: Seeder,
    pub engine: Engine,
    /// What the journal has about sample rows, and how to tell them from real ones.
    pub journal: Journal,
}

impl Bound {
    /// The tables with their factories, in foreign-key order.
    pub(crate) fn tables(&self) -> &'static [TableInfo] {
        self.seeder.samples.tables()
    }

    /// How tenants are told apart.
    pub(crate) fn names(&self) -> Tenancy {
        self.seeder.project.names()
    }

    /// What a spec describes.
    pub(crate) fn set(&self, spec: Spec) -> DataSet {
        DataSet::new(self.seeder.samples, spec)
    }

    /// The entities, in foreign-key order.
    pub(crate) fn entities(&self) -> Vec<TableDef> {
        (self.seeder.project.tables)()
    }
}
