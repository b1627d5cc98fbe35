//! Commands in hints, as the reader can type them.

use std::path::Path;

/// A command of the application: `cargo run -p migration -- up` for a process that was started
/// by cargo, and `migration up`, with the folder that this process was started from, otherwise
/// the binaries.
#[must_use]
pub fn called(program: &str, arguments: &str) -> String {
    // Cargo says so to what it runs.
    let by_cargo = std::env::var_os("CARGO_MANIFEST_DIR").is_some();
    let path = std::env::args_os().next().unwrap_or_default();
    shown(by_cargo, Path::new(&path), program, arguments)
}

fn shown(by_cargo: bool, this: &Path, program: &str, arguments: &str) -> String {
    if by_cargo {
        return format!("cargo run -p {program} -- {arguments}");
    }
    match this.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => format!("{} {arguments}", folder.join(program).display()),
        None => format!("{program} {arguments}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_was_called() {
        for (by_cargo, this, wanted) in [
            (true, "target/debug/seeder", "cargo run -p migration -- up"),
            (false, "seeder", "migration up"),
            (false, "./seeder", "./migration up"),
            (false, "/opt/app/bin/seeder", "/opt/app/bin/migration up"),
            (false, "", "migration up"),
        ] {
            assert_eq!(shown(by_cargo, Path::new(this), "migration", "up"), wanted);
        }
    }
}
