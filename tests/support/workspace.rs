//! A copy of this workspace's `entity` and `migration`, to be edited and built. Copies share one
//! target folder, so that dependencies are built once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
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
