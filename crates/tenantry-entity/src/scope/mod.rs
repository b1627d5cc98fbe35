//! Working for one tenant.

mod query;
mod seal;
mod session;
mod statement;
mod tenant_id;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, IsolationLevel,
    QueryResult, Statement, TransactionError, TransactionOptions, TransactionSession,
    TransactionTrait, prelude::async_trait,
};

pub use self::seal::{LONGEST_LIFETIME, SEAL_KEY_VARIABLE, SEALED_TEXT, SealKey, SealKeyError};
use self::session::Session;
pub use self::{statement::check, tenant_id::TenantId};
use crate::{
    Engine,
    tenancy::{TENANCY, Tenancy},
};

/// A transaction that works for one tenant and sees nothing of any other.
///
/// ```no_run
/// # mod order {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::model]
/// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "orders")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key, auto_increment = false)]
/// #         pub tenant_id: Uuid,
/// #         #[sea_orm(primary_key, auto_increment = false)]
/// #         pub id: Uuid,
/// #         pub number: String,
/// #     }
/// #     tenantry_entity::active_model_behavior!();
/// #     impl tenantry_entity::Table for Entity {}
/// #     tenantry_entity::tenant_scoped!();
/// # }
/// use sea_orm::{ActiveValue::Set, entity::prelude::*};
/// use tenantry_entity::TenantScope;
///
/// # async fn example(db: &DatabaseConnection, tenant: Uuid) -> Result<(), DbErr> {
/// let scope = TenantScope::begin(db, tenant).await?;
/// let order = scope
///     .insert(order::ActiveModel {
///         number: Set("2026-0001".to_owned()),
///         ..ActiveModelBehavior::new()
///     })
///     .await?;
/// let orders = scope.find::<order::Entity>().all(&scope).await?;
/// assert!(orders.contains(&order));
/// scope.commit().await
/// # }
/// ```
///
/// On PostgreSQL the database itself keeps tenants apart: the scope is a transaction that works as
/// the application role, on whose behalf row-level policies show the rows of the tenant that a
/// setting names. On Nile the setting alone does that. A scope is a [`ConnectionTrait`], so it goes
/// wherever a connection goes. On SQLite there are no policies: only [`find`](Self::find) and the other methods here filter, so SQLite
/// is for development and tests.
///
/// Dropped without a commit, a scope is rolled back, whatever the reason: an early return, a
/// panic, a cancelled future. Its connection goes back to the pool without tenant and role, or it
/// is closed.
///
/// What could end the transaction, change the tenant or outlive the scope is refused before it is
/// sent: transaction control, SET and RESET, DO, CALL, COPY, DDL, several statements in one text, calls
/// of functions that run another text.
/// Before a commit, tenant and role are looked at once more. This guards against a forgotten
/// filter and against confused code. Hostile SQL has ways that no client can see; what bounds it
/// is a login that is nothing but a member of the application role.
#[must_use = "a scope that is dropped is rolled back"]
pub struct TenantScope {
    session: Arc<Session>,
    /// Which savepoint it is; `None` for the transaction itself.
    inner: Option<u64>,
    is_open: bool,
}

/// How scopes begin, where the usual is not meant.
///
/// ```no_run
/// # use sea_orm::entity::prelude::*;
/// # use tenantry_entity::TenantScope;
/// # async fn example(db: &DatabaseConnection, tenant: Uuid) -> Result<(), DbErr> {
/// let scope = TenantScope::options().role("crm_app").begin(db, tenant).await?;
/// # scope.rollback().await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ScopeOptions {
    role: String,
    setting: &'static str,
    engine: Option<Engine>,
    unnamed_statements: bool,
    seal: Option<SealKey>,
    seal_lifetime: Duration,
}

impl Default for ScopeOptions {
    fn default() -> Self {
        Self {
            role: TENANCY.application_role.to_owned(),
            setting: TENANCY.setting,
            engine: None,
            unnamed_statements: false,
            seal: None,
            seal_lifetime: seal::LIFETIME,
        }
    }
}

impl ScopeOptions {
    /// Names the tenant by the setting of this tenancy, and works as its application role.
    ///
    /// ```no_run
    /// # use sea_orm::entity::prelude::*;
    /// # use tenantry_entity::{Tenancy, TenantScope, tenancy::TENANCY};
    /// # const ORGANIZATIONS: Tenancy = TENANCY;
    /// # async fn example(db: &DatabaseConnection) -> Result<(), DbErr> {
    /// let scope = TenantScope::options().tenancy(&ORGANIZATIONS).begin(db, 7).await?;
    /// # scope.rollback().await
    /// # }
    /// ```
    #[must_use]
    pub fn tenancy(mut self, tenancy: &Tenancy) -> Self {
        tenancy.application_role.clone_into(&mut self.role);
        self.setting = tenancy.setting;
        self
    }

