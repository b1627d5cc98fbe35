//! Version 1 of the operations. Append only: a change of behaviour belongs in `v2`.

mod access;
mod alter;
mod collation;
mod comment;
mod create;
mod distribute;
mod enums;
mod rebuild;
mod statement;
mod within;

pub use access::{AlterAccess, alter_access};
pub use access::{ENABLE, FORCE, GRANTABLE, grant_sql, policy_sql, row_security_sql};
pub use access::{SEAL_BEGINS, seal_sql, sealed_tenant_body};
pub use alter::VALUE_NEEDED;
pub use alter::index_sql;
pub use alter::{AlterTable, alter_table, rename_column, rename_index};
pub use alter::{rename_index_of, rename_table};
pub use collation::{SQLITE_COLLATIONS, collated, has_collation, with_collation};
pub use comment::{COMMENT_ON, comment_on_column, comment_on_table, comment_sql};
pub use create::{add_column, create_index, create_table, drop_column, drop_index, drop_table};
pub use create::{is_column, is_left_out, is_unique_kept};
pub use distribute::{distribute, distribute_beside, replicate, undistribute};
pub use distribute::{distribute_online_sql, distributions, is_distribution, replicate_sql};
pub use enums::{
    add_enum_value, add_enum_value_before, create_enum, create_enum_sql, custom_or_text, drop_enum,
    enum_array_column, enum_column, rename_enum,
};
pub use rebuild::FOREIGN_KEYS_ENFORCED;
pub use rebuild::{Rebuild, rebuild};
pub use statement::{statement, statement_on_postgres, statement_on_sqlite};
pub use within::{
    SCHEMA_BEGINS, create_schema, create_schema_sql, created_schemas, drop_schema, grant_usage,
};

use sea_orm_migration::{
    prelude::{ColumnDef, ColumnType, Expr, SchemaManager},
    schema::uuid,
};
use tenantry_entity::Engine;

use super::context::Context;

/// The `id` column: a UUID that the application makes; where the engine can, the database makes
/// one for rows that come without.
#[must_use]
pub fn id(manager: &SchemaManager<'_>) -> ColumnDef {
    random_uuid(manager, uuid("id"))
}

/// `column` with a new UUID as its default where the database can make one.
#[must_use]
pub fn random_uuid(manager: &SchemaManager<'_>, mut column: ColumnDef) -> ColumnDef {
    if engine(manager).capability().random_uuid_default {
        column.default(Expr::cust("gen_random_uuid()"));
    }
    column
}

/// `column`, a whole number, to which the database gives the next number in each new row that comes without.
///
/// On SQLite it has to be the key: any column that is declared `INTEGER` and is the key by itself counts.
/// <https://www.sqlite.org/lang_createtable.html#rowid>
#[must_use]
pub fn auto_increment(manager: &SchemaManager<'_>, column: ColumnDef) -> ColumnDef {
    counting(engine(manager), column)
}

/// As [`auto_increment`], on a known engine.
#[must_use]
pub fn counting(engine: Engine, mut column: ColumnDef) -> ColumnDef {
    if engine == Engine::Sqlite {
        let mut own = ColumnDef::new_with_type(column.get_column_name(), ColumnType::Integer);
        return own.not_null().take();
    }
    column.auto_increment().take()
}

/// The present moment, for a `timestamptz` column.
#[must_use]
pub fn now(manager: &SchemaManager<'_>) -> Expr {
    Expr::cust(now_sql(engine(manager)))
}

/// The present moment, for a `timestamp` column without time zone.
#[must_use]
pub fn local_now(manager: &SchemaManager<'_>) -> Expr {
    Expr::cust(local_now_sql(engine(manager)))
}

/// The SQL behind [`now`]. SQLite's own `CURRENT_TIMESTAMP` has no zone and no fraction, so it
/// would sort wrongly beside what sqlx writes.
#[must_use]
pub fn now_sql(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
        _ => "CURRENT_TIMESTAMP",
    }
}

/// The SQL behind [`local_now`].
#[must_use]
pub fn local_now_sql(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        _ => "LOCALTIMESTAMP",
    }
}

/// The engine: the runner knows it. Without one, PostgreSQL is taken for plain.
#[must_use]
pub fn engine(manager: &SchemaManager<'_>) -> Engine {
    if let Some(context) = Context::current() {
        return context.engine;
    }
    // The runner has refused every other backend before a migration is called.
    Engine::of(manager.get_database_backend()).unwrap_or(Engine::Postgres)
}
