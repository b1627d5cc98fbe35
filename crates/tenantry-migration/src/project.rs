//! What an application gives to the engine: its entities, its migrations, and their names.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ConnectionTrait;
use sea_orm_migration::{IntoSchemaManagerConnection, MigrationTrait};
use tenantry_entity::{
    Currency, Engine, IdType, Scope, ensure_current,
    sample_id::SampleCodes,
    tenancy::{NO_TENANCY, SEAL_KEYS, TableDef, Tenancy},
};

use crate::{
    config,
    db::Database,
    error::{Error, ModelError, Result, explain},
    runner::{Runner, Samples, journal_beside},
    schema::{Schema, objects, tenancy},
    sql::parts,
};

/// An application's entities and migrations. One value, which every command and function of the
/// engine gets, so that nothing in the engine depends on the application.
///
/// Making one costs nothing: entities and migrations are functions, called when they are needed.
#[derive(Clone, Copy, Debug)]
pub struct Project {
    /// The application's name: of the SQLite file that is used where nothing is configured
    /// (`<name>.db`), in `pg_stat_activity`, and in the journal.
    pub name: &'static str,
    /// The application's version, for the journal.
    pub version: &'static str,
    /// Every entity; one with sample rows after all that it refers to.
    pub tables: fn() -> Vec<TableDef>,
    /// The schema of the database that commands work in: where tables are whose entities name none by `schema_name`,
    /// and where migrations are recorded. `None` leaves it to the connection and to `--database-schema`.
    pub schema_name: Option<&'static str>,
    /// How tenants are told apart; `None` for a schema without tenants: no policies, no application role, nothing
    /// to attack, and any keys.
    pub tenancy: Option<Tenancy>,
    /// The engines that the migrations are for. What one of these lacks, `generate` refuses; on others, nothing is
    /// done.
    pub engines: &'static [Engine],
    /// Every migration, in the order of their application.
    pub migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
    /// The table in which applied migrations are recorded: `seaql_migrations` is the one that
    /// sea-orm-migration takes by itself.
    pub bookkeeping: &'static str,
    /// The text of `accepted_drift.json`.
    pub accepted_drift: &'static str,
    /// The files of `objects/`, which is what entities cannot say: views, functions, triggers. `objects::ALL`, which
    /// `generate` writes, or `&[]`.
    pub objects: &'static [(&'static str, &'static str)],
    /// Whether policies ask for [sealed scopes](tenantry_entity::scope::ScopeOptions::sealed), in which no SQL
    /// leaves its tenant. After a change of it, `generate` writes the migration. Only on PostgreSQL.
    pub sealed: bool,
}

impl Project {
    /// The schema that the entities describe, tenancy rules applied. It is computed again at each
    /// call.
    ///
    /// # Errors
    ///
    /// As [`Schema::from_tables`].
    pub fn schema(&self) -> Result<Schema, ModelError> {
        self.schema_with(self.objects())
    }

