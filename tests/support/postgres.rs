//! A throw-away PostgreSQL cluster: started by the first test that needs it, on a random port of
//! the loopback interface, and gone with the process.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use migration::TENANCY;
use sea_orm::sqlx::{
    self, Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
};

/// Part of every password, so that a test can look for it in any output.
pub const SECRET: &str = "hunter2-must-not-be-seen";

const SUPERUSER: &str = "postgres";

/// A cluster of its own, with its server.
pub struct Server {
    /// The port that it listens on.
    pub port: u16,
    folder: PathBuf,
}

/// A database that belongs to one test, and the role that owns it.
pub struct OwnDatabase {
    /// The name of both.
    pub name: String,
    port: u16,
}

/// The one cluster of this process.
fn cluster() -> &'static Server {
    static CLUSTER: OnceLock<Server> = OnceLock::new();
    CLUSTER.get_or_init(Server::start)
}

/// The port that the cluster listens on.
pub fn port() -> u16 {
    cluster().port
}

/// A port on which nothing listens.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Where a cluster's files are: in memory, if there is plenty of it. A database has 300 files, and to
/// create them on a disk took a seventh of the processor's time. Benchmarks keep to a disk.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let output =
        Command::new("df").args(["--output=avail", "--block-size=1G"]).arg(memory).output();
    let gigabytes = |text: &str| text.lines().nth(1)?.trim().parse::<u64>().ok();
    let room = output.ok().and_then(|it| gigabytes(&String::from_utf8_lossy(&it.stdout)));
    // The second column of "MemAvailable:   12345678 kB".
    let free = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    let is_plenty = room.is_some_and(|room| room >= 8) && free.is_some_and(|free| free >= 12 << 20);
    if cfg!(test) && is_plenty { memory.to_owned() } else { std::env::temp_dir() }
}

