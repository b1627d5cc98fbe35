//! What the tests stand on: a database for each test, on both engines, dropped whatever happens;
//! and a runner for the real binaries.

pub mod citus;
mod command;
pub mod nile;
pub mod pgbouncer;
pub mod postgres;
pub mod random_schema;
pub mod samples;
pub mod workspace;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use migration::{
    config::DatabaseArgs,
    db::{Absent, Database},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tempfile::TempDir;

pub use command::{Bin, Ran};
pub use entity::Engine;
use migration::TENANCY;

/// Declares each test function once for SQLite and once for PostgreSQL. The function takes a
/// [`TestDb`] that is empty.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::TestDb::new($crate::support::Engine::Sqlite)).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::TestDb::new($crate::support::Engine::Postgres)).await;
            })*
        }
    };
}

/// How many migrations there are.
pub fn migrations() -> usize {
    (migration::PROJECT.migrations)().len()
}

/// So many fewer, as the value of an option.
pub fn all_but(fewer: usize) -> String {
    (migrations() - fewer).to_string()
}

/// How many migrations come before the one whose name ends so, as the value of an option.
pub fn before(name: &str) -> String {
    let all = (migration::PROJECT.migrations)();
    all.iter().position(|it| it.name().ends_with(name)).expect("a migration").to_string()
}

/// How many tables the entities describe.
pub fn tables() -> usize {
    entity::all().len()
}

/// How many sample rows the smallest preset has, which the tests seed.
pub fn sample_rows() -> u64 {
    use seeder::{DataSet, Preset, SEEDER};
    DataSet::new(SEEDER.samples, Preset::Tiny).planned().values().sum()
}

/// How many of them belong to tenants.
pub fn scoped_tables() -> usize {
    entity::all()
        .iter()
        .filter(|def| def.scope(&migration::TENANCY) == entity::Scope::Tenant)
        .count()
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("tenantry-test-").tempdir().unwrap()
}

/// An empty database of one test, and an empty folder in which its commands run.
pub struct TestDb {
    /// The engine.
    pub engine: Engine,
    /// The URL to reach it by, on PostgreSQL as a role that owns it and is no superuser.
    pub url: String,
    folder: TempDir,
    // Dropped after everything else that could still use it.
    server: Option<postgres::OwnDatabase>,
    cluster: Option<citus::OwnDatabase>,
}

impl TestDb {
    /// A new, empty database.
    pub fn new(engine: Engine) -> Self {
        let folder = folder();
        match engine {
            Engine::Sqlite => {
                let path = folder.path().join("test.db");
                Self {
                    engine,
                    url: format!("sqlite://{}", path.display()),
                    folder,
                    server: None,
                    cluster: None,
                }
            }
            _ => {
                let server = postgres::OwnDatabase::create();
                Self { engine, url: server.url(), folder, server: Some(server), cluster: None }
            }
        }
    }

    /// A new, empty database on another server than the one of all tests.
    pub fn on(server: &postgres::Server) -> Self {
        let server = postgres::OwnDatabase::create_on(server);
        let (engine, url) = (Engine::Postgres, server.url());
        Self { engine, url, folder: folder(), server: Some(server), cluster: None }
    }

    /// A new, empty database on the Citus cluster that the environment names; without one, says that the
    /// test is not run.
    pub fn on_citus(test: &str) -> Option<Self> {
        let cluster = citus::OwnDatabase::create(test)?;
        let (engine, url) = (Engine::Citus, cluster.url());
        Some(Self { engine, url, folder: folder(), server: None, cluster: Some(cluster) })
    }

    /// The Citus side of this test.
    pub fn cluster(&self) -> &citus::OwnDatabase {
        self.cluster.as_ref().expect("a test on Citus")
    }

    /// A binary that will run in this test's folder, on this database.
    pub fn bin(&self, name: &str) -> Bin {
        Bin::new(name, self.folder.path()).env("DATABASE_URL", &self.url)
    }

    /// `tenantry` with these arguments, on this database.
    pub fn tenantry(&self, args: &[&str]) -> Ran {
        self.bin("tenantry").args(args).run()
    }

    /// `migration` with these arguments, on this database.
    pub fn migration(&self, args: &[&str]) -> Ran {
        self.bin("migration").args(args).run()
    }

    /// `seeder` with these arguments, on this database.
    pub fn seeder(&self, args: &[&str]) -> Ran {
        self.bin("seeder").args(args).run()
    }

    /// The `migration` of [`workspace::program_with_more`] with these arguments, on this database.
    pub fn more(&self, args: &[&str]) -> Bin {
        let program = workspace::program_with_more();
        Bin::at(&program, self.folder.path()).env("DATABASE_URL", &self.url).args(args)
    }

    /// The test's folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// The PostgreSQL side of this test.
    pub fn server(&self) -> &postgres::OwnDatabase {
        self.server.as_ref().expect("a test on PostgreSQL")
    }

