//! The schema as plain data, and the ways to get one.
//!
//! | from | by |
//! |---|---|
//! | the entities | [`Schema::from_tables`] |
//! | the checked-in snapshot | [`Schema::from_snapshot`] |
//! | a live database | [`read`](fn@read) |
//! | what the entities would be there | [`expected`](fn@expected) |
//!
//! A schema built from the entities is neutral: it is written in PostgreSQL's words, and
//! [`Schema::on`] says what becomes of it on an engine that has other words or fewer distinctions.

pub mod access;
pub mod ddl;
mod enums;
pub mod expr;
mod extra;
mod from_entities;
mod from_postgres;
mod from_sqlite;
mod model;
pub mod names;
mod normalise;
pub mod objects;
mod on_engine;
mod reduced;
pub mod rules;
mod snapshot;
pub mod tenancy;
mod types;

pub use access::{Grant, Grantee, Policy, RowSecurity};
pub(crate) use from_entities::{is_unique, reread};
pub use from_postgres::{attribute_names, read_all_comments, read_comments};
pub use model::{
    Action, BTREE, Check, Column, Distribution, ForeignKey, Generated, INCLUDE, Index, IndexPart,
    NULLS_NOT_DISTINCT, PrimaryKey, Schema, Table,
};
pub use normalise::{Expected, expected, read, replay};
pub use on_engine::LeftOut;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
pub use types::ColumnType;

/// The rows of a query, each as a `T`.
///
/// # Errors
///
/// If the query fails, or a row is no `T`.
pub async fn rows<T: FromQueryResult, C: ConnectionTrait>(
    db: &C,
    sql: impl Into<String>,
) -> Result<Vec<T>, DbErr> {
    let stmt = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(stmt).await?.iter().map(|row| T::from_query_result(row, "")).collect()
}
