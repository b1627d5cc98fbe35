//! The `shop` command; see `--help`.

use std::process::ExitCode;

use tenantry_app::Application;

/// Shop's tables, migrations and sample rows.
static APP: Application =
    Application { project: &migration::PROJECT, samples: seeder::SEEDER.samples };

fn main() -> ExitCode {
    tenantry_app::cli::main(&APP)
}