    /// Opens the database, creating the file on SQLite.
    pub async fn open(&self) -> Database {
        self.open_as(&migration::PROJECT).await
    }

    /// The same for another project than ours.
    pub async fn open_as(&self, project: &'static migration::Project) -> Database {
        let args = DatabaseArgs { database_url: Some(self.url.clone()), ..Default::default() };
        Database::open(project, &args.target(project).unwrap(), Absent::Create).await.unwrap()
    }

    /// Runs statements, as the owner.
    pub async fn execute(&self, sql: &str) {
        let db = self.open().await;
        db.connection.execute_unprepared(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        db.close().await;
    }

    /// Runs a script from the test's folder, as an administrator does: with `psql` or `sqlite3`.
    pub fn run_script(&self, file: &str) -> Ran {
        let mut command = match self.engine {
            Engine::Sqlite => {
                let script = std::fs::File::open(self.folder().join(file)).unwrap();
                let mut command = std::process::Command::new("sqlite3");
                command.arg(self.file()).stdin(script);
                command
            }
            _ => {
                let mut command = std::process::Command::new("psql");
                command.args(["--no-psqlrc", "--quiet", "--file", file, &self.url]);
                command
            }
        };
        command.current_dir(self.folder()).output().unwrap().into()
    }

    /// Runs statements with foreign keys off and every right: as damage is done in real life.
    pub async fn damage(&self, sql: &str) {
        match self.engine {
            Engine::Sqlite => {
                let sql = format!("PRAGMA foreign_keys = OFF; PRAGMA writable_schema = ON; {sql}");
                self.execute(&sql).await;
            }
            _ => {
                let sql = format!("SET session_replication_role = replica; {sql}");
                self.server().execute_as_superuser(&sql);
            }
        }
    }

    /// One number from the database.
    pub async fn number(&self, sql: &str) -> i64 {
        let db = self.open().await;
        let number = number(&db.connection, sql).await;
        db.close().await;
        number
    }

    /// Inserts a tenant that the seeder did not make.
    pub async fn insert_real_tenant(&self, name: &str) {
        use entity::prelude::*;
        let db = self.open().await;
        let tenant =
            tenant::ActiveModel { name: Set(name.to_owned()), ..ActiveModelBehavior::new() };
        tenant.insert(&db.connection).await.unwrap();
        db.close().await;
    }

    /// All that there is: every table, index and view that is not the system's, with its text.
    pub async fn catalogue(&self) -> String {
        let db = self.open().await;
        let catalogue = self.catalogue_of(&db).await;
        db.close().await;
        catalogue
    }

    /// As [`TestDb::catalogue`], over a connection that is open already.
    pub async fn catalogue_of(&self, db: &Database) -> String {
        let schema = migration::schema::read(&db.connection, self.engine, TENANCY.application_role)
            .await
            .unwrap();
        let sql = match self.engine {
            Engine::Sqlite => "SELECT type || ' ' || name AS name FROM sqlite_schema ORDER BY 1",
            _ => {
                "SELECT c.relkind::text || ' ' || c.relname::text AS name FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' ORDER BY 1"
            }
        };
        let names = texts(&db.connection, sql).await;
        format!("{names:#?}\n{}", serde_json::to_string_pretty(&schema).unwrap())
    }

    /// The names of all tables.
    pub async fn tables(&self) -> Vec<String> {
        let db = self.open().await;
        let schema = migration::schema::read(&db.connection, self.engine, TENANCY.application_role)
            .await
            .unwrap();
        db.close().await;
        schema.tables.into_keys().collect()
    }

    /// Every row of every entity's table, as text in key order.
    pub async fn rows(&self) -> Vec<(String, Vec<String>)> {
        let db = self.open().await;
        let mut all = Vec::new();
        for def in entity::all() {
            let list = |column: &&str| match self.engine {
                Engine::Sqlite => format!("coalesce(quote({column}), '-')"),
                _ => format!("coalesce({column}::text, '-')"),
            };
            let columns: Vec<String> = def.columns.iter().map(list).collect();
            let sql = format!(
                "SELECT {} AS name FROM {} ORDER BY 1",
                columns.join(" || ',' || "),
                def.name
            );
            all.push((def.name.to_owned(), texts(&db.connection, &sql).await));
        }
        db.close().await;
        all
    }
}

/// One number.
pub async fn number<C: ConnectionTrait>(db: &C, sql: &str) -> i64 {
    let stmt = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(stmt).await.unwrap().expect("a row");
    row.try_get_by_index(0).unwrap()
}

/// The first column of every row.
pub async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let stmt = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(stmt).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// A number that no other call in this process gets.
pub fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Lets go of the processor before something is looked at again: what is waited for needs it.
pub fn pause() {
    std::thread::park_timeout(Duration::from_millis(10));
}

/// The same until a moment at which something is to be killed.
pub fn wait_until(moment: Instant) {
    loop {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}
