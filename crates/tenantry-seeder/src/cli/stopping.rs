//! Work that Ctrl-C stops in good order.

use tenantry_migration::{Result, cli::typed};
use tokio::time::MissedTickBehavior;

use crate::{Options, Seeder, bars, bars::Bars};

/// The exit code of a seeding that was asked to stop.
pub(super) const STOPPED: u8 = 3;

/// Waits, shows how far it is on a terminal, and asks it to stop at the first Ctrl-C. The second one ends the
/// process.
pub(super) async fn stoppable<T>(
    seeder: &Seeder,
    options: &Options,
    work: impl Future<Output = T>,
) -> T {
    const STOPPING: &str = "stopping after what is under way; Ctrl-C once more stops at once";
    let mut work = std::pin::pin!(work);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let mut bars = Bars::new(&options.progress, seeder.samples.tables());
    let mut looks = tokio::time::interval(bars::EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = &mut interrupt => {
                if options.stop.is_asked_for() {
                    drop(bars);
                    #[allow(clippy::disallowed_methods, reason = "it is asked for, and a transaction may be cut off")]
                    std::process::exit(130)
                }
                options.stop.ask();
                if let Some(bars) = &bars {
                    bars.say(STOPPING);
                } else {
                    tracing::warn!("{STOPPING}");
                }
                interrupt.set(tokio::signal::ctrl_c());
            }
            _ = looks.tick(), if bars.is_some() => bars.iter_mut().for_each(Bars::draw),
        }
    }
}

/// A line from the terminal. Ctrl-C ends the process here: since [`stoppable`] has asked for it, it does
/// nothing by itself any more.
pub(super) async fn stoppably_typed() -> Result<String> {
    tokio::select! {
        line = tokio::task::spawn_blocking(typed) => line.map_err(std::io::Error::other)?,
        _ = tokio::signal::ctrl_c() => {
            #[allow(clippy::disallowed_methods, reason = "it is asked for, and nothing is under way")]
            std::process::exit(130)
        }
    }
}
