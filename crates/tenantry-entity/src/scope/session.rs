//! The one connection of a scope, and the transaction on it.
//!
//! SeaORM's `DatabaseTransaction` cannot be asked to close its connection, and its drop panics
//! while a query of a nested transaction runs elsewhere. So a scope holds the pool's connection
//! itself. It goes back to the pool only in a state that is known: after a commit that was looked
//! at, after a rollback, or with a rollback queued that the pool waits for. Otherwise it is closed.

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::lock::{Mutex, MutexGuard};
use sea_orm::{
    DbErr, ExecResult, QueryResult, RuntimeErr, Statement,
    sea_query::Values,
    sqlx::{
        self, AssertSqlSafe, Database, PgPool, Postgres, Row as _, SqlSafeStr as _, Sqlite,
        SqlitePool, pool::PoolConnection,
    },
};
use sea_query_sqlx::SqlxValues;
use sqlx_core::transaction::TransactionManager as _;
use uuid::Uuid;

use super::{
    ScopeOptions, TenantId,
    seal::{self, SealKey},
    statement,
};
use crate::{
    Engine,
    sql::{literal, quoted},
    tenancy::{SEAL_SETTING, SETTINGS_ON_EACH_NODE},
};

type Manager<DB> = <DB as Database>::TransactionManager;

/// What the statements of a scope run on.
pub(super) struct Session {
    pub tenant: TenantId,
    /// The setting that names the tenant.
    setting: &'static str,
    pub engine: Engine,
    /// The role that the scope works as; `None` where the engine has none.
    role: Option<String>,
    /// Whether statements are kept by name in the server's session.
    named: bool,
    /// `None` as soon as the transaction has ended.
    live: Mutex<Option<Connection>>,
    state: StdMutex<State>,
    /// A statement was begun and has not come to its end. Not part of the state, since the future
    /// that should say so may be dropped at any await.
    busy: AtomicBool,
    /// There are temporary tables on the connection, which outlive any scope: it is closed.
    is_spoilt: AtomicBool,
}

struct State {
    /// The savepoints that are open, outermost first. Each has an id that no other gets.
    open: Vec<u64>,
    /// The id of the next one.
    next: u64,
    /// The savepoint to go back to before anything else is done: its transaction was dropped.
    undo_to: Option<u64>,
    /// How the scope has ended, if it has.
    ended: Option<&'static str>,
}

enum Connection {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

/// Does the same with whichever connection it is.
macro_rules! on_either {
    ($connection:expr, $inner:ident => $work:expr) => {
        match $connection {
            Connection::Postgres($inner) => $work,
            Connection::Sqlite($inner) => $work,
        }
    };
}

/// A statement of SeaORM's as one of sqlx's. Always the extended protocol, in which a server takes
/// one statement and no second one behind it.
macro_rules! query {
    ($session:expr, $stmt:expr) => {
        sqlx::query_with(
            AssertSqlSafe($stmt.sql),
            SqlxValues($stmt.values.unwrap_or_else(|| Values(Vec::new()))),
        )
        .persistent($session.named)
    };
}

impl Connection {
    /// Drops the connection in a way that leaves nothing of an open transaction to the next user.
    fn abandon(self, is_busy: bool) {
        match self {
            // A statement may still run, and for long: the pool must not wait for it.
            Self::Postgres(mut connection) if is_busy => connection.close_on_drop(),
            // The pool sends the rollback and waits for it before it hands the connection out.
            Self::Postgres(mut connection) => Manager::<Postgres>::start_rollback(&mut connection),
            // The worker finishes what it does, and then rolls back.
            Self::Sqlite(mut connection) => Manager::<Sqlite>::start_rollback(&mut connection),
        }
    }
}

/// A connection on which a transaction is being begun. Where that does not come to its end, the
/// connection is closed: the transaction may have begun nevertheless.
struct Beginning<DB: Database>(Option<PoolConnection<DB>>);

impl Beginning<Postgres> {
    async fn begin(
        mut self,
        sql: String,
        seal: Option<(&SealKey, SealFor)>,
        named: bool,
    ) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        if let Some(connection) = &mut self.0 {
            let sql = AssertSqlSafe(sql).into_sql_str();
            Manager::<Postgres>::begin(connection, Some(sql)).await?;
            if let Some((key, SealFor { tenant, lifetime })) = seal {
                // A value apart from the text, which `pg_stat_activity` shows.
                let token = key.token(tenant, SystemTime::now() + lifetime);
                let set = sqlx::query(SEAL).persistent(named).bind(SEAL_SETTING).bind(token);
                set.execute(&mut **connection).await?;
            }
        }
        // There is one until now.
        self.0.take().ok_or(sqlx::Error::WorkerCrashed)
    }
}

