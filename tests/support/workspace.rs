//! A copy of this workspace's `entity` and `migration`, to be edited and built. The engine is the one
//! of this workspace, and compiled only once: copies begin with what was built here.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::command::{built, cargo};

/// A copy under `target`, at a place of its own.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

fn original() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where a copy is built: beside what this binary was built into, and at first with all of it. Cargo
/// finds the crates of the engine there, since a copy has them at the same relative path. Each copy has a
/// folder of its own, so that none waits for another.
fn begin_target(name: &str) -> PathBuf {
    let target = built().parent().unwrap().join("end_to_end").join(name);
    let debug = target.join("debug");
    let _ = fs::remove_dir_all(&debug);
    let deps = debug.join("deps");
    fs::create_dir_all(&deps).unwrap();
    // Cargo writes over these, so that a link would change the originals.
    for part in [".fingerprint", "build"] {
        run(Command::new("cp").arg("-a").arg(built().join(part)).arg(&debug));
    }
    // The compiler puts new files in the place of these.
    for entry in fs::read_dir(built().join("deps")).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        if matches!(ending, "rlib" | "rmeta" | "so") {
            fs::hard_link(&path, deps.join(path.file_name().unwrap())).unwrap();
        }
    }
    target
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// The workspace's part of the manifest, and the profiles.
fn manifest() -> (String, String) {
    let manifest = fs::read_to_string(original().join("Cargo.toml")).unwrap();
    let (workspace, rest) = manifest.split_once("\n[package]\n").unwrap();
    let profiles = rest.find("[profile.dev]").map_or("", |at| &rest[at..]);
    (workspace.to_owned(), profiles.to_owned())
}

