//! How far it is, and how to stop it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Between two lines.
const EVERY: Duration = Duration::from_secs(3);

/// Asks a seeding to stop after what it is doing. What is done stays, and it goes on from there the next
/// time.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for it.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked for it.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Says every few seconds how far it is.
pub(crate) struct Progress {
    planned: u64,
    began: Instant,
    state: Mutex<(u64, Instant)>,
}

impl Progress {
    pub(crate) fn new(planned: u64) -> Self {
        let began = Instant::now();
        Self { planned, began, state: Mutex::new((0, began)) }
    }

    /// So many rows are there now.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "of an estimate"
    )]
    pub(crate) fn add(&self, rows: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += rows;
        if state.1.elapsed() < EVERY {
            return;
        }
        state.1 = Instant::now();
        let rate = state.0 as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let left = self.planned.saturating_sub(state.0) as f64 / rate.max(1.0);
        tracing::info!(
            "{} of {} rows, {} rows a second, {} s left",
            state.0,
            self.planned,
            rate as u64,
            left.ceil() as u64
        );
    }
}
