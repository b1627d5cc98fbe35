//! A PgBouncer in transaction mode in front of a test's database, gone with the test.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{
    TestDb,
    postgres::{self, SECRET, free_port},
};

/// A PgBouncer.
pub struct PgBouncer {
    /// The URL of the database behind it.
    pub url: String,
    process: Child,
    // Dropped after the process.
    _folder: TempDir,
}

impl PgBouncer {
    /// In front of `db`, with so many connections to its server.
    pub fn before(db: &TestDb, connections: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("tenantry-pgb-").tempdir().unwrap();
        // It does not run as root, and has to read its settings.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (port, name) = (free_port(), &db.server().name);
        let settings = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n{name} = host=127.0.0.1 port={} user={name} password={SECRET}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = {connections}\n\
             ignore_startup_parameters = extra_float_digits\n",
            postgres::port()
        );
        fs::write(&settings, text).unwrap();
        let mut command = Command::new(program());
        postgres::as_whoever_runs_servers(&mut command);
        let mut process = command
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(process.try_wait().unwrap().is_none(), "PgBouncer does not start");
            super::pause();
        }
        let url = format!("postgres://{name}@127.0.0.1:{port}/{name}?sslmode=disable");
        Self { url, process, _folder: folder }
    }

    /// Whether it keeps track of named statements for its clients, as 1.21 and newer can.
    pub fn tracks_statements() -> bool {
        let output = Command::new(program()).arg("--version").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers = text.split_whitespace().find_map(|word| {
            let (major, rest) = word.split_once('.')?;
            let minor = rest.split('.').next()?;
            Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
        });
        // From 1.24 on it does so unasked.
        numbers.expect("a version") >= (1, 24)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where Debian has it, which is not on everybody's path.
fn program() -> &'static str {
    let found = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
        .into_iter()
        .find(|path| std::path::Path::new(path).is_file());
    found.expect("PgBouncer is not installed: run scripts/test, which installs it")
}
