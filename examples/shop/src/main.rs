//! The `shop` command; see `--help`.

use std::process::ExitCode;

use tenantry_app::Application;

/// Shop's tables, migrations and sample rows.
static APP: Application = Application::of(&seeder::SEEDER);

fn main() -> ExitCode {
    tenantry_app::cli::main(&APP)
}
