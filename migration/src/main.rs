//! The `migration` command; see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    migration::cli::main(&migration::PROJECT)
}
