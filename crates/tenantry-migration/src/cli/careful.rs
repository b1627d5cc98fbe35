//! The options of every command that may lose something.

use std::path::PathBuf;

use super::{Rehearsing, Waiting};

/// How a command that may lose something goes about it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Careful {
    /// Consent to the loss that a refusal described, or to the plan that a rehearsal showed, by the
    /// hash it printed
    #[arg(long, value_name = "HASH")]
    pub confirm: Option<String>,
    /// Before anything is lost, write its rows to this new file, from which `migration restore` brings
    /// them back
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
    /// Whether it is only rehearsed.
    #[command(flatten)]
    pub rehearsing: Rehearsing,
    /// How long it waits for others.
    #[command(flatten)]
    pub waiting: Waiting,
}
