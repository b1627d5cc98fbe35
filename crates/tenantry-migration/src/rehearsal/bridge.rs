//! A connection whose every statement passes through our hands on its way to a transaction that is
//! rolled back in the end.
//!
//! SeaORM lets any type stand in for a connection as a "mock database", which answers statements one
//! by one. This one asks a real database, on a thread of its own, so that between two statements it
//! can be looked at what the first one did. What is sent and what comes back is the same as ever:
//! rows are the driver's own.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::Instant,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseConnectionType, DatabaseTransaction, DbBackend,
    DbErr, ExecResult, MockDatabaseConnection, MockDatabaseTrait, QueryResult,
    SqliteTransactionMode, Statement, Transaction, TransactionOptions, TransactionTrait,
    sqlx::{self, pool::PoolConnection},
};
use tenantry_entity::Engine;

use super::{
    Observer, RehearsedStep, Touched,
    measure::{Tables, sequences},
};

/// What the other thread is asked to do.
#[derive(Debug)]
enum Task {
    Execute(Statement),
    Query(Statement),
    Begin,
    Commit,
    Rollback,
    End,
}

#[derive(Debug)]
enum Answer {
    Executed(ExecResult),
    Rows(Vec<QueryResult>),
    Done,
}

/// An answer, with what was seen if it was asked to look.
type Reply = (Result<Answer, DbErr>, u64, Vec<Touched>);

/// A task, whether to look what it did, and where to answer.
type Message = (Task, bool, Sender<Reply>);

/// The near end: what SeaORM takes for a database.
#[derive(Debug)]
struct Bridge {
    far: Sender<Message>,
    backend: DbBackend,
    observer: Arc<Observer>,
}

/// The far end.
#[derive(Debug)]
pub(super) struct FarEnd {
    far: Sender<Message>,
    thread: JoinHandle<Result<Vec<String>, DbErr>>,
    /// What was lent. Dropping it gives it back.
    back: Receiver<Lent>,
}

/// The only connection to a database in memory. A pool gets a connection back through the runtime of
/// the thread that has used it, and that may be blocked or gone, so it is handed over by hand.
pub(super) type Lent = Option<PoolConnection<sqlx::Sqlite>>;

/// Opens the connection. `open` makes the real one, on the other thread.
pub(super) fn open(
    engine: Engine,
    observer: &Arc<Observer>,
    lent: Lent,
    open: impl FnOnce() -> DatabaseConnection + Send + 'static,
) -> Result<(DatabaseConnection, FarEnd), DbErr> {
    let foreign_keys_off = observer.foreign_keys_off;
    let (far, tasks) = channel();
    let (ready, is_ready) = channel();
    let (give_back, back) = channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = give_back.send(lent);
                return Err(DbErr::Custom(error.to_string()));
            }
        };
        runtime.block_on(async {
            let db = open();
            let is_lent = lent.is_some();
            drop(lent);
            let worked = async {
                // A database in memory has one connection, which enforces them.
                if foreign_keys_off {
                    db.execute_unprepared("PRAGMA foreign_keys = OFF").await?;
                }
                let worked = work(&db, engine, &tasks, &ready).await;
                if foreign_keys_off {
                    db.execute_unprepared("PRAGMA foreign_keys = ON").await?;
                }
                worked
            };
            let worked = worked.await;
            if is_lent {
                // If the caller waits no longer, it goes back from here.
                drop(give_back.send(db.get_sqlite_connection_pool().acquire().await.ok()));
            }
            worked
        })
    });
    match is_ready.recv() {
        Ok(()) => {}
        // It has ended with an error, and says which.
        Err(_) => return Err(FarEnd { far, thread, back }.end().err().unwrap_or_else(gone)),
    }
    let backend = engine.backend();
    let bridge = Bridge { far: far.clone(), backend, observer: Arc::clone(observer) };
    let connection = MockDatabaseConnection::new(bridge);
    let connection = DatabaseConnectionType::MockDatabaseConnection(Arc::new(connection));
    Ok((connection.into(), FarEnd { far, thread, back }))
}

impl FarEnd {
    /// Waits until everything is rolled back. Gives what no rollback undoes.
    pub(super) fn end(self) -> Result<Vec<String>, DbErr> {
        // It may have ended by itself.
        let _ = self.far.send((Task::End, false, channel().0));
        let ended = self.thread.join().unwrap_or_else(|_| Err(gone()));
        drop(self.back.recv());
        ended
    }
}

fn gone() -> DbErr {
    DbErr::Custom("the rehearsal has ended".to_owned())
}

impl Bridge {
    fn ask(&self, task: Task) -> Result<Answer, DbErr> {
        let what = self.observer.seen().what.clone();
        let shown = match (&task, &what) {
            (Task::Execute(stmt) | Task::Query(stmt), Some(what)) => {
                Some((what.clone(), stmt.to_string()))
            }
            _ => None,
        };
        let (reply, replies) = channel();
        self.far.send((task, shown.is_some(), reply)).map_err(|_| gone())?;
        let (answer, micros, tables) = replies.recv().map_err(|_| gone())?;
        if let Some((what, sql)) = shown.filter(|_| answer.is_ok()) {
            let reads = only_reads(&sql);
            self.observer.seen().steps.push(RehearsedStep {
                what,
                sql,
                rehearsed: true,
                micros,
                tables,
                reads,
            });
        }
        answer
    }
}

