//! Its `seeder` command; see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tenantry_seeder::cli::main(&wholesale::samples::SEEDER)
}
