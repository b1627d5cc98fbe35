//! The database engines and what each of them can do.

use sea_orm::DbBackend;

/// A database engine that Tenantry runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// An embedded SQLite file: for development and tests.
    Sqlite,
    /// Plain PostgreSQL, 13 or newer.
    Postgres,
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
    /// ALTER TABLE does little beyond adding a column, so that a table is altered by making it
    /// anew.
    pub rebuilds_tables: bool,
    /// Roles and row-level policies exist, so that the database itself keeps tenants apart.
    pub row_level_security: bool,
}

impl Engine {
    /// The engine behind a SeaORM backend; `None` for backends that Tenantry does not support.
    #[must_use]
    pub fn of(backend: DbBackend) -> Option<Self> {
        match backend {
            DbBackend::Postgres => Some(Self::Postgres),
            DbBackend::Sqlite => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// The SeaORM backend that writes this engine's SQL.
    #[must_use]
    pub fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres => DbBackend::Postgres,
        }
    }

    /// The name used in options, reports and file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
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
            },
            Self::Postgres => Capability {
                random_uuid_default: true,
                table_locks: true,
                advisory_lock: true,
                always_enforces_foreign_keys: true,
                keeps_expression_text: false,
                rebuilds_tables: false,
                row_level_security: true,
            },
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