/// What is sealed.
struct SealFor {
    tenant: Uuid,
    lifetime: Duration,
}

const SEAL: &str = "SELECT pg_catalog.set_config($1, $2, true)";

impl<DB: Database> Drop for Beginning<DB> {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}

/// Whether there are temporary tables, which are found before those of the schema and outlive the
/// transaction. Most sessions never had one, which is known without a look at the catalogue; that look is a text of
/// its own, for a function that runs one, since to plan it would take longer than all the rest.
const HAS_TEMPORARY_TABLES: &str = "CASE WHEN pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0 \
     THEN false ELSE pg_catalog.ts_rewrite('none'::pg_catalog.tsquery, \
     'SELECT ''none''::pg_catalog.tsquery, ''some''::pg_catalog.tsquery FROM pg_catalog.pg_class \
     WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() LIMIT 1') \
     OPERATOR(pg_catalog.=) 'some'::pg_catalog.tsquery END";

/// The setting that keeps, for as long as the session lives, what [`session_settings`] were when the last scope
/// began.
const SETTINGS_BEFORE: &str = "tenantry.settings";

/// Settings by which a session reads texts and finds names, as one text in SQL: a function may change them beyond
/// the transaction.
fn session_settings() -> String {
    let settings = [
        "search_path",
        "row_security",
        "TimeZone",
        "DateStyle",
        "bytea_output",
        "statement_timeout",
        "lock_timeout",
        "default_transaction_read_only",
    ];
    let values = settings.map(|name| format!("pg_catalog.current_setting('{name}')"));
    format!("pg_catalog.concat_ws('|', {})", values.join(", "))
}

/// What is named in the error of [`Session::is_still_ours`].
const TEMPORARY_TABLES: &str = "tenantry: temporary tables";
const OTHER_HANDS: &str = "tenantry: another tenant or role";

impl Session {
    /// Begins on PostgreSQL or Nile, in one round trip. The setting comes first and is a literal,
    /// which is what Nile asks for; it has no roles, and a `SET LOCAL ROLE` would break its scope.
    pub(super) async fn on_postgres(
        pool: &PgPool,
        tenant: TenantId,
        engine: Engine,
        options: &ScopeOptions,
    ) -> Result<Self, DbErr> {
        let role = engine.capability().row_level_security.then(|| options.role.clone());
        let mut begin = "BEGIN; ".to_owned();
        if engine == Engine::Postgres && !options.unnamed_statements {
            let _ = write!(
                begin,
                "SELECT pg_catalog.set_config('{SETTINGS_BEFORE}', {}, false); ",
                session_settings()
            );
        }
        if engine.capability().distributes_tables {
            begin.push_str(SETTINGS_ON_EACH_NODE);
        }
        let _ = write!(begin, "SET LOCAL {} = {}", options.setting, tenant.literal()?);
        if let Some(role) = &role {
            // `SET ROLE none` means no role, however it is quoted, and longer names are cut.
            if role == "none" || role.is_empty() || role.len() > 63 {
                return Err(DbErr::Custom(
                    "this cannot be the name of an application role".to_owned(),
                ));
            }
            // The texts of the scope are read as they are written with that.
            let _ = write!(
                begin,
                "; SET LOCAL standard_conforming_strings = on; SET LOCAL ROLE {}",
                quoted(role)
            );
        }
        let seal = options.seal.as_ref().filter(|_| role.is_some());
        if seal.is_some() && engine.capability().distributes_tables {
            return Err(DbErr::Custom(format!("there are no sealed tenant scopes on {engine}")));
        }
        let mut connection = pool.acquire().await.map_err(failed)?;
        if let (Some(_), Some(role)) = (seal, &role) {
            seal::ensure_bound(pool, &mut connection, role).await?;
        }
        let named = !options.unnamed_statements;
        let seal = match (seal, &tenant) {
            (None, _) => None,
            (Some(key), TenantId::Uuid(tenant)) => {
                Some((key, SealFor { tenant: *tenant, lifetime: options.seal_lifetime }))
            }
            _ => {
                return Err(DbErr::Custom("tokens of sealed tenant scopes name a uuid".to_owned()));
            }
        };
        let connection = Beginning(Some(connection)).begin(begin, seal, named).await;
        let connection = connection.map_err(|error| match &role {
            Some(role) => not_as(role, error),
            None => failed(error),
        })?;
        let connection = Connection::Postgres(connection);
        let mut session = Self::of(connection, tenant, options.setting, engine);
        (session.role, session.named) = (role, named);
        Ok(session)
    }

