//! A copy of this workspace's `entity` and `migration`, to be edited and built. Copies share one
//! target folder, so that dependencies are built once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::OnceLock,
};

use super::command::cargo;

/// A copy under `target`, at a place of its own.
pub struct Workspace {
    root: PathBuf,
}

fn original() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn target() -> PathBuf {
    // Beside what this binary was built into.
    Path::new(env!("CARGO_BIN_EXE_tenantry")).ancestors().nth(2).unwrap().join("end_to_end")
}

impl Workspace {
    /// A fresh copy with these members beside `entity` and `migration`.
    pub fn new(name: &str, members: &[&str]) -> Self {
        let root = target().join("workspaces").join(name);
        // What is left of another run would be part of this one.
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        for file in ["Cargo.lock", "rustfmt.toml", "clippy.toml"] {
            fs::copy(original().join(file), root.join(file)).unwrap();
        }
        for member in ["entity", "migration"] {
            copy(&original().join(member), &root.join(member));
        }
        let manifest = fs::read_to_string(original().join("Cargo.toml")).unwrap();
        let (workspace, _) = manifest.split_once("\n[package]\n").unwrap();
        let mut all = vec!["entity", "migration"];
        all.extend(members);
        let members: Vec<String> = all.iter().map(|member| format!("\"{member}\"")).collect();
        let workspace = workspace.replace(
            "members = [\"entity\", \"migration\", \"seeder\"]",
            &format!("members = [{}]", members.join(", ")),
        );
        let manifest = format!("{workspace}\n[profile.dev]\ndebug = \"line-tables-only\"\n");
        fs::write(root.join("Cargo.toml"), manifest).unwrap();
        Self { root }
    }

    /// The copy's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces a text in a file, where it stands once.
    #[track_caller]
    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {path}");
        self.write(path, &text.replace(from, to));
    }

    /// Runs cargo, and fails with all it said unless it succeeds.
    #[track_caller]
    pub fn cargo(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = cargo()
            .args(args)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", target())
            .output()
            .unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "cargo {args:?}: {stdout}{stderr}");
        stdout.into_owned()
    }

    /// Keeps a built binary under a name of its own, since the next build takes its place.
    pub fn keep(&self, binary: &str) -> PathBuf {
        let kept = self.root.join("kept").join(binary);
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        fs::copy(target().join("debug").join(binary), &kept).unwrap();
        kept
    }
}

/// The names of the migrations that [`program_with_more`] has beside the thirteen.
pub const MORE: [&str; 2] =
    ["m20270101_000001_index_leads_by_name", "m20270101_000002_give_leads_a_token"];

/// The real `migration`, built with two migrations more: one that makes an index outside of a
/// transaction, and one that adds a
/// column.
pub fn program_with_more() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let workspace = Workspace::new("more", &[]);
        let last = "    m20261122_000013_create_email_services,\n";
        let listed = MORE.map(|name| format!("    {name},\n")).concat();
        workspace.replace("migration/src/lib.rs", last, &format!("{last}{listed}"));
        // Cargo takes packages of one version in one target folder for the same ones.
        workspace.replace("Cargo.toml", "version = \"0.1.0\"", "version = \"0.1.1\"");
        for (name, body) in MORE.iter().zip([INDEX, TOKEN]) {
            let file = format!("migration/src/{name}.rs");
            workspace.write(&file, &format!("{HEAD}{body}"));
        }
        workspace.cargo(&["build", "--quiet", "-p", "migration", "--bins"]);
        workspace.keep("migration")
    })
}

const HEAD: &str = "//! For a test.
use sea_orm_migration::prelude::*;
use sea_orm::{ConnectionTrait as _, DbBackend};
#[derive(DeriveMigrationName)]
pub struct Migration;
";

const INDEX: &str = r#"
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => "CREATE INDEX CONCURRENTLY leads_name_idx ON leads (name)",
            _ => "CREATE INDEX leads_name_idx ON leads (name)",
        };
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => "DROP INDEX CONCURRENTLY leads_name_idx",
            _ => "DROP INDEX leads_name_idx",
        };
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }
}
"#;

const TOKEN: &str = r#"
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            // A default that is another one for each row, so every row is written anew.
            DbBackend::Postgres => {
                "ALTER TABLE leads ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()"
            }
            _ => "ALTER TABLE leads ADD COLUMN token text NULL",
        };
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "ALTER TABLE leads DROP COLUMN token";
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }
}
"#;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
