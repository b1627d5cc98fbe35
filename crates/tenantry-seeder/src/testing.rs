//! Ready databases for tests of applications: migrated and seeded once, and copied for each test.
//!
//! ```no_run
//! # use tenantry_seeder::{Preset, Seeder};
//! # async fn example(seeder: Seeder) -> tenantry_migration::Result<()> {
//! // A server on which the role may create databases; `None` for an SQLite file.
//! let server = Some("postgres://me:secret@localhost/postgres");
//! let db = seeder.seeded_db(server, &Preset::Tiny.into()).await?;
//! // Work on `db.connection`.
//! db.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is copied is kept: a template database on the server, or a file in the folder for temporary
//! files. Its name has a digest of the schema, the migrations and the [`Spec`], so that another of those
//! makes another; nothing removes those that are no longer needed.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, Statement,
    sqlx::{ConnectOptions as _, postgres::PgConnectOptions},
};
use sha2::{Digest as _, Sha256};
use tenantry_migration::{
    Error, Project, Result,
    config::{DatabaseArgs, FileMode, Target},
    db::{Absent, Database, quoted},
};
use uuid::Uuid;

use crate::{
    DataSet, Options, Seeder, Spec,
    digest::{Digest as Rows, row_hash},
};

/// A database of its own, which is dropped with this.
pub struct SeededDb {
    /// One connection to it. An application that wants more opens them by [`url`](Self::url).
    pub connection: DatabaseConnection,
    url: String,
    place: Place,
}

/// Where it is.
enum Place {
    File(PathBuf),
    Server { project: &'static Project, admin: Box<PgConnectOptions>, name: String },
}

impl SeededDb {
    /// Where it is, with the password of the server's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Closes the connection and drops the database. Dropping this drops the database as well, but a
    /// test that panics for another reason would not see why that fails.
    pub async fn close(self) {
        // What cannot be closed is gone.
        let _ = self.connection.clone().close().await;
    }
}

impl fmt::Debug for SeededDb {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededDb").finish_non_exhaustive()
    }
}

impl Drop for SeededDb {
    fn drop(&mut self) {
        match &self.place {
            Place::File(path) => {
                for ending in ["", "-journal", "-wal", "-shm"] {
                    let _ = fs::remove_file(format!("{}{ending}", path.display()));
                }
            }
            Place::Server { project, admin, name } => {
                let (project, admin, dropped) = (*project, admin.clone(), name.clone());
                // Dropping may not wait on the runtime that it happens in.
                let dropping = std::thread::spawn(move || {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(async {
                        let db =
                            Database::open(project, &server(project, &admin), Absent::Fail).await?;
                        let sql =
                            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&dropped));
                        db.connection.execute_unprepared(&sql).await?;
                        db.close().await;
                        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
                    })
                });
                match dropping.join() {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!("{name} is left: {error}"),
                    Err(_) => tracing::warn!("{name} is left"),
                }
            }
        }
    }
}

impl Seeder {
    /// A database with the tables and with these sample rows, of its own.
    ///
    /// The first call makes what is copied, and takes as long as migrating and seeding; others wait for
    /// it, also those of other processes.
    ///
    /// # Errors
    ///
    /// If the URL is none of a PostgreSQL server, the role may not create databases there, or anything
    /// fails on the way.
    pub async fn seeded_db(&self, server: Option<&str>, spec: &Spec) -> Result<SeededDb> {
        let Some(url) = server else { return in_file(self, spec).await };
        let args = DatabaseArgs { database_url: Some(url.to_owned()), ..DatabaseArgs::default() };
        match args.target(self.project)? {
            Target::Postgres { options, .. } => on_server(self, &options, spec).await,
            Target::Sqlite { .. } => Err(Error::config(
                "not-a-server",
                "a seeded database is made on a PostgreSQL server, or, without a URL, in a temporary file",
            )),
        }
    }
}

/// What everything depends on, as sixteen hexadecimal digits.
fn key(seeder: &Seeder, spec: &Spec) -> Result<String> {
    use std::fmt::Write as _;
    // With a digest of what the factories make of the first tenant: they may have been edited.
    let (set, mut made) = (DataSet::new(seeder.samples, spec.clone()), Rows::default());
    let tenant = set.tenant(1);
    for (at, info) in set.tables().iter().enumerate() {
        for row in tenant.rows_of(at).take(1_000) {
            made.add(row_hash(&info.columns, &row));
        }
    }
    let mut text = format!("{spec}\n{made}\n{:?}\n", seeder.project.schema()?);
    for migration in (seeder.project.migrations)() {
        let _ = writeln!(text, "{}", migration.name());
    }
    let mut key = String::new();
    for byte in Sha256::digest(text.as_bytes()).iter().take(8) {
        let _ = write!(key, "{byte:02x}");
    }
    Ok(key)
}

