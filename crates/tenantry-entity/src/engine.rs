//! The database engines and what each of them can do.
//!
//! What is said of Nile is what its documentation says and others have measured; nothing here was
//! tried on Nile itself. Whatever is not known to work there counts as missing. What is said of
//! Citus was tried on Citus 13.2.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement,
    sqlx::{
        self, AssertSqlSafe, Connection as _, PgConnection, Row as _, postgres::PgConnectOptions,
    },
};
use uuid::Uuid;

use crate::tenancy::NILE_SETTING;

/// A database engine that Tenantry runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// An embedded SQLite file: for development and tests.
    Sqlite,
    /// Plain PostgreSQL, 13 or newer.
    Postgres,
    /// Nile (<https://www.thenile.dev>): PostgreSQL 15, re-engineered for tenants, which it keeps
    /// apart itself.
    Nile,
    /// Citus (<https://www.citusdata.com>): PostgreSQL that spreads tables over several servers, by
    /// an extension.
    Citus,
}

/// What an engine can do. Code asks here, and for an engine's name only where it writes its SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a state")]
pub struct Capability {
    /// `gen_random_uuid()` exists and is the default of `id` columns.
    pub random_uuid_default: bool,
    /// `LOCK TABLE` exists. Without it, a transaction that writes locks the whole database.
    pub table_locks: bool,
    /// Advisory locks exist, with which one migrator waits for another.
    pub advisory_lock: bool,
    /// Foreign keys are always enforced. Otherwise each connection may switch them off, and
    /// orphans have to be looked for.
    pub always_enforces_foreign_keys: bool,
    /// The SQL of a check or a predicate is kept as it was written, not as the server reads it.
    pub keeps_expression_text: bool,
    /// ALTER TABLE can do little but add columns; other changes recreate the table.
    pub rebuilds_tables: bool,
    /// Roles and row-level policies exist, with which the schema keeps tenants apart.
    pub row_level_security: bool,
    /// The database keeps tenants apart by itself, as soon as the tenant setting names one.
    pub isolates_tenants: bool,
    /// Temporary tables exist, so that the server can be asked how it writes an expression.
    pub temporary_tables: bool,
    /// Settings of the session (`lock_timeout` and the like) may be changed.
    pub session_settings: bool,
    /// A tenant-scoped table may refer to a shared one that is not `tenants`.
    pub foreign_keys_to_shared: bool,
    /// `tenants` may have uniques beside its key.
    pub unique_on_tenants: bool,
    /// Tables are spread over several servers (nodes): `tenants` and what is tenant-scoped by
    /// tenant, and what is shared is on each. A node works on another as the role that asked it,
    /// which has to be let in there.
    pub distributes_tables: bool,
    /// An index may have an expression among its parts.
    pub expression_indexes: bool,
    /// Tables, columns, indexes and constraints may get other names. Where not, an index is recreated
    /// under the other name.
    pub renames: bool,
    /// `COMMENT ON` exists.
    pub comments: bool,
    /// `ALTER COLUMN … DROP DEFAULT` exists.
    pub drop_default: bool,
    /// A transaction may write to several tenants, and to shared tables beside them.
    pub writes_across_tenants: bool,
    /// The tables that the engine brings along. They are adopted: never created, locked, dropped or
    /// emptied.
    pub built_ins: &'static [BuiltIn],
}

/// A table that an engine brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name, which the engine's own `search_path` finds.
    pub table: &'static str,
    /// The columns that it comes with. Others may be added if they take NULL or have a default,
    /// since the engine itself inserts rows.
    pub columns: &'static [&'static str],
    /// The columns that it keeps unique by itself, among rows that are not deleted.
    pub unique: &'static [&'static str],
}

impl Capability {
    /// The table of that name, if the engine brings it along.
    #[must_use]
    pub fn built_in(&self, table: &str) -> Option<&'static BuiltIn> {
        self.built_ins.iter().find(|built_in| built_in.table == table)
    }
}

