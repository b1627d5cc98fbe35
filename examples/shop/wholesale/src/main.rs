//! The `wholesale` command; see `--help`.

use std::process::ExitCode;

use tenantry_app::Application;

static APP: Application = Application::of(&wholesale::samples::SEEDER);

fn main() -> ExitCode {
    tenantry_app::cli::main(&APP)
}
