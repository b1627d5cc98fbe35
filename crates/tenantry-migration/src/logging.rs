//! The only tracing subscriber: to standard error, so that standard output stays data.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::env;

/// Starts logging. `RUST_LOG` decides what is logged; without it, our own steps, and with
/// `verbose` also their details and every statement.
pub fn init(verbose: bool) {
    let default = if verbose {
        "info,entity=debug,migration=debug,seeder=debug,tenantry=debug,sqlx::query=debug"
    } else {
        "warn,sqlx::query=error,entity=info,migration=info,seeder=info,tenantry=info"
    };
    let filter = std::env::var(env::RUST_LOG)
        .ok()
        .filter(|text| !text.trim().is_empty())
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(default));
    let no_color = std::env::var_os(env::NO_COLOR).is_some_and(|value| !value.is_empty());
    // A second subscriber in the same process is a test's, and stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(!no_color && stderr().is_terminal())
        .with_target(false)
        .without_time()
        // Its complaint about a closed standard error would go to standard error, and panic there.
        .log_internal_errors(false)
        .try_init();
}