/// The tests ask these crates for features. A copy asks for the same, so that Cargo does not compile
/// them, and what depends on them, again.
const FEATURES_OF_TESTS: &str = "
[dependencies]
bitflags = { version = \"2\", features = [\"std\"] }
regex-syntax = \"0.8\"
serde_core = \"1\"
smallvec = { version = \"1\", features = [\"const_new\"] }
";

/// Cargo takes packages of one version in one target folder for the same ones.
fn version(copy: &str) -> String {
    let patch: u32 = copy.bytes().map(u32::from).sum();
    format!("version = \"0.1.{patch}\"")
}

/// The code of a block of the README, after the lines that it begins with.
pub fn readme_block(language: &str, begin: &str) -> String {
    let readme = fs::read_to_string(original().join("README.md")).unwrap();
    let (_, lines) = readme
        .split_once(&format!("```{language}\n{begin}"))
        .unwrap_or_else(|| panic!("the README has no {begin:?}"));
    lines.split_once("```").unwrap().0.to_owned()
}

impl Workspace {
    /// A fresh workspace with the crates of the engine and these members, which are to be written.
    pub fn empty(name: &str, members: &[&str]) -> Self {
        let copy = Self::of(name, original(), &[]);
        copy.with_engine(members, "");
        copy
    }

    /// Writes the manifest of a member that depends on this.
    pub fn package(&self, member: &str, dependencies: &str) {
        let name = self.target.file_name().unwrap().to_str().unwrap();
        let head =
            format!("[package]\nname = \"{member}\"\n{}\nedition = \"2024\"\n", version(name));
        self.write(
            &format!("{member}/Cargo.toml"),
            &format!("{head}\n[dependencies]\n{dependencies}"),
        );
    }

    /// A fresh copy with these members beside `entity` and `migration`.
    pub fn new(name: &str, members: &[&str]) -> Self {
        let copy = Self::of(name, original(), &["clippy.toml", "entity", "migration"]);
        copy.ask_for_features("entity");
        let own = ["entity", "migration"];
        copy.with_engine(&[&own[..], members].concat(), "");
        copy.give_version(name, &own);
        copy
    }

    /// A fresh copy of `examples/shop`, whose engine is the one of this workspace.
    pub fn shop(name: &str) -> Self {
        let shop = original().join("examples/shop");
        let own = ["entity", "migration", "seeder", "wholesale"];
        let copy = Self::of(name, &shop, &[&own[..], &["src"]].concat());
        let manifest = fs::read_to_string(shop.join("Cargo.toml")).unwrap();
        let (its_workspace, package) = manifest.split_once("\n[package]\n").unwrap();
        // The copy has the dependencies of this workspace. Its own ask for nothing else.
        let here = self::manifest().0;
        for line in its_workspace.lines().filter(|line| line.contains("version = \"")) {
            let begin = line.split_once(',').map_or(line, |(begin, _)| begin);
            assert!(here.contains(begin), "the workspace has no {begin:?}");
        }
        let package =
            format!("\n[package]\n{package}").replace("version.workspace = true", &version(name));
        copy.with_engine(&own, &package);
        copy.give_version(name, &own);
        copy.ask_for_features("entity");
        copy
    }

    /// Makes it a workspace with these members and the crates of the engine, which are found where Cargo
    /// has built them, and a package of its own.
    fn with_engine(&self, members: &[&str], package: &str) {
        let crates = self.root.join("crates");
        std::os::unix::fs::symlink(original().join("crates"), crates).unwrap();
        let (workspace, profiles) = manifest();
        let members: Vec<String> =
            ["crates/*"].iter().chain(members).map(|member| format!("\"{member}\"")).collect();
        let workspace = workspace.replace(
            "members = [\"crates/*\", \"entity\", \"migration\", \"seeder\"]",
            &format!("members = [{}]", members.join(", ")),
        );
        self.write("Cargo.toml", &format!("{workspace}\n{package}\n{profiles}"));
    }

    /// What the tests ask for, and the engine with the features that it has here.
    fn dependencies_as_here(&self) -> String {
        let mut lines = FEATURES_OF_TESTS.to_owned();
        if cfg!(feature = "squawk") {
            let path = self.root.join("crates/tenantry-migration");
            let _ = writeln!(
                lines,
                "tenantry-migration = {{ path = '{}', features = ['squawk'] }}",
                path.display()
            );
        }
        lines
    }

    fn give_version(&self, name: &str, members: &[&str]) {
        for member in members {
            let manifest = format!("{member}/Cargo.toml");
            let own = format!("{}\nedition", version(name));
            self.replace(&manifest, "version.workspace = true\nedition", &own);
        }
    }

    /// Lets a member, from which another one may be built, ask for the features of the tests.
    pub fn ask_for_features(&self, member: &str) {
        let asked = self.dependencies_as_here();
        self.replace(&format!("{member}/Cargo.toml"), "\n[dependencies]\n", &asked);
    }

    /// A fresh folder with these parts of another, and what every workspace has.
    fn of(name: &str, from: &Path, parts: &[&str]) -> Self {
        let target = begin_target(name);
        let root = target.join("workspace");
        // What is left of another run would be part of this one.
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let own = parts.iter().map(|part| from.join(part));
        // With their times, by which cargo knows what it has built.
        for part in own.chain(["Cargo.lock", "rustfmt.toml"].map(|part| original().join(part))) {
            run(Command::new("cp").arg("-a").arg(part).arg(&root));
        }
        Self { root, target }
    }

    /// A crate outside of this workspace, with this `main` and the dependencies that the README names for
    /// an application. Cargo builds it in the target folder of the copy.
    pub fn application(&self, main: &str) -> Self {
        let application =
            Self { root: self.target.join("application"), target: self.target.clone() };
        // What another run left.
        let _ = fs::remove_dir_all(&application.root);
        let lines = readme_block("toml", "[dependencies]\nentity = ");
        let own = format!("[dependencies]\nentity = {lines}").replace("../tenantry", ".");
        let asked = application.dependencies_as_here();
        let own = format!("\n{own}").replacen("\n[dependencies]\n", &asked, 1);
        application.write("src/main.rs", main);
        for member in ["entity", "migration"] {
            let link = application.root.join(member);
            std::os::unix::fs::symlink(original().join(member), link).unwrap();
        }
        let head = "\n[package]\nname = \"application\"\nedition = \"2024\"\n";
        application.with_engine(&["entity", "migration"], &format!("{head}{own}"));
        run(Command::new("cp").arg(original().join("Cargo.lock")).arg(&application.root));
        application
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
        let (succeeds, stdout, stderr) = self.call(args);
        assert!(succeeds, "cargo {args:?}: {stdout}{stderr}");
        stdout
    }

    /// Runs cargo, which has to fail, and gives what it said.
    #[track_caller]
    pub fn refused(&self, args: &[&str]) -> String {
        let (succeeds, stdout, stderr) = self.call(args);
        assert!(!succeeds, "cargo {args:?}: {stdout}{stderr}");
        stderr
    }

    fn call(&self, args: &[&str]) -> (bool, String, String) {
        let Output { status, stdout, stderr } = cargo()
            .args(args)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (status.success(), text(&stdout), text(&stderr))
    }

    /// Keeps a built binary under a name of its own, since the next build takes its place.
    pub fn keep(&self, binary: &str) -> PathBuf {
        let kept = self.root.join("kept").join(binary);
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        // `cp` writes the copy. If this process did, a child that another test forks meanwhile would
        // inherit the open file, and running the copy would fail with ETXTBSY.
        run(Command::new("cp").arg(self.target.join("debug").join(binary)).arg(&kept));
        kept
    }
}

/// The names of the migrations that [`program_with_more`] has beside the thirteen.
pub const MORE: [&str; 2] =
    ["m20270101_000001_index_leads_by_name", "m20270101_000002_give_leads_a_token"];

/// The real `migration`, with the two migrations more of the folder `more`.
pub fn program_with_more() -> PathBuf {
    built().join("examples/program_with_more")
}
