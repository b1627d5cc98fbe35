//! What a migration would send, found out without a database.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use sea_orm::{
    DatabaseConnection, DatabaseConnectionType, DbBackend, DbErr, ExecResult, MockDatabase,
    MockDatabaseConnection, MockDatabaseTrait, MockExecResult, QueryResult, Statement, Transaction,
    Value,
};
use sea_orm_migration::{MigrationTrait, SchemaManager};
use tenantry_entity::Engine;
use tenantry_schema::{Direction, fingerprint::sha256};

use super::sent::Sent;
use crate::{
    error::{Error, Left, Result},
    ops::context::Context,
};

/// The statements that a migration sends on `engine`, in order. Every statement is answered with
/// "no such thing" or "nothing affected", and none reaches a database.
///
/// # Errors
///
/// If the migration itself returns an error.
pub async fn record(
    migration: &dyn MigrationTrait,
    engine: Engine,
    direction: Direction,
) -> Result<Vec<String>> {
    record_in(Context::usual(engine), migration, direction).await
}

/// As [`record`], where operations are told this.
pub(crate) async fn record_in(
    context: Context,
    migration: &dyn MigrationTrait,
    direction: Direction,
) -> Result<Vec<String>> {
    let recorder = Recorder { log: MockDatabase::new(context.engine.backend()) };
    let connection = MockDatabaseConnection::new(recorder);
    let connection: DatabaseConnection =
        DatabaseConnectionType::MockDatabaseConnection(Arc::new(connection)).into();
    let manager = SchemaManager::new(&connection);
    let work = async {
        match direction {
            Direction::Up => migration.up(&manager).await,
            Direction::Down => migration.down(&manager).await,
        }
    };
    let outcome = context.during(work).await;
    outcome.map_err(|source: DbErr| Error::Migration {
        name: migration.name().to_owned(),
        direction,
        statement: None,
        source,
        left: Left::Nothing,
    })?;
    let log = connection.into_transaction_log();
    Ok(log.iter().flat_map(Transaction::statements).map(ToString::to_string).collect())
}

/// SeaORM's mock, which logs every statement, with an answer made when it is needed.
#[derive(Debug)]
struct Recorder {
    log: MockDatabase,
}

impl Recorder {
    /// Prepares the mock for its next statement.
    fn prepare(&mut self, prepare: impl FnOnce(MockDatabase) -> MockDatabase) {
        let log = std::mem::replace(&mut self.log, MockDatabase::new(DbBackend::Sqlite));
        self.log = prepare(log);
    }
}

impl MockDatabaseTrait for Recorder {
    fn execute(&mut self, counter: usize, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.prepare(|log| log.append_exec_results([MockExecResult::default()]));
        self.log.execute(counter, stmt)
    }

    fn query(&mut self, counter: usize, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        // What SchemaManager's questions get for an answer: there is no such thing.
        let nothing: BTreeMap<String, Value> = ["has_table", "has_column", "has_index"]
            .map(|question| (question.to_owned(), Value::from(false)))
            .into();
        self.prepare(|log| log.append_query_results([[nothing]]));
        self.log.query(counter, stmt)
    }

    fn begin(&mut self) {
        self.log.begin();
    }

    fn commit(&mut self) {
        self.log.commit();
    }

    fn rollback(&mut self) {
        self.log.rollback();
    }

    fn drain_transaction_log(&mut self) -> Vec<Transaction> {
        self.log.drain_transaction_log()
    }

    fn get_database_backend(&self) -> DbBackend {
        self.log.get_database_backend()
    }

    fn ping(&self) -> Result<(), DbErr> {
        Ok(())
    }
}

/// What one half of a migration sends, in order.
#[derive(Debug)]
pub(super) struct Recording(Vec<Sent>);

impl Deref for Recording {
    type Target = [Sent];

    fn deref(&self) -> &[Sent] {
        &self.0
    }
}

impl Recording {
    /// The statements as text.
    pub(super) fn texts(&self) -> Vec<String> {
        self.iter().map(|sent| sent.sql.clone()).collect()
    }

    /// SHA-256 of the statements, in hexadecimal.
    pub(super) fn sha256(&self) -> String {
        let texts: Vec<&str> = self.iter().map(|sent| sent.sql.as_str()).collect();
        sha256(&texts.join(";\n"))
    }
}

/// Recordings that were made already, by migration, engine and direction.
#[derive(Debug, Default)]
pub(super) struct Recordings(Mutex<HashMap<(String, Engine, Direction), Arc<Recording>>>);

impl Recordings {
    /// What this half of a migration sends on `engine`: recorded once, and remembered, since one
    /// command asks for it several times.
    ///
    /// # Errors
    ///
    /// As [`record`].
    pub(super) async fn of(
        &self,
        migration: &dyn MigrationTrait,
        engine: Engine,
        direction: Direction,
    ) -> Result<Arc<Recording>> {
        let key = (migration.name().to_owned(), engine, direction);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let sent = record(migration, engine, direction).await?;
        let recording = Arc::new(Recording(sent.into_iter().map(Sent::from).collect()));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(all.entry(key).or_insert(recording)))
    }
}

/// Whether a migration asks to run outside of a transaction.
pub(super) fn runs_outside(migration: &dyn MigrationTrait) -> bool {
    migration.use_transaction() == Some(false)
}
