//! The options of every command that has to wait for others.

use std::time::Duration;

use crate::lock::Patience;

/// How long a command waits for others.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Waiting {
    /// Wait this many seconds for another migration or seeding to finish
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    lock_wait: u32,
    /// Wait at most this many seconds for a lock on a table, then release it and try again a few times;
    /// other sessions wait behind this command for as long
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    lock_timeout: u32,
    /// Stop a statement that runs for longer than this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    statement_timeout: Option<u32>,
}

impl Waiting {
    /// The same for the library.
    #[must_use]
    pub fn patience(self) -> Patience {
        let seconds = |number: u32| Duration::from_secs(number.into());
        Patience {
            lock_wait: seconds(self.lock_wait),
            lock_timeout: seconds(self.lock_timeout),
            statement_timeout: self.statement_timeout.map(seconds),
            ..Patience::default()
        }
    }
}

impl Default for Waiting {
    /// As if nothing was said.
    fn default() -> Self {
        Self { lock_wait: 30, lock_timeout: 5, statement_timeout: None }
    }
}
