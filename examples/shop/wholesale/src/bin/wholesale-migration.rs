//! Its `migration` command; see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wholesale::cli::main(&wholesale::PROJECT)
}
