//! A database of its own for as long as something is tried in it.

use sea_orm::{ConnectionTrait as _, DbErr};

use crate::{
    config::Target,
    db::{Absent, Database},
    error::{Error, Result, explain, sqlstate},
    project::Project,
};

/// What the database is for.
pub(crate) struct Purpose {
    /// What needs it: `a proof`.
    pub needs: &'static str,
    /// The code of the error where it cannot be had.
    pub code: &'static str,
    /// What its name has in it.
    pub name: &'static str,
}

/// Makes a database beside the one that `target` means, works in it, and drops it, whatever came of the work.
///
/// # Errors
///
/// If the database cannot be made; and the work's own.
pub(crate) async fn in_scratch<T>(
    project: &'static Project,
    target: &Target,
    purpose: &Purpose,
    work: impl AsyncFn(&Target) -> Result<T>,
) -> Result<T> {
    let Purpose { needs, code, .. } = purpose;
    let name = format!("tenantry_{}_{}", purpose.name, uuid::Uuid::now_v7().simple());
    match target {
        Target::Sqlite { mode, .. } => {
            let path = std::env::temp_dir().join(format!("{name}.db"));
            let target = Target::Sqlite { path: path.clone(), mode: *mode, is_default: false };
            let done = work(&target).await;
            for suffix in ["", "-journal", "-wal", "-shm"] {
                let mut file = path.clone().into_os_string();
                file.push(suffix);
                // Most of them were never there.
                let _ = std::fs::remove_file(file);
            }
            done
        }
        Target::Postgres { options, application_role, name: shown, .. } => {
            let beside = Database::open(project, target, Absent::Fail).await?;
            if beside.engine.capability().isolates_tenants {
                let engine = beside.engine;
                beside.close().await;
                return Err(Error::unusable(
                    code,
                    format!(
                        "{needs} needs a database of its own, which no statement makes on {engine}: use a PostgreSQL"
                    ),
                ));
            }
            let create = format!("CREATE DATABASE {name}");
            if let Err(error) = beside.connection.execute_unprepared(&create).await {
                beside.close().await;
                return Err(not_made(purpose, &error));
            }
            tracing::info!("working in the database {name}, which is dropped afterwards");
            let throw_away = Target::Postgres {
                options: Box::new((**options).clone().database(&name)),
                schema: None,
                application_role: application_role.clone(),
                engine: Some(beside.engine),
                name: shown.clone(),
            };
            let done = work(&throw_away).await;
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            let dropped = beside.connection.execute_unprepared(&drop).await;
            beside.close().await;
            if let Err(error) = dropped {
                tracing::warn!("the database {name} is left: {}", explain(&error));
            }
            done
        }
    }
}

fn not_made(purpose: &Purpose, error: &DbErr) -> Error {
    let Purpose { needs, code, .. } = purpose;
    match sqlstate(error).as_deref() {
        // insufficient_privilege
        Some("42501") => Error::unusable(
            code,
            format!(
                "{needs} needs a database of its own, and this role may not create one: let it, with \
                 `ALTER ROLE … CREATEDB`, or name another server"
            ),
        ),
        _ => Error::unusable(
            code,
            format!("the database that {needs} needs cannot be made: {}", explain(error)),
        ),
    }
}
