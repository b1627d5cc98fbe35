//! The only place that connects to a database.

mod postgres;
mod size;
mod sqlite;
mod tx;

use postgres::open_postgres;
use sea_orm::{DatabaseConnection, DbErr, QueryResult};
pub(crate) use size::total_size;
pub use size::{count_rows, table_size};
use sqlite::open_sqlite;
use tenantry_entity::{
    Engine, IdType, TenantId,
    sample_id::{IdKind, SampleId, SampleText},
};
pub use tenantry_schema::sql::{is_ours, literal, name_in_model, quoted, quoted_table, table_ref};
pub use tx::{begin_for_tenant, begin_read, finish};
use uuid::Uuid;

use crate::{config::Target, error::Result, lock::Patience, project::Project};

/// What to do about an SQLite file that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Create it.
    Create,
    /// Say so, and create nothing.
    Fail,
    /// Create nothing, and work on an empty database in memory instead.
    InMemory,
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    /// What the database is for.
    pub project: &'static Project,
    /// The connection, for SeaORM.
    pub connection: DatabaseConnection,
    /// Which engine it is.
    pub engine: Engine,
    /// The file, or host and database: for messages, without user and password.
    pub name: String,
    /// The role that applications work as, where the engine has roles.
    pub application_role: String,
    /// How long commands wait for others.
    pub patience: Patience,
}

impl Database {
    /// Connects, and checks that the database can be worked with.
    ///
    /// # Errors
    ///
    /// Within ten seconds, with a sentence that says what to do: if the server cannot be reached,
    /// does not let the role in, or is too old; if the schema does not exist; if the file is
    /// absent, no database, locked or not accessible.
    pub async fn open(project: &'static Project, target: &Target, absent: Absent) -> Result<Self> {
        let database = match target {
            Target::Sqlite { path, mode, .. } => {
                project.check_engine(Engine::Sqlite)?;
                open_sqlite(project, path, *mode, absent).await?
            }
            Target::Postgres { options, schema, name, application_role, engine } => Self {
                application_role: application_role.clone(),
                ..open_postgres(project, options, schema.as_deref(), *engine, name).await?
            },
        };
        project.check_engine(database.engine)?;
        tracing::debug!(engine = %database.engine, database = %database.name, "connected");
        Ok(database)
    }

    /// Closes the connection, so that a server logs no broken one and SQLite removes its journal.
    pub async fn close(self) {
        // Nothing is left to be done with a connection that fails to close.
        let _ = self.connection.close().await;
    }
}

/// SQL for these tenants, one after the other.
#[must_use]
pub fn listed_tenants(engine: Engine, tenants: &[TenantId]) -> String {
    let listed = tenants.iter().map(|tenant| match tenant {
        TenantId::Uuid(id) => listed(engine, &[*id]),
        TenantId::Integer(id) => id.to_string(),
        TenantId::Text(id) => literal(id),
    });
    listed.collect::<Vec<_>>().join(", ")
}

/// The tenant's key in a column of a row.
///
/// # Errors
///
/// If the column is missing, or of another type than the tenancy says.
pub fn read_tenant(
    row: &QueryResult,
    column: &str,
    ty: IdType,
) -> std::result::Result<Option<TenantId>, DbErr> {
    Ok(match ty {
        IdType::Uuid => row.try_get::<Option<Uuid>>("", column)?.map(TenantId::from),
        IdType::BigInteger => row.try_get::<Option<i64>>("", column)?.map(TenantId::from),
        IdType::Integer => row.try_get::<Option<i32>>("", column)?.map(TenantId::from),
        IdType::Text => row.try_get::<Option<String>>("", column)?.map(TenantId::from),
    })
}

/// The id in a column of a row of a table with sample rows; `None` where it is NULL, or a text that is no sample id.
///
/// # Errors
///
/// If the column is missing or of another type.
pub fn read_id_or_null(
    row: &QueryResult,
    column: &str,
    kind: IdKind,
) -> std::result::Result<Option<SampleId>, DbErr> {
    Ok(match kind {
        IdKind::Uuid => row.try_get::<Option<_>>("", column)?.map(SampleId::Uuid),
        IdKind::Number => row.try_get::<Option<_>>("", column)?.map(SampleId::Number),
        IdKind::Integer => row.try_get::<Option<_>>("", column)?.map(SampleId::Integer),
        IdKind::Text => {
            let text: Option<String> = row.try_get("", column)?;
            text.and_then(|text| SampleText::parse(&text)).map(SampleId::Text)
        }
    })
}

/// The same where it is the id of a sample row for certain.
///
/// # Errors
///
/// If it is not, or the column is missing, NULL or of another type.
pub fn read_id(
    row: &QueryResult,
    column: &str,
    kind: IdKind,
) -> std::result::Result<SampleId, DbErr> {
    let none = || DbErr::Type(format!("{column} holds no id of a sample row"));
    read_id_or_null(row, column, kind)?.ok_or_else(none)
}

/// SQL for these ids of sample rows, one after the other.
#[must_use]
pub fn listed_ids(engine: Engine, ids: &[SampleId]) -> String {
    let ids: Vec<TenantId> = ids.iter().map(|id| TenantId::from(*id)).collect();
    listed_tenants(engine, &ids)
}

/// SQL for these ids, one after the other.
#[must_use]
pub fn listed(engine: Engine, ids: &[Uuid]) -> String {
    let listed = ids.iter().map(|id| match engine {
        // As sqlx keeps them there.
        Engine::Sqlite => format!("X'{}'", id.simple()),
        _ => format!("'{id}'"),
    });
    listed.collect::<Vec<_>>().join(", ")
}
