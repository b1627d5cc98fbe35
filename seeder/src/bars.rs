//! How far it is, on a terminal.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::{Progress, SoFar};

/// Between two looks at it.
pub(crate) const EVERY: Duration = Duration::from_millis(200);

/// A bar for each table, and one for all of them, which are gone at the end.
pub(crate) struct Bars {
    progress: Progress,
    all: MultiProgress,
    tables: Vec<(&'static str, ProgressBar)>,
    total: ProgressBar,
}

impl Bars {
    /// `None` where they could not be seen.
    pub(crate) fn new(progress: &Progress) -> Option<Self> {
        let all = MultiProgress::new();
        (!all.is_hidden()).then(|| Self {
            progress: progress.clone(),
            all,
            tables: Vec::new(),
            total: ProgressBar::hidden(),
        })
    }

    /// Shows how far it is now.
    pub(crate) fn draw(&mut self) {
        let SoFar { tables, phase } = self.progress.watch();
        if tables.is_empty() {
            return;
        }
        let whole: Vec<&str> = tables.keys().copied().collect();
        if self.tables.iter().map(|(table, _)| *table).ne(whole) {
            self.begin(tables.iter().map(|(table, (_, planned))| (*table, *planned)));
        }
        for (table, bar) in &self.tables {
            let (done, planned) = tables[table];
            bar.set_position(done);
            if done >= planned && !bar.is_finished() {
                bar.abandon();
            }
        }
        self.total.set_position(self.tables.iter().map(|(table, _)| tables[table].0).sum());
        self.total.set_message(phase.unwrap_or_default());
    }

    /// Shows a line above them.
    pub(crate) fn say(&self, text: &str) {
        let _ = self.all.println(text);
    }

    fn begin(&mut self, planned: impl Iterator<Item = (&'static str, u64)>) {
        let _ = self.all.clear();
        let style = ProgressStyle::with_template(
            "{prefix:<16} [{bar:24}] {pos:>9} of {len:<9} {per_sec:>14} {eta:>5} {wide_msg}",
        );
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
        let bar = |name, rows| {
            let bar = ProgressBar::new(rows).with_style(style.clone()).with_prefix(name);
            self.all.add(bar)
        };
        self.tables = planned.map(|(table, rows)| (table, bar(table, rows))).collect();
        let rows = self.tables.iter().filter_map(|(_, bar)| bar.length()).sum();
        self.total = bar("all", rows);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        let _ = self.all.clear();
    }
}
