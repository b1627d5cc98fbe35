//! Runs the real binaries, in an empty folder and with a cleared environment.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// A call of one of our binaries.
pub struct Bin(Command);

/// What came of a call.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Bin {
    /// The binary `name`, to be run in `folder` with no environment at all.
    pub fn new(name: &str, folder: &Path) -> Self {
        Self::at(&path(name), folder)
    }

    /// A program, to be run like one of our binaries.
    pub fn at(program: &Path, folder: &Path) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().stdin(Stdio::null());
        // Which messages there are must not depend on the developer's own settings.
        command.env("RUST_BACKTRACE", "1");
        command.env("SEED_PRESET", "tiny");
        Self(command)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.0.args(args);
        self
    }

    /// The command, for what this type has no word for.
    pub fn command(self) -> Command {
        self.0
    }

    /// Starts it without waiting.
    pub fn spawn(mut self) -> Child {
        self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ran {
        self.0.output().unwrap().into()
    }

    /// Runs it to its end with `input` on a pipe as standard input.
    pub fn run_with_input(mut self, input: &str) -> Ran {
        let mut child = self
            .0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The command may have ended without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Asserts the exit code and gives the output back.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts success.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.expect_code(0)
    }

    /// Asserts that nothing like a panic and no secret is in the output.
    #[track_caller]
    pub fn clean_output(self) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        for forbidden in ["panicked", "RUST_BACKTRACE", "stack backtrace", super::postgres::SECRET]
        {
            assert!(!all.contains(forbidden), "{forbidden:?} in {self:#?}");
        }
        self
    }

    /// The lines on standard error that begin with `error:` and what belongs to them.
    pub fn error(&self) -> &str {
        self.stderr.find("error: ").map_or("", |at| &self.stderr[at..])
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }

    /// The last line of standard output.
    pub fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    /// The codes of all findings in a JSON report.
    #[track_caller]
    pub fn finding_codes(&self) -> Vec<String> {
        let report = self.json();
        let findings = report["findings"].as_array().expect("findings");
        findings
            .iter()
            .map(|f| format!("{} {}", f["table"].as_str().unwrap(), f["code"].as_str().unwrap()))
            .collect()
    }

    /// The hash that a refusal printed.
    #[track_caller]
    pub fn hash(&self) -> String {
        let rest = self.stderr.split_once("--confirm ").map(|(_, rest)| rest);
        let word = rest.and_then(|rest| rest.split_whitespace().next());
        word.unwrap_or_else(|| panic!("no hash in {self:#?}")).to_owned()
    }
}

/// The path of a binary. Cargo builds only the root package's own ones for its tests, so the
/// others are built here, once.
fn path(name: &str) -> PathBuf {
    built().join(name)
}

/// The folder with all binaries and examples of the workspace. Cargo builds them with the features that
/// the tests ask of their dependencies; without these, it would compile some forty crates twice.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut cargo = cargo();
        cargo.args(["build", "--quiet", "--bins"]);
        // Benchmarks run no examples, and what they depend on is built already, with just these packages.
        if cfg!(debug_assertions) {
            cargo.args(["--workspace", "--tests", "--examples"]);
        } else {
            let packages =
                ["--package", "tenantry", "--package", "migration", "--package", "seeder"];
            cargo.args(packages).args(["--release", "--benches"]);
        }
        if cfg!(feature = "squawk") {
            cargo.args(["--features", "squawk"]);
        }
        let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
        assert!(status.success(), "the binaries do not build");
        Path::new(env!("CARGO_BIN_EXE_tenantry")).parent().unwrap().to_owned()
    })
}

/// Cargo, without what the outer one tells this test of its package, and without what libtest needs
/// for `--report-time`: build scripts read both, and Cargo would build everything again.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.env_remove("RUSTC_BOOTSTRAP");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    cargo
}
