//! The `tenantry` command; see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tenantry::cli::main(&tenantry::APP)
}