/// Whether a statement changes nothing by itself.
fn only_reads(sql: &str) -> bool {
    let mut words = sql.split_whitespace().map(str::to_ascii_uppercase);
    match words.next().as_deref() {
        Some("SELECT" | "EXPLAIN" | "SHOW") => true,
        Some("PRAGMA") => !sql.contains('='),
        _ => false,
    }
}

impl MockDatabaseTrait for Bridge {
    fn execute(&mut self, _: usize, stmt: Statement) -> Result<ExecResult, DbErr> {
        match self.ask(Task::Execute(stmt))? {
            Answer::Executed(result) => Ok(result),
            _ => Err(gone()),
        }
    }

    fn query(&mut self, _: usize, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self.ask(Task::Query(stmt))? {
            Answer::Rows(rows) => Ok(rows),
            _ => Err(gone()),
        }
    }

    // These cannot fail here; what goes wrong is said by the next statement.
    fn begin(&mut self) {
        let _ = self.ask(Task::Begin);
    }

    fn commit(&mut self) {
        let _ = self.ask(Task::Commit);
    }

    fn rollback(&mut self) {
        let _ = self.ask(Task::Rollback);
    }

    fn drain_transaction_log(&mut self) -> Vec<Transaction> {
        Vec::new()
    }

    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    fn ping(&self) -> Result<(), DbErr> {
        Ok(())
    }
}

/// One that could not begin stays in its place: whatever is sent inside of it fails as that did, since
/// SeaORM has no way to say it earlier.
type Savepoint = Result<DatabaseTransaction, DbErr>;

fn again(error: &DbErr) -> DbErr {
    DbErr::Custom(error.to_string())
}

/// The other thread's work: everything in one transaction, in which those of the command are
/// savepoints.
async fn work(
    db: &DatabaseConnection,
    engine: Engine,
    tasks: &Receiver<Message>,
    ready: &Sender<()>,
) -> Result<Vec<String>, DbErr> {
    let counted = sequences(db, engine).await?;
    let mut tables = Tables::look(db, engine).await?;
    let outer = db
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    // The receiver is gone if the command has given up.
    let _ = ready.send(());
    let mut savepoints: Vec<Savepoint> = Vec::new();
    while let Ok((task, look, reply)) = tasks.recv() {
        let innermost = savepoints.last().map_or(Ok(&outer), Savepoint::as_ref);
        let began = Instant::now();
        let mut answer = match (task, innermost) {
            (Task::End, _) => break,
            (Task::Commit, _) => match savepoints.pop() {
                Some(Ok(savepoint)) => savepoint.commit().await.map(|()| Answer::Done),
                Some(Err(error)) => Err(error),
                None => Ok(Answer::Done),
            },
            (Task::Rollback, _) => match savepoints.pop() {
                Some(Ok(savepoint)) => savepoint.rollback().await.map(|()| Answer::Done),
                Some(Err(_)) | None => Ok(Answer::Done),
            },
            (Task::Begin, innermost) => {
                savepoints.push(match innermost {
                    Ok(tx) => tx.begin().await,
                    Err(error) => Err(again(error)),
                });
                Ok(Answer::Done)
            }
            (Task::Execute(_) | Task::Query(_), Err(error)) => Err(again(error)),
            // Without values it may be several statements.
            (Task::Execute(stmt), Ok(tx)) if stmt.values.is_none() => {
                tx.execute_unprepared(&stmt.sql).await.map(Answer::Executed)
            }
            (Task::Execute(stmt), Ok(tx)) => tx.execute_raw(stmt).await.map(Answer::Executed),
            (Task::Query(stmt), Ok(tx)) => tx.query_all_raw(stmt).await.map(Answer::Rows),
        };
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut touched = Vec::new();
        let innermost = savepoints.last().map_or(Ok(&outer), Savepoint::as_ref);
        if let Ok(tx) = innermost
            && look
            && answer.is_ok()
        {
            match tables.changes(tx, engine).await {
                Ok(found) => touched = found,
                Err(error) => answer = Err(error),
            }
        }
        let _ = reply.send((answer, micros, touched));
    }
    while let Some(savepoint) = savepoints.pop() {
        if let Ok(savepoint) = savepoint {
            savepoint.rollback().await?;
        }
    }
    outer.rollback().await?;
    let now = sequences(db, engine).await?;
    let moved = now.iter().filter(|(name, at)| counted.get(*name).is_some_and(|was| was != *at));
    Ok(moved
        .map(|(name, _)| format!("the sequence {name} has moved on, which no rollback undoes"))
        .collect())
}
