//! The seeder of an application.

use sea_orm::DatabaseConnection;
use tenantry_entity::{Engine, TableDef, Tenancy, sample_id::SampleText};
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
    /// Fails with one sentence unless there is a factory for each entity with a code, in the same order.
    ///
    /// # Errors
    ///
    /// [`Error::Config`].
    pub fn check(&self) -> Result<()> {
        let mut tables = (self.project.tables)();
        tables.retain(|def| def.code.is_some());
        let made = self.samples.tables();
        let wrong = |what: String| Err(Error::config("factories-incomplete", what));
        if self.samples.tenancy() != self.project.names() {
            return wrong(
                "the sample rows have another tenancy than the project: write it as `const TENANCY` of \
                 `Samples`, or NO_TENANCY"
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
                "there is a factory for {}, which is not in the list of entities, or has no code there: write \
                 it as `{} => …`, or remove the factory",
                info.name, info.code
            ));
        }
        self.check_ids()?;
        match tables.iter().zip(made).find(|(def, info)| def.name != info.name) {
            Some((def, info)) => wrong(format!(
                "the factories are in another order than the entities: {} is where {} should be",
                info.name, def.name
            )),
            None if made.len() > tables.len() => {
                wrong("a table has two factories: remove one".to_owned())
            }
            None => match tables.iter().zip(made).find(|(def, info)| def.code != Some(info.code)) {
                Some((def, info)) => wrong(format!(
                    "the code of {} is {} in its factory, and another one in the list of entities",
                    def.name, info.code
                )),
                None => Ok(()),
            },
        }
    }

    /// What is made where nothing is said.
    #[must_use]
    pub fn usual(&self) -> Spec {
        let sizes = self.samples.sizes();
        let usual = sizes.iter().find(|size| size.is_usual).or(sizes.first());
        usual.map_or_else(Spec::default, |size| Spec::sized(*size))
    }

    /// The size of that name.
    #[must_use]
    pub fn sized(&self, name: &str) -> Option<Spec> {
        let mut sizes = self.samples.sizes().iter();
        sizes.find(|size| size.name == name).map(|size| Spec::sized(*size))
    }

    /// Fails unless the sample rows of each table can be told from real ones.
    fn check_ids(&self) -> Result<()> {
        let mut made = self.samples.tables().iter();
        let wrong = |table: &str, why: String| {
            let what = format!("sample rows of {table} could not be told from real ones: {why}");
            Err(Error::config("sample-id-type", what))
        };
        if let Some(info) = made.clone().find(|info| info.id_columns().len() == 0) {
            return wrong(
                info.name,
                format!(
                    "its `id`, or the columns of its primary key, have to be uuid, `bigint`, `integer`, or a text \
                     with room for {} characters",
                    SampleText::LENGTH
                ),
            );
        }
        if made.clone().all(TableInfo::is_told_by_id) {
            return Ok(());
        }
        let schema = self.project.schema()?;
        let journal = self.project.samples(Engine::Postgres);
        let is_told = |info: &&TableInfo| {
            schema.tables.get(info.name).is_none_or(|table| journal.rows(table) != "false")
        };
        match made.find(|info| !is_told(info)) {
            Some(info) => wrong(
                info.name,
                "no column of its primary key is its own id, or refers to the id of a table with sample rows"
                    .to_owned(),
            ),
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