    /// Begins on SQLite, where scopes wait for each other: it has one writer.
    pub(super) async fn on_sqlite(
        pool: &SqlitePool,
        tenant: TenantId,
        options: &ScopeOptions,
    ) -> Result<Self, DbErr> {
        tenant.literal()?;
        let mut connection = pool.acquire().await.map_err(failed)?;
        let begin = AssertSqlSafe("BEGIN IMMEDIATE".to_owned()).into_sql_str();
        Manager::<Sqlite>::begin(&mut connection, Some(begin)).await.map_err(failed)?;
        let connection = Connection::Sqlite(connection);
        Ok(Self::of(connection, tenant, options.setting, Engine::Sqlite))
    }

    fn of(connection: Connection, tenant: TenantId, setting: &'static str, engine: Engine) -> Self {
        Self {
            tenant,
            setting,
            engine,
            role: None,
            named: true,
            live: Mutex::new(Some(connection)),
            state: StdMutex::new(State { open: Vec::new(), next: 1, undo_to: None, ended: None }),
            busy: AtomicBool::new(false),
            is_spoilt: AtomicBool::new(false),
        }
    }

    pub(super) async fn execute(
        &self,
        inner: Option<u64>,
        stmt: Statement,
    ) -> Result<ExecResult, DbErr> {
        statement::check(&stmt.sql, self.engine)?;
        let mut turn = self.turn(inner).await?;
        let done = on_either!(turn.connection()?, inner => {
            query!(self, stmt).execute(&mut **inner).await.map(ExecResult::from)
        });
        turn.done(done).map_err(not_executed)
    }

    pub(super) async fn query_all(
        &self,
        inner: Option<u64>,
        stmt: Statement,
    ) -> Result<Vec<QueryResult>, DbErr> {
        statement::check(&stmt.sql, self.engine)?;
        let mut turn = self.turn(inner).await?;
        let rows = on_either!(turn.connection()?, inner => {
            let rows = query!(self, stmt).fetch_all(&mut **inner).await;
            rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
        });
        turn.done(rows).map_err(failed)
    }

    pub(super) async fn query_one(
        &self,
        inner: Option<u64>,
        stmt: Statement,
    ) -> Result<Option<QueryResult>, DbErr> {
        statement::check(&stmt.sql, self.engine)?;
        let mut turn = self.turn(inner).await?;
        let row = on_either!(turn.connection()?, inner => {
            query!(self, stmt).fetch_optional(&mut **inner).await.map(|row| row.map(QueryResult::from))
        });
        turn.done(row).map_err(failed)
    }

    /// Opens a transaction inside the innermost one, which is that of the caller; returns its id.
    pub(super) async fn open(&self, inner: Option<u64>) -> Result<u64, DbErr> {
        let mut turn = self.turn(inner).await?;
        let id = {
            let mut state = self.state();
            state.next += 1;
            state.next
        };
        turn.run(&format!("SAVEPOINT scope_{id}")).await?;
        self.state().open.push(id);
        Ok(id)
    }

    /// Ends the inner transaction of that id.
    pub(super) async fn close(&self, id: u64, keep: bool) -> Result<(), DbErr> {
        let mut turn = self.turn(Some(id)).await?;
        turn.close(id, keep).await
    }

    /// The inner transaction of that id was dropped: what it did, and what those inside it did, is
    /// undone before anything else is done.
    pub(super) fn abandon(&self, id: u64) {
        let mut state = self.state();
        if state.open.contains(&id) {
            // Ids grow: the smaller one is the outer one.
            state.undo_to = Some(state.undo_to.map_or(id, |other| other.min(id)));
        }
    }

