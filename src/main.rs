//! The `tenantry` command; see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    migration::cli::main::<tenantry::cli::Tenantry>()
}