impl Server {
    /// Makes a cluster and starts its server. Both are gone with the process.
    pub fn start() -> Self {
        let bin = binaries();
        // initdb and postgres refuse root, so root hands the folder and itself to another user.
        let user = server_user();
        let folder = tempfile::Builder::new().prefix("tenantry-pg-").tempdir_in(place()).unwrap();
        let folder = folder.keep();
        let password = folder.join("password");
        fs::write(&password, SECRET).unwrap();
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).unwrap();
            chown(&password, Some(uid), Some(gid)).unwrap();
        }
        let data = folder.join("data");
        let run = |command: &mut Command| {
            as_user(command, user);
            let output = command.current_dir(&folder).stdin(Stdio::null()).output().unwrap();
            assert!(
                output.status.success(),
                "PostgreSQL does not start: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        };
        // A login by SCRAM takes 15 ms of two processors, and the tests log in some thousand times. Roles that are
        // made in a test log in that way all the same, and so do benchmarks.
        let auth = if cfg!(test) { "md5" } else { "scram-sha-256" };
        run(Command::new(bin.join("initdb"))
            .arg(format!("--auth={auth}"))
            .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg(format!("--username={SUPERUSER}"))
            .arg("--pwfile")
            .arg(&password)
            .arg(&data));
        // Whatever happens to this process, its end closes the pipe, and then the shell cleans up.
        let mut keeper = Command::new("sh");
        keeper
            .arg("-c")
            .arg("read nothing; \"$0\" -D \"$1\" -m immediate stop; rm -rf \"$2\"")
            .arg(bin.join("pg_ctl"))
            .arg(&data)
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        as_user(&mut keeper, user);
        // Never closed by us: the pipe has to live as long as the process.
        std::mem::forget(keeper.spawn().unwrap());
        let server = Self { port: free_port(), folder };
        server.come_back();
        let role = format!("CREATE ROLE {} NOLOGIN", TENANCY.application_role);
        superuser_at(server.port, "postgres", &[&role]);
        server
    }

    /// Ends it at once, as when it is killed: whatever was not committed is gone.
    pub fn die(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    /// Starts it again, and waits until it takes connections.
    pub fn come_back(&self) {
        let settings = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off \
             -c full_page_writes=off -c max_connections=200 -c wal_level=minimal -c max_wal_senders=0 \
             -c max_wal_size=1GB",
            self.port
        );
        // The server must not inherit our pipes.
        let log = self.folder.join("log");
        self.control(&["--wait", "--log", log.to_str().unwrap(), "-o", &settings, "start"]);
    }

    /// Has a new database copied file by file, as it was before PostgreSQL 15: page by page through the log takes
    /// twice the time.
    fn copies(&self) -> &'static str {
        let version = fs::read_to_string(self.folder.join("data/PG_VERSION")).unwrap();
        if version.trim().parse::<u32>().unwrap() < 15 { "" } else { " STRATEGY file_copy" }
    }

    fn control(&self, args: &[&str]) {
        let mut command = Command::new(binaries().join("pg_ctl"));
        command.arg("--silent").arg("-D").arg(self.folder.join("data")).args(args);
        as_user(&mut command, server_user());
        let output = command.current_dir(&self.folder).stdin(Stdio::null()).output().unwrap();
        assert!(
            output.status.success(),
            "pg_ctl {args:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl OwnDatabase {
    /// Creates the database and a role that owns it and can do nothing else but become the
    /// application role, which all databases of the cluster share.
    pub fn create() -> Self {
        Self::create_on(cluster())
    }

    /// The same on another server.
    pub fn create_on(server: &Server) -> Self {
        let port = server.port;
        let name = format!("test_{}", super::unique());
        superuser_at(
            port,
            "postgres",
            &[
                &format!(
                    "CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' IN ROLE {}",
                    TENANCY.application_role
                ),
                &format!("CREATE DATABASE {name} OWNER {name}{}", server.copies()),
                // From PostgreSQL 15 on, the owner alone may create in public, before that everybody.
                &format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
            ],
        );
        superuser_at(
            port,
            &name,
            &[
                &format!("ALTER SCHEMA public OWNER TO {name}"),
                // Before PostgreSQL 15, every role may.
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            ],
        );
        Self { name, port }
    }

    /// The URL for the owner.
    pub fn url(&self) -> String {
        self.url_as(&self.name, SECRET)
    }

    /// The URL for another role or password.
    pub fn url_as(&self, role: &str, password: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{}", self.port, self.name)
    }

    /// Runs one or more statements in this database as the superuser.
    pub fn execute_as_superuser(&self, sql: &str) {
        superuser_at(self.port, &self.name, &[sql]);
    }

    /// The first column of a query, past the policies.
    pub fn texts_as_superuser(&self, sql: &str) -> Vec<String> {
        let rows = superuser_at(self.port, &self.name, &[sql]);
        rows.into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// Creates another role that may connect to this database. It goes with the database.
    pub fn role(&self, options: &str) -> String {
        let role = format!("{}_{}", self.name, super::unique());
        self.execute_as_superuser(&format!(
            "SET password_encryption = 'scram-sha-256'; CREATE ROLE {role} LOGIN PASSWORD '{SECRET}' {options}; \
             GRANT CONNECT ON DATABASE {} TO {role}",
            self.name
        ));
        role
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        if self.port != port() {
            // It goes with its server.
            return;
        }
        let name = &self.name;
        // FORCE ends connections that a failed test has left open.
        superuser("postgres", &[&format!("DROP DATABASE {name} WITH (FORCE)")]);
        superuser(
            "postgres",
            &[&format!(
                "DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles \
                 WHERE rolname = '{name}' OR rolname LIKE '{name}\\_%' LOOP \
                 EXECUTE format('DROP ROLE %I', r); END LOOP; END $$"
            )],
        );
    }
}

/// Runs statements one by one as the superuser, on a thread of its own: the caller may be inside a
/// runtime already.
fn superuser(database: &str, statements: &[&str]) {
    superuser_at(port(), database, statements);
}

fn superuser_at(port: u16, database: &str, statements: &[&str]) -> Vec<Vec<String>> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(SUPERUSER)
        .password(SECRET)
        .database(database);
    run_as(&options, statements)
}

/// Runs statements one by one on a thread of its own; gives the rows of the last one as text.
pub fn run_as(options: &PgConnectOptions, statements: &[&str]) -> Vec<Vec<String>> {
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(options).await?;
                let mut rows = Vec::new();
                for sql in statements {
                    let sql = sqlx::AssertSqlSafe((*sql).to_owned());
                    rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await?;
                }
                connection.close().await?;
                let text = |row: &PgRow, at| {
                    let value = row.try_get_raw(at)?;
                    // By the simple protocol, everything comes as text.
                    Ok(value.as_str().unwrap_or_default().to_owned())
                };
                let texts = |row: &PgRow| (0..row.len()).map(|at| text(row, at)).collect();
                rows.iter().map(texts).collect::<Result<_, sqlx::Error>>()
            })
        });
        let outcome = work.join().unwrap();
        outcome.unwrap_or_else(|error: sqlx::Error| panic!("{statements:?}: {error}"))
    })
}

/// Where PostgreSQL's programs are: on the path, or where Debian keeps each version's.
fn binaries() -> PathBuf {
    let complete = |folder: &Path| {
        ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file())
    };
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(|e| Some(e.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    debian.sort();
    debian.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(debian).find(|folder| complete(folder));
    found.expect(
        "PostgreSQL's programs (initdb, pg_ctl, postgres) are not installed: run scripts/test, \
         which installs them",
    )
}

/// Lets the command run as whoever may run servers.
pub fn as_whoever_runs_servers(command: &mut Command) {
    as_user(command, server_user());
}

/// For root, the user and group that run servers.
fn server_user() -> Option<(u32, u32)> {
    (id("-u", None) == Some(0)).then(unprivileged)
}

fn as_user(command: &mut Command, user: Option<(u32, u32)>) {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
}

/// The user and group that run the server for root.
fn unprivileged() -> (u32, u32) {
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some((id("-u", Some(name))?, id("-g", Some(name))?)))
        .expect(
            "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody",
        )
}

fn id(what: &str, user: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(what).args(user).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
