//! Rows that are in the way.

use sea_orm::{DbErr, RuntimeErr, SqlErr};
use tenantry_migration::Error;

/// Says so where a row that the seeder did not make has what a sample row should have alone.
pub(crate) fn explained(error: DbErr, table: &str) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::unusable(
            "row-in-the-way",
            format!(
                "a row of {table} that the seeder did not make, or that was changed since, has what a sample row \
             needs for itself: {}; change it or delete it, and try again",
                named(&error)
            ),
        ),
        _ => error.into(),
    }
}

/// What the engine says is there already.
fn named(error: &DbErr) -> String {
    let (DbErr::Exec(RuntimeErr::SqlxError(source)) | DbErr::Query(RuntimeErr::SqlxError(source))) =
        error
    else {
        return error.to_string();
    };
    let detail = source
        .as_database_error()
        .and_then(|it| it.try_downcast_ref::<sea_orm::sqlx::postgres::PgDatabaseError>())
        .and_then(|it| it.detail());
    match (detail, source.as_database_error()) {
        (Some(detail), _) => detail.trim_end_matches('.').to_owned(),
        (None, Some(database)) => database.message().to_owned(),
        (None, None) => source.to_string(),
    }
}