    /// The objects that are compiled in.
    fn objects(&self) -> BTreeMap<String, String> {
        self.objects.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// The schema that the entities describe, with other objects than those that are compiled in.
    ///
    /// # Errors
    ///
    /// As [`schema`](Self::schema).
    pub fn schema_with(&self, objects: BTreeMap<String, String>) -> Result<Schema, ModelError> {
        let mut schema = Schema::from_tables(&(self.tables)(), self.tenancy)?;
        let mut refused = Vec::new();
        refused.extend(objects::files(&objects).err());
        schema.objects = objects;
        refused.extend(self.refused(|engine| {
            let mut refused = schema.refused_by(engine);
            let tenancies = self.tenancy.iter();
            refused.extend(tenancies.flat_map(|it| tenancy::refused_by(&schema, it, engine)));
            refused
        }));
        let sealed = self.tenancy.filter(|_| self.sealed);
        if let Some(tenancy) = &sealed {
            refused.extend(not_sealed(tenancy));
        }
        if !refused.is_empty() {
            return Err(ModelError::of(&refused));
        }
        Ok(match &sealed {
            Some(tenancy) => schema.sealed(tenancy),
            None => schema,
        })
    }

    /// What the project's engines refuse, each by `by`, and how to do without the engine.
    pub(crate) fn refused(&self, by: impl Fn(Engine) -> Vec<String>) -> Vec<String> {
        let mut refused = Vec::new();
        for engine in self.engines {
            let mut by_engine = by(*engine);
            if !by_engine.is_empty() {
                by_engine
                    .push(format!("Or leave `Engine::{engine:?}` out of the project's `engines`."));
            }
            refused.append(&mut by_engine);
        }
        refused
    }

    /// How tenants are told apart, for what cannot be done without them.
    ///
    /// # Errors
    ///
    /// If the project has no tenants.
    pub fn tenants(&self) -> Result<Tenancy> {
        let why = || {
            let what = format!("{} has no tenants: its project says `tenancy: None`", self.name);
            Error::config("no-tenancy", what)
        };
        self.tenancy.ok_or_else(why)
    }

    /// The names of tenancy; for a project without tenants, [`NO_TENANCY`].
    #[must_use]
    pub fn names(&self) -> Tenancy {
        self.tenancy.unwrap_or(NO_TENANCY)
    }

    /// Fails where the project's migrations are not for `engine`.
    pub(crate) fn check_engine(&self, engine: Engine) -> Result<()> {
        if self.engines.contains(&engine) {
            return Ok(());
        }
        let known: Vec<String> = self.engines.iter().map(ToString::to_string).collect();
        Err(Error::config(
            "engine-not-supported",
            format!("{} is for {}, and this database is {engine}", self.name, known.join(", ")),
        ))
    }

    /// The runner of the migrations on an open database.
    ///
    /// # Errors
    ///
    /// As [`Runner::of`].
    pub fn runner<'d>(&self, db: &'d Database) -> Result<Runner<'d>> {
        Ok(self
            .bare_runner(&db.connection)?
            .on(db.engine)
            .application_role(&db.application_role)
            .environment(config::environment())
            .patience(db.patience))
    }

    /// The runner of the migrations for an application, on its own connection or transaction, with
    /// what the environment says.
    ///
    /// # Errors
    ///
    /// As [`Runner::of`]; and if the environment names no usable role or engine.
    pub async fn runner_for<'c>(
        &self,
        db: impl IntoSchemaManagerConnection<'c>,
    ) -> Result<Runner<'c>> {
        let runner = self.bare_runner(db)?;
        let engine = match config::engine()? {
            Some(engine) if engine.backend() == runner.engine().backend() => engine,
            _ => runner.detect().await?,
        };
        Ok(runner
            .on(engine)
            .environment(config::environment())
            .application_role(config::application_role(self)?))
    }

    /// A runner with the settings of a library call: PostgreSQL or SQLite as the connection says.
    ///
    /// # Errors
    ///
    /// As [`Runner::of`].
    pub fn bare_runner<'c>(&self, db: impl IntoSchemaManagerConnection<'c>) -> Result<Runner<'c>> {
        Ok(Runner::of(db, (self.migrations)(), self.bookkeeping)?.of_project(self))
    }

    /// Asks, in one query, whether a database has what this program needs.
    ///
    /// # Errors
    ///
    /// If the database does not answer, or does not let this role read what is applied.
    pub async fn ensure_current<C: ConnectionTrait>(&self, db: &C) -> Result<Currency> {
        let migrations = (self.migrations)();
        let names: Vec<&str> = migrations.iter().map(|migration| migration.name()).collect();
        ensure_current(db, self.bookkeeping, &names).await.map_err(|error| {
            Error::unusable(
                "currency-unknown",
                format!("cannot tell whether the database is current: {}", explain(&error)),
            )
        })
    }

    /// The part of the journal that is about sample rows.
    #[must_use]
    pub fn samples(&self, engine: Engine) -> Samples {
        Samples::new(engine, self.codes(), self.names(), self.bookkeeping, &self.tool())
    }

    /// The codes of the tables within sample ids.
    #[must_use]
    pub fn codes(&self) -> SampleCodes {
        SampleCodes::of(&(self.tables)(), self.names().column)
    }

    /// The schemas of the database that entities name by `schema_name`.
    #[must_use]
    pub fn schemas(&self) -> BTreeSet<String> {
        let names = (self.tables)().into_iter().map(|def| def.name);
        names.filter_map(|name| Some(parts(name).0?.into_owned())).collect()
    }

    /// What the journal calls this program.
    #[must_use]
    pub fn tool(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Whether a table is the one in which migrations are recorded, the journal beside it, or that of the keys
    /// that seal scopes.
    #[must_use]
    pub fn is_bookkeeping(&self, table: &str) -> bool {
        // Where entities name the schema in which it is, it is read with the schema, too.
        let (_, table) = parts(table);
        table == self.bookkeeping
            || table == journal_beside(self.bookkeeping)
            || (self.sealed && table == SEAL_KEYS)
    }

    /// The file that is used where no database is configured.
    #[must_use]
    pub fn default_file(&self) -> String {
        format!("{}.db", self.name)
    }
}

/// What of the tenancy has no sealed scopes.
fn not_sealed(tenancy: &Tenancy) -> Vec<String> {
    let mut found = Vec::new();
    if tenancy.id != IdType::Uuid {
        found.push(
            "`sealed` needs tenants with keys of uuid, which is what its tokens name".to_owned(),
        );
    }
    let is_plain = |scope: &Scope| !scope.is_of_a_tenant() || *scope == Scope::Tenant;
    found.extend(tenancy.tables.iter().filter(|(_, scope)| !is_plain(scope)).map(
        |(table, scope)| {
            format!(
                "{table}: `sealed` has no policies for `{scope:?}`: give each row a tenant column"
            )
        },
    ));
    found
}