/// Nile's `public.tenants` and `users.users`, as far as our entities know them:
/// <https://www.thenile.dev/docs/auth/concepts/builtintables>.
const NILE_BUILT_INS: &[BuiltIn] = &[
    BuiltIn {
        table: "tenants",
        columns: &["id", "name", "created", "updated", "deleted"],
        unique: &[],
    },
    BuiltIn {
        table: "users",
        columns: &[
            "id",
            "email",
            "name",
            "given_name",
            "family_name",
            "picture",
            "email_verified",
            "created",
            "updated",
            "deleted",
        ],
        unique: &["email"],
    },
];

/// SQL that is true on Nile: the `search_path` that it gives every session, `public, users,
/// _nile_shared, extensions` as others have measured. A Nile that is not recognised is taken for
/// PostgreSQL, and fails loudly for want of roles. See also [`refuses_unknown_tenant`].
pub const IS_NILE: &str =
    "position('_nile_shared' IN pg_catalog.current_setting('search_path')) > 0";

/// SQL that is true on Citus: its extension is in the database.
pub const IS_CITUS: &str = "EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus')";

/// Which engine each database turned out to be, by host, port and name, so that it is asked once.
static DETECTED: Mutex<Option<HashMap<String, Engine>>> = Mutex::new(None);

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 4] = [Self::Sqlite, Self::Postgres, Self::Nile, Self::Citus];

    /// The engine of that [name](Self::name).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// The plain engine behind a SeaORM backend, which does not tell Nile or Citus from PostgreSQL; `None`
    /// for backends that Tenantry does not support.
    #[must_use]
    pub fn of(backend: DbBackend) -> Option<Self> {
        match backend {
            DbBackend::Postgres => Some(Self::Postgres),
            DbBackend::Sqlite => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// Finds out which engine is behind a connection. A database is asked once: what it answered is
    /// kept for as long as the process lives.
    ///
    /// # Errors
    ///
    /// If Tenantry does not support this kind of database, or it does not answer.
    pub async fn detect(db: &DatabaseConnection) -> Result<Self, DbErr> {
        if db.get_database_backend() != DbBackend::Postgres || db.is_mock_connection() {
            return Self::plain(db);
        }
        let place = place(&db.get_postgres_connection_pool().connect_options());
        let known = |engine| {
            let mut detected = DETECTED.lock().unwrap_or_else(PoisonError::into_inner);
            let detected = detected.get_or_insert_default();
            match engine {
                Some(engine) => detected.insert(place.clone(), engine),
                None => detected.get(&place).copied(),
            }
        };
        if let Some(engine) = known(None) {
            return Ok(engine);
        }
        let mut connection = db.get_postgres_connection_pool().acquire().await.map_err(failed)?;
        // By the simple protocol, which leaves no statement behind on a connection that is shared.
        let asked = sqlx::raw_sql(AssertSqlSafe(format!("SELECT {IS_NILE}, {IS_CITUS}")));
        let row = asked.fetch_one(&mut *connection).await.map_err(failed)?;
        let is_nile = row.try_get(0).map_err(failed)?
            && refuses_unknown_tenant(&mut connection).await.map_err(failed)?;
        let engine = Self::which(is_nile, row.try_get(1).map_err(failed)?);
        known(Some(engine));
        Ok(engine)
    }

    /// As [`detect`](Self::detect), over any connection, which is asked every time, and only for its
    /// `search_path`: what would be refused must not end a transaction of the caller's.
    ///
    /// # Errors
    ///
    /// As [`detect`](Self::detect).
    pub async fn ask<C: ConnectionTrait>(db: &C) -> Result<Self, DbErr> {
        let plain = Self::plain(db)?;
        if plain != Self::Postgres {
            return Ok(plain);
        }
        let sql = format!("SELECT {IS_NILE} AS is_nile, {IS_CITUS} AS is_citus");
        let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        let Some(row) = row else { return Ok(plain) };
        Ok(Self::which(row.try_get("", "is_nile")?, row.try_get("", "is_citus")?))
    }

    /// The engine behind a PostgreSQL connection, by what it answered.
    #[must_use]
    pub fn which(is_nile: bool, is_citus: bool) -> Self {
        match (is_nile, is_citus) {
            (true, _) => Self::Nile,
            (_, true) => Self::Citus,
            _ => Self::Postgres,
        }
    }

    fn plain<C: ConnectionTrait>(db: &C) -> Result<Self, DbErr> {
        Self::of(db.get_database_backend())
            .ok_or_else(|| DbErr::Custom("this kind of database is not supported".to_owned()))
    }

    /// The SeaORM backend that writes this engine's SQL.
    #[must_use]
    pub fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres | Self::Nile | Self::Citus => DbBackend::Postgres,
        }
    }

    /// The name used in options, reports and file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Nile => "nile",
            Self::Citus => "citus",
        }
    }

    /// What this engine can do.
    #[must_use]
    pub fn capability(self) -> Capability {
        match self {
            Self::Sqlite => Capability {
                random_uuid_default: false,
                table_locks: false,
                advisory_lock: false,
                always_enforces_foreign_keys: false,
                keeps_expression_text: true,
                rebuilds_tables: true,
                row_level_security: false,
                isolates_tenants: false,
                temporary_tables: true,
                session_settings: false,
                foreign_keys_to_shared: true,
                unique_on_tenants: true,
                distributes_tables: false,
                expression_indexes: true,
                renames: true,
                comments: false,
                drop_default: true,
                writes_across_tenants: true,
                built_ins: &[],
            },
            Self::Postgres => Capability {
                random_uuid_default: true,
                table_locks: true,
                advisory_lock: true,
                always_enforces_foreign_keys: true,
                keeps_expression_text: false,
                rebuilds_tables: false,
                row_level_security: true,
                isolates_tenants: false,
                temporary_tables: true,
                session_settings: true,
                foreign_keys_to_shared: true,
                unique_on_tenants: true,
                distributes_tables: false,
                expression_indexes: true,
                renames: true,
                comments: true,
                drop_default: true,
                writes_across_tenants: true,
                built_ins: &[],
            },
            Self::Citus => Capability {
                // A unique has to have the column by which a table is distributed.
                unique_on_tenants: false,
                distributes_tables: true,
                ..Self::Postgres.capability()
            },
            Self::Nile => Capability {
                random_uuid_default: true,
                // Nile locks what DDL touches itself; LOCK TABLE is untried.
                table_locks: false,
                advisory_lock: true,
                always_enforces_foreign_keys: true,
                keeps_expression_text: false,
                rebuilds_tables: false,
                row_level_security: false,
                isolates_tenants: true,
                temporary_tables: false,
                session_settings: false,
                foreign_keys_to_shared: false,
                unique_on_tenants: false,
                distributes_tables: false,
                expression_indexes: false,
                renames: false,
                comments: false,
                drop_default: false,
                writes_across_tenants: false,
                built_ins: NILE_BUILT_INS,
            },
        }
    }
}

/// Whether a server refuses to work for a tenant that does not exist, as Nile does (`22023`, others
/// have measured). PostgreSQL takes any, whatever its `search_path` is: that may have come with a
/// dump. No transaction must be open on the connection.
///
/// # Errors
///
/// If the server does not answer.
pub async fn refuses_unknown_tenant(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let no_tenant = format!("SET LOCAL {NILE_SETTING} = '{}'", Uuid::nil());
    let mut tx = connection.begin().await?;
    let taken = sqlx::raw_sql(AssertSqlSafe(no_tenant)).execute(&mut *tx).await;
    tx.rollback().await?;
    match taken {
        Ok(_) => Ok(false),
        Err(sqlx::Error::Database(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Where a database is: host, port, name and options.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    let socket = options.get_socket().map(|path| path.display().to_string());
    format!(
        "{}:{}/{}?{}",
        socket.as_deref().unwrap_or(options.get_host()),
        options.get_port(),
        options.get_database().unwrap_or(options.get_username()),
        options.get_options().unwrap_or_default(),
    )
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