    /// Commits, unless something has made the transaction that of another tenant or role, and
    /// gives the connection back.
    pub(super) async fn commit(&self) -> Result<(), DbErr> {
        let at_once = self.engine == Engine::Postgres;
        let verified = async {
            let mut turn = self.turn(None).await?;
            if !at_once {
                turn.verify().await?;
            }
            Ok(turn)
        };
        let mut turn = match verified.await {
            Ok(turn) => turn,
            Err(error) => {
                // Where it has ended already, it stays as it has ended.
                let _ = self.roll_back().await;
                return Err(error);
            }
        };
        // From here on, whatever is cut short closes the connection.
        self.end("it was committed");
        self.busy.store(true, Ordering::Relaxed);
        if at_once {
            return match turn.commit_at_once().await {
                Ok(is_clean) => {
                    turn.let_go(is_clean);
                    Ok(())
                }
                Err(error) if is_before_commit(&error) => {
                    let error = turn.not_committed(error);
                    drop(turn);
                    let _ = self.roll_back().await;
                    Err(error)
                }
                Err(error) => Err(not_executed(error)),
            };
        }
        let committed = match turn.connection()? {
            Connection::Postgres(inner) => Manager::<Postgres>::commit(inner).await,
            Connection::Sqlite(inner) => Manager::<Sqlite>::commit(inner).await,
        };
        committed.map_err(not_executed)?;
        turn.give_back().await;
        Ok(())
    }

    /// Rolls back, and gives the connection back.
    pub(super) async fn roll_back(&self) -> Result<(), DbErr> {
        self.end("it was rolled back");
        let live = self.live.lock().await;
        Turn { session: self, live }.roll_back().await
    }

    /// The scope itself was dropped, perhaps with inner transactions at work elsewhere: they can
    /// do no more, and the last of them lets the connection go.
    pub(super) fn end(&self, how: &'static str) {
        self.state().ended.get_or_insert(how);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whom the transaction works for, and whether there are temporary tables.
    fn whose(&self) -> String {
        let (role, has_temporary_tables) = match self.role {
            Some(_) => ("current_user::text", HAS_TEMPORARY_TABLES),
            None => ("''::text", "false"),
        };
        format!(
            "SELECT pg_catalog.current_setting('{}', true), {role}, {has_temporary_tables}",
            self.setting
        )
    }

    /// Fails on the server unless the transaction works for the tenant and as the role, and there are no
    /// temporary tables: a text becomes a boolean, which only `true` can.
    fn is_still_ours(&self) -> String {
        let role = self.role.as_deref().unwrap_or_default().replace('\'', "''");
        format!(
            "SELECT CASE WHEN {HAS_TEMPORARY_TABLES} THEN '{TEMPORARY_TABLES}' \
             WHEN pg_catalog.current_setting('{setting}', true) OPERATOR(pg_catalog.=) {tenant} \
             AND current_user OPERATOR(pg_catalog.=) '{role}'::pg_catalog.name THEN 'true' \
             ELSE '{OTHER_HANDS}' END::pg_catalog.bool",
            setting = self.setting,
            tenant = literal(&self.tenant.to_string()),
        )
    }

    /// Asks whether the session names no tenant, as before the transaction. The role becomes what it was when
    /// the session began, which need not be the login, and locks that belong to a session and not to a
    /// transaction are let go.
    ///
    /// After a commit, the settings of the session have to be those that the scope began with. A rollback has undone
    /// every change of them.
    fn is_clean(&self, is_committed: bool) -> String {
        let mut sql = format!(
            "SELECT pg_catalog.concat(pg_catalog.current_setting('{}', true), \
             pg_catalog.current_setting('{SEAL_SETTING}', true)) OPERATOR(pg_catalog.=) ''",
            self.setting
        );
        if is_committed && self.engine == Engine::Postgres {
            let _ = write!(
                sql,
                " AND pg_catalog.current_setting('{SETTINGS_BEFORE}', true) OPERATOR(pg_catalog.=) {}",
                session_settings()
            );
        }
        if self.role.is_some() {
            sql.push_str(
                ", pg_catalog.pg_advisory_unlock_all(), pg_catalog.set_config('role', NULL, false)",
            );
        }
        sql
    }

    /// Waits until no other statement runs, and undoes what was abandoned. Fails unless the
    /// transaction of the caller is the innermost one: what an outer one did while an inner one is
    /// open would be undone with the inner one.
    async fn turn(&self, inner: Option<u64>) -> Result<Turn<'_>, DbErr> {
        let live = self.live.lock().await;
        let undo_to = {
            let state = self.state();
            if let Some(how) = state.ended {
                return Err(DbErr::Custom(format!("the tenant scope has ended: {how}")));
            }
            state.undo_to
        };
        let mut turn = Turn { session: self, live };
        if let Some(id) = undo_to
            && let Err(error) = turn.close(id, false).await
        {
            self.end("a transaction inside it could not be rolled back");
            return Err(error);
        }
        let state = self.state();
        if state.open.last().copied() == inner {
            return Ok(turn);
        }
        let what = match inner {
            Some(id) if !state.open.contains(&id) => "this transaction has ended",
            _ => "a transaction inside this one is still open",
        };
        Err(DbErr::Custom(what.to_owned()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.live.get_mut().take() {
            connection.abandon(*self.busy.get_mut());
        }
    }
}

/// The connection, while one statement runs on it.
struct Turn<'a> {
    session: &'a Session,
    live: MutexGuard<'a, Option<Connection>>,
}

impl Turn<'_> {
    /// The connection, about to be sent something.
    fn connection(&mut self) -> Result<&mut Connection, DbErr> {
        let gone = || DbErr::Custom("the tenant scope has ended".to_owned());
        let connection = self.live.as_mut().ok_or_else(gone)?;
        self.session.busy.store(true, Ordering::Relaxed);
        Ok(connection)
    }

