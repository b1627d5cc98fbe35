//! Whether a database is as new as the program that works on it.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::MigratorTrait;

use crate::{
    Migrator,
    db::quoted,
    error::{Error, Result, explain, sqlstate},
};

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

/// Asks, in one query, whether the database has what this program needs. For an application's start:
///
/// ```no_run
/// # async fn example(db: &sea_orm::DatabaseConnection) -> migration::Result<()> {
/// use migration::Currency;
///
/// match migration::ensure_current(db).await? {
///     Currency::Current => {}
///     Currency::Ahead(newer) => eprintln!("the database is newer: {}", newer.join(", ")),
///     Currency::Behind(pending) => {
///         let why = format!("not applied yet: {}", pending.join(", "));
///         return Err(migration::Error::Unusable(why));
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// It writes nothing, and needs no right but to read `seaql_migrations`.
///
/// # Errors
///
/// If the database does not answer, or does not let this role read what is applied.
pub async fn ensure_current<C: ConnectionTrait>(db: &C) -> Result<Currency> {
    let table = Migrator::bookkeeping();
    let here = match db.get_database_backend() {
        DbBackend::Postgres => {
            // A table of that name further down the search path is somebody else's.
            " WHERE tableoid IN (SELECT oid FROM pg_class WHERE relnamespace = \
             (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))"
        }
        _ => "",
    };
    let sql = format!("SELECT version FROM {}{here}", quoted(&table));
    let found = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let applied = match found {
        Ok(rows) => rows
            .iter()
            .map(|row| row.try_get("", "version"))
            .collect::<Result<Vec<String>, DbErr>>()?,
        // undefined_table, SQLITE_ERROR: nothing was ever applied
        Err(error) if matches!(sqlstate(&error).as_deref(), Some("42P01" | "1")) => Vec::new(),
        Err(error) => {
            return Err(Error::Unusable(format!(
                "cannot tell whether the database is current: {}",
                explain(&error)
            )));
        }
    };
    let known: Vec<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let without = |some: &[String], others: &[String]| -> Vec<String> {
        some.iter().filter(|name| !others.contains(name)).cloned().collect()
    };
    let pending = without(&known, &applied);
    if !pending.is_empty() {
        return Ok(Currency::Behind(pending));
    }
    let mut newer = without(&applied, &known);
    newer.sort();
    Ok(if newer.is_empty() { Currency::Current } else { Currency::Ahead(newer) })
}
