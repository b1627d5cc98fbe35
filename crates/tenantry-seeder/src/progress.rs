//! Progress and cancellation.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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

    /// Whether it was asked for.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Progress of a seeding. Unless it is watched, there is a line of the log every few
/// seconds.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    so_far: SoFar,
    began: Option<Instant>,
    said: Option<Instant>,
    is_watched: bool,
}

/// What is done and what is planned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoFar {
    /// By table: rows that are done, and all that are to be done.
    pub tables: BTreeMap<&'static str, (u64, u64)>,
    /// What it is at, where that is something else than rows.
    pub phase: Option<String>,
}

impl SoFar {
    /// Rows that are done, and all that are to be done.
    #[must_use]
    pub fn rows(&self) -> (u64, u64) {
        self.tables.values().fold((0, 0), |sum, (done, planned)| (sum.0 + done, sum.1 + planned))
    }
}

impl Progress {
    /// Progress. From now on nothing is logged of it.
    #[must_use]
    pub fn watch(&self) -> SoFar {
        let mut state = self.state();
        state.is_watched = true;
        state.so_far.clone()
    }

    /// So many rows of each table are to be done.
    pub(crate) fn begin(&self, planned: impl IntoIterator<Item = (&'static str, u64)>) {
        let mut state = self.state();
        let tables = planned.into_iter().filter(|(_, rows)| *rows > 0);
        let tables = tables.map(|(table, rows)| (table, (0, rows))).collect();
        state.so_far = SoFar { tables, phase: None };
        (state.began, state.said) = (Some(Instant::now()), Some(Instant::now()));
    }

    /// So many more rows of a table are done.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "of an estimate"
    )]
    pub(crate) fn add(&self, table: &'static str, rows: u64) {
        let mut state = self.state();
        if let Some((done, _)) = state.so_far.tables.get_mut(table) {
            *done += rows;
        }
        let (Some(began), Some(said)) = (state.began, state.said) else { return };
        if state.is_watched || said.elapsed() < EVERY {
            return;
        }
        state.said = Some(Instant::now());
        let (done, planned) = state.so_far.rows();
        drop(state);
        let rate = done as f64 / began.elapsed().as_secs_f64().max(0.001);
        let left = planned.saturating_sub(done) as f64 / rate.max(1.0);
        tracing::info!(
            "{done} of {planned} rows, {} rows a second, {} s left",
            rate as u64,
            left.ceil() as u64
        );
    }

    /// It is at something else than rows.
    pub(crate) fn enter(&self, phase: &str) {
        let mut state = self.state();
        state.so_far.phase = Some(phase.to_owned());
        if !state.is_watched && state.said.is_none_or(|said| said.elapsed() >= EVERY) {
            state.said = Some(Instant::now());
            tracing::info!("{phase}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