/// Different for each call, wherever it is.
fn unique() -> String {
    Uuid::now_v7().simple().to_string()
}

async fn fill(seeder: &Seeder, db: &Database, spec: &Spec) -> Result<()> {
    seeder.project.runner(db)?.up(None).await?;
    let options = Options {
        engine: Some(db.engine),
        spec: Some(spec.clone()),
        patience: db.patience,
        ..Options::default()
    };
    seeder.seed(&db.connection, &options).await?;
    Ok(())
}

async fn in_file(seeder: &Seeder, spec: &Spec) -> Result<SeededDb> {
    let folder = std::env::temp_dir();
    let template = folder.join(format!("tenantry_{}.db", key(seeder, spec)?));
    let failed = |path: &Path, error: std::io::Error| {
        Error::unusable("file-unwritable", format!("cannot write {}: {error}", path.display()))
    };
    if !template.exists() {
        // The first process gives it its name; the others have made the same.
        let making = folder.join(format!("tenantry_making_{}.db", unique()));
        let db = Database::open(seeder.project, &file(&making, FileMode::Create), Absent::Create)
            .await?;
        let filled = fill(seeder, &db, spec).await;
        db.close().await;
        filled?;
        fs::rename(&making, &template).map_err(|error| failed(&template, error))?;
    }
    let own = folder.join(format!("tenantry_seeded_{}.db", unique()));
    fs::copy(&template, &own).map_err(|error| failed(&own, error))?;
    let db = Database::open(seeder.project, &file(&own, FileMode::Existing), Absent::Fail).await?;
    let url = format!("sqlite://{}", own.display());
    Ok(SeededDb { connection: db.connection, url, place: Place::File(own) })
}

fn file(path: &Path, mode: FileMode) -> Target {
    Target::Sqlite { path: path.to_owned(), mode, is_default: false }
}

async fn on_server(seeder: &Seeder, admin: &PgConnectOptions, spec: &Spec) -> Result<SeededDb> {
    let template = format!("tenantry_{}", key(seeder, spec)?);
    let db = Database::open(seeder.project, &server(seeder.project, admin), Absent::Fail).await?;
    // One at a time, for as long as the connection is there.
    db.connection
        .execute_unprepared("SELECT pg_advisory_lock(hashtext('tenantry seeded'))")
        .await?;
    let sql = "SELECT 1 AS one FROM pg_database WHERE datname = $1";
    let there = Statement::from_sql_and_values(db.engine.backend(), sql, [template.clone().into()]);
    if db.connection.query_one_raw(there).await?.is_none() {
        let making = format!("{template}_making");
        let run = async |sql: String| db.connection.execute_unprepared(&sql).await;
        // A process was killed on the way.
        run(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&making))).await?;
        run(format!("CREATE DATABASE {}", quoted(&making))).await?;
        let own = Database::open(
            seeder.project,
            &server(seeder.project, &admin.clone().database(&making)),
            Absent::Fail,
        )
        .await?;
        let filled = fill(seeder, &own, spec).await;
        own.close().await;
        filled?;
        run(format!("ALTER DATABASE {} RENAME TO {}", quoted(&making), quoted(&template))).await?;
    }
    let name = format!("tenantry_seeded_{}", unique());
    let sql = format!("CREATE DATABASE {} TEMPLATE {}", quoted(&name), quoted(&template));
    let created = db.connection.execute_unprepared(&sql).await;
    db.close().await;
    created?;
    let options = admin.clone().database(&name);
    let place = Place::Server { project: seeder.project, admin: Box::new(admin.clone()), name };
    let url = options.to_url_lossy().to_string();
    // From here on, it is dropped whatever happens.
    let mut own = SeededDb { connection: DatabaseConnection::default(), url, place };
    own.connection =
        Database::open(seeder.project, &server(seeder.project, &options), Absent::Fail)
            .await?
            .connection;
    Ok(own)
}

fn server(project: &Project, options: &PgConnectOptions) -> Target {
    Target::Postgres {
        options: Box::new(options.clone()),
        schema: None,
        application_role: project.names().application_role.to_owned(),
        engine: None,
        name: format!("{}:{}", options.get_host(), options.get_port()),
    }
}
