//! The `seeder` command; see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    seeder::cli::main(&seeder::SEEDER)
}