    /// The statement has come to its end, whether well or not.
    fn done<T>(&self, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        // A value that cannot be sent says nothing about what was sent before.
        if !matches!(outcome, Err(sqlx::Error::Encode(_))) {
            self.session.busy.store(false, Ordering::Relaxed);
        }
        outcome
    }

    /// Runs a statement of our own.
    async fn run(&mut self, sql: &str) -> Result<(), DbErr> {
        let sql = AssertSqlSafe(sql.to_owned());
        let done = on_either!(self.connection()?, inner => {
            sqlx::raw_sql(sql).execute(&mut **inner).await.map(|_| ())
        });
        self.done(done).map_err(not_executed)
    }

    /// Ends the inner transaction of that id, and those inside it. Cut short, it is done again.
    async fn close(&mut self, id: u64, keep: bool) -> Result<(), DbErr> {
        if !keep {
            self.run(&format!("ROLLBACK TO SAVEPOINT scope_{id}")).await?;
        }
        self.run(&format!("RELEASE SAVEPOINT scope_{id}")).await?;
        let mut state = self.session.state();
        state.open.retain(|other| *other < id);
        state.undo_to = state.undo_to.filter(|other| *other < id);
        Ok(())
    }

    /// Fails if the transaction is not the tenant's and the role's any more.
    async fn verify(&mut self) -> Result<(), DbErr> {
        let session = self.session;
        let Connection::Postgres(inner) = self.connection()? else { return Ok(()) };
        let whose = sqlx::query_as(AssertSqlSafe(session.whose())).persistent(session.named);
        let whose = whose.fetch_one(&mut **inner).await;
        let whose: (Option<String>, String, bool) = self.done(whose).map_err(failed)?;
        let (tenant, role) = (self.session.tenant.to_string(), self.session.role.clone());
        let (own_tenant, own_role, has_temporary_tables) = whose;
        if has_temporary_tables {
            self.session.is_spoilt.store(true, Ordering::Relaxed);
        } else if (own_tenant, own_role) == (Some(tenant), role.unwrap_or_default()) {
            return Ok(());
        }
        Err(changed_hands(has_temporary_tables))
    }

    /// Commits if the transaction is still the tenant's and the role's.
    async fn commit_at_once(&mut self) -> Result<bool, sqlx::Error> {
        let sql = format!("{}; COMMIT", self.session.is_still_ours());
        self.end_at_once(sql).await
    }

