//! A dump, run in a database of its own.

use sea_orm::{
    ConnectionTrait as _,
    sqlx::{self, AssertSqlSafe},
};
use tenantry_entity::Engine;
use tenantry_schema::adopt::{Left, statements};

use crate::{
    db::Database,
    error::{Error, Result},
};

/// Runs what a dump says, in order; gives the statements that failed, with the reason.
///
/// # Errors
///
/// If the text is no SQL, or none of it can be run.
pub(super) async fn run(db: &Database, dump: &str, name: &str) -> Result<Vec<Left>> {
    let all = statements(dump).ok_or_else(|| {
        Error::config(
            "dump-unreadable",
            format!("{name} is no SQL: a dump is what `pg_dump -s` writes"),
        )
    })?;
    let mut left = Vec::new();
    let mut failed = |sql: &str, why: String| {
        let start: String = sql.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
        left.push(Left::new("statement", &start, format!("it could not be run: {why}")));
    };
    if db.engine == Engine::Sqlite {
        for sql in &all {
            if let Err(error) = db.connection.execute_unprepared(sql).await {
                failed(sql, crate::error::explain(&error));
            }
        }
    } else {
        // Settings hold for one connection.
        let pool = db.connection.get_postgres_connection_pool();
        let failure = |error: sqlx::Error| Error::unusable("dump-not-run", error.to_string());
        let mut connection = pool.acquire().await.map_err(failure)?;
        for sql in &all {
            let sent = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut *connection).await;
            if let Err(error) = sent {
                let message = error.as_database_error().map(|it| it.message().to_owned());
                failed(sql, message.unwrap_or_else(|| error.to_string()));
            }
        }
        connection.close_on_drop();
    }
    if left.len() == all.len() && !all.is_empty() {
        let why = left.first().map(|first| first.why.clone()).unwrap_or_default();
        return Err(Error::config(
            "dump-unreadable",
            format!("nothing in {name} can be run on {}; of its first statement, {why}", db.engine),
        ));
    }
    Ok(left)
}
