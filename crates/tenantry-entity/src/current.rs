//! Whether a database is as new as the program that works on it.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement, sqlx};

use crate::sql::quoted;

/// How new a database is, beside the program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Currency {
    /// Every migration of this program is applied, and no other.
    Current,
    /// These of the program's migrations are not applied, so the program would look for what is not
    /// there.
    Behind(Vec<String>),
    /// Every migration of this program is applied, and these that it does not have: a newer version
    /// has migrated, as in the middle of a deployment.
    Ahead(Vec<String>),
}

/// Asks, in one query, whether a database has these migrations applied, by what the table
/// `bookkeeping` records: `seaql_migrations`, unless the application says otherwise. It writes nothing,
/// and needs no right but to read that table.
///
/// ```no_run
/// # async fn example(db: &sea_orm::DatabaseConnection) -> Result<(), Box<dyn std::error::Error>> {
/// use tenantry_entity::{Currency, ensure_current};
///
/// const NEEDED: [&str; 2] = ["m20270101_000001_create_orders", "m20270301_120000_add_notes"];
/// if let Currency::Behind(missing) = ensure_current(db, "seaql_migrations", &NEEDED).await? {
///     return Err(format!("not applied yet: {}", missing.join(", ")).into());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the database does not answer, or does not let this role read what is applied.
pub async fn ensure_current<C, S>(
    db: &C,
    bookkeeping: &str,
    migrations: &[S],
) -> Result<Currency, DbErr>
where
    C: ConnectionTrait,
    S: AsRef<str>,
{
    let here = match db.get_database_backend() {
        DbBackend::Postgres => {
            // The current schema alone: a table of that name in another schema of the search path
            // belongs to another application.
            " WHERE tableoid IN (SELECT oid FROM pg_class WHERE relnamespace = \
             (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))"
        }
        _ => "",
    };
    let sql = format!("SELECT version FROM {}{here}", quoted(bookkeeping));
    let found = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let applied = match found {
        Ok(rows) => rows
            .iter()
            .map(|row| row.try_get("", "version"))
            .collect::<Result<Vec<String>, DbErr>>()?,
        Err(error) if is_absent(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    let is_applied = |name: &str| applied.iter().any(|other| other == name);
    let pending: Vec<String> = migrations
        .iter()
        .map(AsRef::as_ref)
        .filter(|name| !is_applied(name))
        .map(ToOwned::to_owned)
        .collect();
    if !pending.is_empty() {
        return Ok(Currency::Behind(pending));
    }
    let is_known = |name: &String| migrations.iter().any(|known| known.as_ref() == name);
    let mut newer: Vec<String> = applied.into_iter().filter(|name| !is_known(name)).collect();
    newer.sort();
    Ok(if newer.is_empty() { Currency::Current } else { Currency::Ahead(newer) })
}

/// Whether there is no such table: nothing was ever applied.
fn is_absent(error: &DbErr) -> bool {
    let (DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // undefined_table, SQLITE_ERROR
    matches!(code.as_deref(), Some("42P01" | "1"))
}
