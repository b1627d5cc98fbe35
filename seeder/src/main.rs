//! The `seeder` command; see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    migration::cli::main::<seeder::cli::Seeder>()
}