    /// Works as the application role of this name.
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.role = name.into();
        self
    }

    /// Takes the database for this engine instead of asking it. A PostgreSQL that is taken for Nile
    /// keeps no tenants apart, since scopes take on no role there.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Sends statements without a name, for a PgBouncer in transaction mode that does not keep track
    /// of named ones: before 1.21, or with `max_prepared_statements = 0`. There, the second client
    /// to get a server connection would fail with `prepared statement … already exists`. Each
    /// statement is then parsed again.
    #[must_use]
    pub fn unnamed_statements(mut self) -> Self {
        self.unnamed_statements = true;
        self
    }

    /// Names the tenant by a token that this key seals, in a project whose policies ask for one. The login of
    /// `db` has to be nothing but a member of the application role: then no SQL in the scope, even an
    /// attacker's, shows it another tenant's rows. Only on PostgreSQL; on SQLite and Nile it is as without.
    ///
    /// ```no_run
    /// # use sea_orm::entity::prelude::*;
    /// # use tenantry_entity::{SealKey, TenantScope};
    /// # async fn example(db: &DatabaseConnection, tenant: Uuid) -> Result<(), Box<dyn std::error::Error>> {
    /// let options = TenantScope::options().sealed(SealKey::from_env()?);
    /// let scope = options.begin(db, tenant).await?;
    /// # Ok(scope.rollback().await?)
    /// # }
    /// ```
    #[must_use]
    pub fn sealed(mut self, key: SealKey) -> Self {
        self.seal = Some(key);
        self
    }

    /// How long the token of a sealed scope is good for, from when the scope begins: 60 seconds, and at most
    /// an hour. It has to be good when the transaction begins and not until it ends, so this only makes up for
    /// clocks that differ. A token that was stolen can be used as long.
    #[must_use]
    pub fn seal_lifetime(mut self, lifetime: Duration) -> Self {
        self.seal_lifetime = lifetime;
        self
    }

    /// The engine that scopes on `db` take it for: the one that was named, or the one that it says it
    /// is.
    ///
    /// # Errors
    ///
    /// If another kind of database was named, or it does not answer.
    pub async fn engine_of(&self, db: &DatabaseConnection) -> Result<Engine, DbErr> {
        match self.engine {
            None => Engine::detect(db).await,
            Some(engine) if engine.backend() == db.get_database_backend() => Ok(engine),
            Some(engine) => Err(DbErr::Custom(format!(
                "the scope was told that this is {engine}, and it is no such connection"
            ))),
        }
    }

    /// Begins to work for a tenant, on a connection of the pool.
    ///
    /// # Errors
    ///
    /// If the pool has no connection to give, if the application role does not exist or may not be
    /// worked as, if the key can be no tenant's, or if this kind of database is not supported.
    pub async fn begin(
        &self,
        db: &DatabaseConnection,
        tenant: impl Into<TenantId>,
    ) -> Result<TenantScope, DbErr> {
        let tenant = tenant.into();
        let session = match db.get_database_backend() {
            _ if db.is_mock_connection() => return Err(unsupported()),
            DbBackend::Postgres => {
                let engine = self.engine_of(db).await?;
                let pool = db.get_postgres_connection_pool();
                Session::on_postgres(pool, tenant, engine, self).await?
            }
            DbBackend::Sqlite => {
                Session::on_sqlite(db.get_sqlite_connection_pool(), tenant, self).await?
            }
            _ => return Err(unsupported()),
        };
        Ok(TenantScope { session: Arc::new(session), inner: None, is_open: true })
    }
}

fn unsupported() -> DbErr {
    DbErr::Custom("tenant scopes need a pool of PostgreSQL or SQLite connections".to_owned())
}

impl TenantScope {
    /// Begins to work for a tenant, as the role of [`TENANCY`]. Does not ask whether the
    /// tenant exists: one that does not has no rows.
    ///
    /// # Errors
    ///
    /// As [`ScopeOptions::begin`].
    pub async fn begin(
        db: &DatabaseConnection,
        tenant: impl Into<TenantId>,
    ) -> Result<Self, DbErr> {
        Self::options().begin(db, tenant).await
    }

