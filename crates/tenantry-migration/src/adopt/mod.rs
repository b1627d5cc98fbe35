//! Reads a database that another tool made, for entities to be written from it. Nothing is sent but queries.

mod catalogue;
mod dump;
mod objects;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, Statement};
use tenantry_entity::Engine;
pub use tenantry_schema::adopt::{Adopted, EntityFile, Left, adopt, why_not};

use crate::{
    config::Target,
    db::{Absent, Database, begin_read},
    diff::{Change, diff},
    drift::finding,
    error::{Error, Result},
    project::Project,
    report::Finding,
    schema::{self, Schema, names, read_all_comments},
    scratch::{Purpose, in_scratch},
    sql::set_schemas,
};

/// The tables in which other tools keep what they have applied, and whose they are.
pub const OTHER_TOOLS: &[(&str, &str)] = &[
    ("_sqlx_migrations", "sqlx"),
    ("__diesel_schema_migrations", "diesel"),
    ("refinery_schema_history", "refinery"),
    ("schema_migrations", "Rails, dbmate or golang-migrate"),
    ("ar_internal_metadata", "Rails"),
    ("django_migrations", "Django"),
    ("alembic_version", "Alembic"),
    ("_prisma_migrations", "Prisma"),
    ("flyway_schema_history", "Flyway"),
    ("databasechangelog", "Liquibase"),
    ("databasechangeloglock", "Liquibase"),
    ("knex_migrations", "Knex"),
    ("knex_migrations_lock", "Knex"),
    ("__drizzle_migrations", "Drizzle"),
    ("typeorm_metadata", "TypeORM"),
    ("goose_db_version", "goose"),
    ("__EFMigrationsHistory", "Entity Framework"),
    ("SequelizeMeta", "Sequelize"),
    ("phinxlog", "Phinx"),
];

/// Whose bookkeeping a table is, if it is that of another tool.
#[must_use]
pub fn other_tool(table: &str) -> Option<&'static str> {
    let bare = crate::sql::parts(table).1;
    OTHER_TOOLS.iter().find(|(name, _)| *name == bare).map(|(_, tool)| *tool)
}

/// Which tables are read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Schemas besides the one that the connection works in.
    pub schemas: Vec<String>,
    /// Only these tables, as the model names them; all if there are none.
    pub tables: Vec<String>,
    /// Tables that have entities.
    pub known: BTreeSet<String>,
}

