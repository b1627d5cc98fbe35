//! Rehearsals: everything runs for real, in a transaction that is rolled back.
//!
//! ```no_run
//! # async fn example(db: &tenantry_migration::db::Database) -> tenantry_migration::Result<()> {
//! use tenantry_migration::{rehearsal::Rehearsal, runner::{Command, Up}};
//!
//! let command = Command::Up(Up::default());
//! let rehearsal = Rehearsal::begin(db, &command).await?;
//! let runner = db.project.runner(rehearsal.database())?.observed_by(rehearsal.observer());
//! let outcome = runner.run(&command).await;
//! println!("{}", rehearsal.end()?.text());
//! # outcome.map(drop)
//! # }
//! ```
//!
//! On the way, it holds the locks that the real thing would hold, for as long. Every statement
//! blocks the thread that sends it.

mod bridge;
mod measure;
mod report;
mod script;

use std::sync::Arc;

pub use report::Report;
pub use script::SCRIPT;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement, sqlx};
use tenantry_entity::Engine;

pub use crate::observer::{Observer, Phase, RehearsedStep, Touched};
use crate::{
    db::Database,
    error::Result,
    lock,
    observer::{Observed, Watch},
    runner::{Command, Runner},
};

/// A rehearsal that has begun.
#[derive(Debug)]
pub struct Rehearsal {
    database: Database,
    observer: Arc<Observer>,
    far_end: bridge::FarEnd,
    command: &'static str,
    schema: Option<String>,
}

/// What a coordinator does not see.
const ON_NODES: &str = "locks are those on the coordinator; a shard is locked and rewritten on its \
                        node as its table is here";

impl Rehearsal {
    /// Begins to rehearse the command on this database.
    ///
    /// # Errors
    ///
    /// If the database cannot be connected to once more, or its history cannot be read.
    pub async fn begin(db: &Database, command: &Command) -> Result<Self> {
        Self::of(db, &db.project.runner(db)?, command).await
    }

    /// The same for a runner of other migrations on this database.
    ///
    /// # Errors
    ///
    /// As [`Rehearsal::begin`].
    pub async fn of(db: &Database, runner: &Runner<'_>, command: &Command) -> Result<Self> {
        let foreign_keys_off = runner.would_rebuild(command).await?;
        let mut schema = None;
        if db.engine.capability().session_settings {
            let sql = "SELECT current_schema()::text AS name";
            let stmt = Statement::from_string(db.engine.backend(), sql);
            let row = db.connection.query_one_raw(stmt).await?;
            schema = row.map(|row| row.try_get("", "name")).transpose()?;
        }
        let observer = Arc::new(Observer::of(foreign_keys_off));
        let in_memory = db.engine == Engine::Sqlite && lock::sqlite_file(&db.connection).is_none();
        let lent = if in_memory {
            let pool = db.connection.get_sqlite_connection_pool();
            Some(pool.acquire().await.map_err(|error| sea_orm::DbErr::Custom(error.to_string()))?)
        } else {
            None
        };
        let open = connector(&db.connection, db.engine, foreign_keys_off);
        let (connection, far_end) = bridge::open(db.engine, &observer, lent, open)?;
        let database = Database { connection, ..db.clone() };
        Ok(Self { database, observer, far_end, command: command.name(), schema })
    }

    /// The database, to do everything on.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// What sees it all.
    #[must_use]
    pub fn observer(&self) -> Arc<Observer> {
        Arc::clone(&self.observer)
    }

    /// As long as the guard lives, what is done counts as part of this.
    #[must_use]
    pub fn watch(&self, what: Phase) -> impl Drop + '_ {
        Watch::of(Some(&self.observer), what)
    }

    /// Rolls everything back, and says what was seen.
    ///
    /// # Errors
    ///
    /// If rolling back fails: then the server has done it, for want of a connection.
    pub fn end(self) -> Result<Report> {
        let Self { database, observer, far_end, schema, .. } = self;
        let mut notes = far_end.end()?;
        if database.engine.capability().distributes_tables {
            notes.push(ON_NODES.to_owned());
        }
        let seen = observer.seen().clone();
        let Observed { plan, steps, refusals, .. } = seen;
        Ok(Report { plan, steps, refusals, schema, notes })
    }

    /// The name of the command that is rehearsed.
    #[must_use]
    pub fn command(&self) -> &'static str {
        self.command
    }
}

/// What connects once more, to the same database: it has to happen on the thread that will use it.
fn connector(
    db: &DatabaseConnection,
    engine: Engine,
    foreign_keys_off: bool,
) -> impl FnOnce() -> DatabaseConnection + Send + use<> {
    fn single<DB: sqlx::Database>(
        options: &sqlx::pool::PoolOptions<DB>,
    ) -> sqlx::pool::PoolOptions<DB> {
        options.clone().min_connections(0).max_connections(1)
    }
    let db = db.clone();
    move || match engine {
        // A database in memory belongs to one connection.
        Engine::Sqlite if lock::sqlite_file(&db).is_none() => db,
        Engine::Sqlite => {
            let pool = db.get_sqlite_connection_pool();
            let options = pool.connect_options().as_ref().clone();
            let options = if foreign_keys_off { options.foreign_keys(false) } else { options };
            single(pool.options()).connect_lazy_with(options).into()
        }
        _ => {
            let pool = db.get_postgres_connection_pool();
            let options = pool.connect_options().as_ref().clone();
            single(pool.options()).connect_lazy_with(options).into()
        }
    }
}