    /// How scopes begin, to be changed.
    #[must_use]
    pub fn options() -> ScopeOptions {
        ScopeOptions::default()
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.session.tenant
    }

    /// Keeps what was done. Inside another scope's transaction, that is up to the outer one.
    ///
    /// # Errors
    ///
    /// If a statement has failed before, if a transaction inside is still open, or if the
    /// transaction is no longer that of the tenant and the application role. Everything is rolled
    /// back then.
    pub async fn commit(mut self) -> Result<(), DbErr> {
        match self.inner {
            None => self.session.commit().await,
            Some(id) => {
                // Cut short, it counts as dropped.
                let closed = self.session.close(id, true).await;
                self.is_open = closed.is_err();
                closed
            }
        }
    }

    /// Undoes what was done.
    ///
    /// # Errors
    ///
    /// If the server does not answer, or the statement fails; the connection is closed then.
    pub async fn rollback(mut self) -> Result<(), DbErr> {
        match self.inner {
            None => self.session.roll_back().await,
            Some(id) => {
                let closed = self.session.close(id, false).await;
                self.is_open = closed.is_err();
                closed
            }
        }
    }

    async fn nested(&self) -> Result<Self, DbErr> {
        let id = self.session.open(self.inner).await?;
        Ok(Self { session: Arc::clone(&self.session), inner: Some(id), is_open: true })
    }
}

impl Drop for TenantScope {
    fn drop(&mut self) {
        match self.inner {
            None => self.session.end("it was dropped"),
            Some(id) if self.is_open => self.session.abandon(id),
            Some(_) => {}
        }
    }
}

impl std::fmt::Debug for TenantScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantScope").field("tenant", &self.tenant()).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for TenantScope {
    fn get_database_backend(&self) -> DbBackend {
        self.session.engine.backend()
    }

    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.session.execute(self.inner, stmt).await
    }

    /// Sends one statement, as [`execute_raw`](Self::execute_raw) does.
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let stmt = Statement::from_string(self.get_database_backend(), sql);
        self.session.execute(self.inner, stmt).await
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.session.query_one(self.inner, stmt).await
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.session.query_all(self.inner, stmt).await
    }
}

/// A transaction inside a scope is a scope of the same tenant. Isolation level and access mode are
/// the outer one's, so asking for others fails.
#[async_trait::async_trait]
impl TransactionTrait for TenantScope {
    type Transaction = Self;

    async fn begin(&self) -> Result<Self, DbErr> {
        self.nested().await
    }

    async fn begin_with_config(
        &self,
        isolation_level: Option<IsolationLevel>,
        access_mode: Option<AccessMode>,
    ) -> Result<Self, DbErr> {
        let options =
            TransactionOptions { isolation_level, access_mode, sqlite_transaction_mode: None };
        self.begin_with_options(options).await
    }

    async fn begin_with_options(&self, options: TransactionOptions) -> Result<Self, DbErr> {
        if options != TransactionOptions::default() {
            return Err(DbErr::Custom(
                "a transaction inside a tenant scope cannot have options of its own".to_owned(),
            ));
        }
        self.nested().await
    }

    async fn transaction<F, T, E>(&self, callback: F) -> Result<T, TransactionError<E>>
    where
        F: for<'c> FnOnce(&'c Self) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>>
            + Send,
        T: Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        self.transaction_with_config(callback, None, None).await
    }

    async fn transaction_with_config<F, T, E>(
        &self,
        callback: F,
        isolation_level: Option<IsolationLevel>,
        access_mode: Option<AccessMode>,
    ) -> Result<T, TransactionError<E>>
    where
        F: for<'c> FnOnce(&'c Self) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>>
            + Send,
        T: Send,
        E: std::fmt::Display + std::fmt::Debug + Send,
    {
        let inner = self
            .begin_with_config(isolation_level, access_mode)
            .await
            .map_err(TransactionError::Connection)?;
        match callback(&inner).await {
            Ok(value) => {
                inner.commit().await.map_err(TransactionError::Connection)?;
                Ok(value)
            }
            Err(error) => {
                inner.rollback().await.map_err(TransactionError::Connection)?;
                Err(TransactionError::Transaction(error))
            }
        }
    }
}

#[async_trait::async_trait]
impl TransactionSession for TenantScope {
    async fn commit(self) -> Result<(), DbErr> {
        self.commit().await
    }

    async fn rollback(self) -> Result<(), DbErr> {
        self.rollback().await
    }
}