/// A database as it was read.
#[derive(Clone, Debug)]
pub struct Found {
    /// The tables that have no entity yet, with what is said of them.
    pub live: Schema,
    /// The files of `objects/`.
    pub objects: BTreeMap<String, String>,
    /// What neither entities nor `objects/` carry.
    pub others: Vec<Left>,
    /// What of it a comparison would find: rules and triggers of tables.
    pub attached: Vec<Finding>,
    /// Tables of other tools, and which.
    pub tools: Vec<(String, &'static str)>,
    /// The tables that have an entity already.
    pub known: Vec<String>,
}

/// Reads what has no entity yet, in one transaction that may only read.
///
/// # Errors
///
/// If a query fails, or a table that was asked for is not there.
pub async fn read(db: &Database, wanted: &Wanted) -> Result<Found> {
    let tx = begin_read(&db.connection, db.engine).await?;
    let found = read_in(&tx, db, wanted).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    found
}

/// The same of a dump, which is run in a database of its own beside the one that `target` means.
///
/// # Errors
///
/// As [`read`]; and if no such database can be made, or the dump cannot be read.
pub async fn read_dump(
    project: &'static Project,
    target: &Target,
    (name, dump): (&str, &str),
    wanted: &Wanted,
) -> Result<(Found, Engine)> {
    let purpose = Purpose { needs: "a dump", code: "dump-needs-database", name: "dump" };
    in_scratch(project, target, &purpose, async |scratch| {
        let db = Database::open(project, scratch, Absent::Create).await?;
        let found = async {
            let left = dump::run(&db, dump, name).await?;
            let mut found = read(&db, wanted).await?;
            found.others.extend(left);
            Ok((found, db.engine))
        };
        let found = found.await;
        db.close().await;
        found
    })
    .await
}

async fn read_in<C: ConnectionTrait>(db: &C, of: &Database, wanted: &Wanted) -> Result<Found> {
    let is_postgres = of.engine != Engine::Sqlite;
    if is_postgres {
        db.execute_unprepared("SET TRANSACTION READ ONLY").await?;
    }
    if is_postgres && !wanted.schemas.is_empty() {
        check_schemas(db, &wanted.schemas).await?;
        let names = of.project.schemas();
        let all = names.iter().chain(&wanted.schemas).map(String::as_str);
        db.execute_unprepared(&format!("SET LOCAL {}", set_schemas(all))).await?;
    }
    let mut live = schema::read(db, of.engine, &of.application_role).await?;
    if let Some(name) = wanted.tables.iter().find(|name| !live.tables.contains_key(*name)) {
        return Err(Error::config(
            "table-unknown",
            format!("there is no table {name} in {}: name tables as `\\d` lists them", of.name),
        ));
    }
    read_all_comments(db, of.engine, &mut live).await?;
    let mut tools = Vec::new();
    let known: Vec<String> =
        live.tables.keys().filter(|name| wanted.known.contains(*name)).cloned().collect();
    live.tables.retain(|name, _| {
        if let Some(tool) = other_tool(name) {
            tools.push((name.clone(), tool));
            return false;
        }
        let is_asked_for = wanted.tables.is_empty() || wanted.tables.contains(name);
        is_asked_for && !wanted.known.contains(name) && !of.project.is_bookkeeping(name)
    });
    let live = live.filtered(|_| true);
    let carried = live.tables.values().filter(|table| why_not(table).is_none());
    let tables: BTreeSet<&str> = carried.map(|table| table.name.as_str()).collect();
    let enums: BTreeSet<&str> = live.enums.keys().map(String::as_str).collect();
    let is_whole = wanted.tables.is_empty() && known.is_empty();
    let objects = objects::objects(db, of.engine, &tables, &enums, is_whole).await?;
    let (objects, mut others, mut attached) = objects;
    if is_postgres {
        let has_tenancy = of.project.tenancy.is_some();
        let (left, of_tables) = catalogue::others(db, &tables, is_whole, has_tenancy).await?;
        others.extend(left);
        attached.extend(of_tables);
    }
    Ok(Found { live, objects, others, attached, tools, known })
}

/// Fails if one of the schemas is not there.
async fn check_schemas<C: ConnectionTrait>(db: &C, names: &[String]) -> Result<()> {
    let sql = "SELECT nspname::text AS name FROM pg_namespace";
    let stmt = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(stmt).await?;
    let there: Vec<String> =
        rows.iter().map(|row| row.try_get("", "name")).collect::<Result<_, sea_orm::DbErr>>()?;
    match names.iter().find(|name| !there.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Error::config(
            "schema-unknown",
            format!("there is no schema {name} in the database: leave out `--schema {name}`"),
        )),
    }
}

/// How the adopted tables differ from what the first migration makes: what entities have no words for.
#[must_use]
pub fn not_said(adopted: &Adopted) -> Vec<Finding> {
    let changes = diff(&adopted.live, &adopted.schema);
    let is_told =
        |change: &Change| matches!(change, Change::DropTable { .. } | Change::DropEnum { .. });
    changes.iter().filter(|change| !is_told(change)).map(finding).collect()
}

/// What of [`not_said`] will be found under another name: a foreign key gets the usual one before long.
#[must_use]
pub fn under_usual_names(adopted: &Adopted) -> Vec<Finding> {
    let renamed = |change: Change| match &change {
        Change::AlterForeignKey { table, from, .. } => {
            let usual = names::foreign_key(table, &from.columns);
            Some(Finding { object: Some(usual), ..finding(&change) })
        }
        _ => None,
    };
    diff(&adopted.live, &adopted.schema).into_iter().filter_map(renamed).collect()
}