    /// Ends the transaction with this, and says whether the session is as it was before, all in one round trip.
    ///
    /// What is looked at afterwards is looked at in a transaction that follows at once. The pool ends that one,
    /// with a rollback that it sends when it takes the connection back: sqlx counts transactions, and only so
    /// its count is right.
    async fn end_at_once(&mut self, mut sql: String) -> Result<bool, sqlx::Error> {
        let is_committed = sql.ends_with("COMMIT");
        sql.push_str(" AND CHAIN");
        // Without names there is a pooler in between, and the connection is not the session.
        let is_looked_at = self.session.named;
        if is_looked_at {
            let _ = write!(sql, "; {}; COMMIT AND CHAIN", self.session.is_clean(is_committed));
        }
        self.session.busy.store(true, Ordering::Relaxed);
        let Some(Connection::Postgres(inner)) = self.live.as_mut() else {
            return Err(sqlx::Error::WorkerCrashed);
        };
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut **inner).await?;
        Manager::<Postgres>::start_rollback(inner);
        let is_clean = rows.last().is_some_and(|row| row.try_get(0).is_ok_and(|it: bool| it));
        Ok(is_clean || !is_looked_at)
    }

    /// Why nothing was committed.
    fn not_committed(&self, error: sqlx::Error) -> DbErr {
        let says = |text| error.as_database_error().is_some_and(|it| it.message().contains(text));
        if says(TEMPORARY_TABLES) {
            self.session.is_spoilt.store(true, Ordering::Relaxed);
            changed_hands(true)
        } else if says(OTHER_HANDS) {
            changed_hands(false)
        } else {
            failed(error)
        }
    }

    /// Gives the connection back to the pool, or closes it.
    fn let_go(mut self, is_clean: bool) {
        let is_spoilt = self.session.is_spoilt.load(Ordering::Relaxed);
        if let Some(Connection::Postgres(inner)) = &mut *self.live
            && (!is_clean || is_spoilt)
        {
            inner.close_on_drop();
        }
        drop(self.live.take());
        self.session.busy.store(false, Ordering::Relaxed);
    }

    /// Rolls back, and gives the connection back; if that fails, closes it.
    async fn roll_back(mut self) -> Result<(), DbErr> {
        if self.live.is_none() {
            return Ok(());
        }
        let rolled_back = if self.session.engine == Engine::Postgres {
            self.end_at_once("ROLLBACK".to_owned()).await.map(Some)
        } else {
            match self.connection()? {
                Connection::Postgres(inner) => Manager::<Postgres>::rollback(inner).await,
                Connection::Sqlite(inner) => Manager::<Sqlite>::rollback(inner).await,
            }
            .map(|()| None)
        };
        match rolled_back {
            Ok(Some(is_clean)) => self.let_go(is_clean),
            Ok(None) => self.give_back().await,
            Err(error) => {
                // Whatever it is in, it is not what it should be.
                if let Some(connection) = &mut *self.live {
                    on_either!(connection, inner => inner.close_on_drop());
                }
                drop(self.live.take());
                return Err(not_executed(error));
            }
        }
        Ok(())
    }

    /// Gives the connection back to the pool, if no tenant and no role stays on it.
    async fn give_back(mut self) {
        let session = self.session;
        // Without names there is a pooler in between, and the next statement goes anywhere.
        if session.named
            && let Ok(Connection::Postgres(inner)) = self.connection()
        {
            let sql = AssertSqlSafe(session.is_clean(false));
            let clean = sqlx::query_scalar(sql).persistent(session.named);
            let is_clean = matches!(clean.fetch_one(&mut **inner).await, Ok(true));
            self.let_go(is_clean);
        } else {
            self.let_go(true);
        }
    }
}

/// Whether the server stopped before the commit: `invalid_text_representation` of what
/// [`Session::is_still_ours`] says, or the transaction had failed before.
fn is_before_commit(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| match error.code().as_deref() {
        Some("22P02") => {
            [TEMPORARY_TABLES, OTHER_HANDS].iter().any(|it| error.message().contains(it))
        }
        // in_failed_sql_transaction
        Some("25P02") => true,
        _ => false,
    })
}

fn changed_hands(has_temporary_tables: bool) -> DbErr {
    let what = if has_temporary_tables {
        "there is a temporary table on its connection, made by a statement of it or by what used the \
         connection before; the connection is closed"
    } else {
        "a statement has changed its tenant or its role"
    };
    DbErr::Custom(format!("the tenant scope was not committed: {what}; everything was rolled back"))
}

pub(super) fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

fn not_executed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Beginning fails with a reason of the role's in most cases.
fn not_as(role: &str, error: sqlx::Error) -> DbErr {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        // invalid_parameter_value
        Some("22023") => DbErr::Custom(format!(
            "a tenant scope cannot work as the application role {role}, which does not exist: \
             `migration grant` makes it, or says what an administrator has to run"
        )),
        // insufficient_privilege
        Some("42501") => DbErr::Custom(format!(
            "a tenant scope cannot work as the application role {role}, since the role of this \
             connection is not a member of it: as a role that may, run `GRANT {} TO` the role of \
             this connection",
            quoted(role)
        )),
        _ => failed(error),
    }
}
