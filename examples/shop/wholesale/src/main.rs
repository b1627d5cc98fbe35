//! The `wholesale` command; see `--help`.

use std::process::ExitCode;

use tenantry_app::Application;

static APP: Application = Application::without_samples(&wholesale::PROJECT);

fn main() -> ExitCode {
    tenantry_app::cli::main(&APP)
}
