//! Progress on a terminal.

use std::{fmt::Write, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::{
    progress::{Progress, SoFar},
    samples::TableInfo,
};

/// Between two looks at it.
pub(crate) const EVERY: Duration = Duration::from_millis(200);

/// A bar for each table, and one for all of them, which are gone at the end.
pub(crate) struct Bars {
    progress: Progress,
    in_order: &'static [TableInfo],
    all: MultiProgress,
    tables: Vec<(&'static str, ProgressBar)>,
    total: ProgressBar,
}

impl Bars {
    /// `None` where they could not be seen.
    pub(crate) fn new(progress: &Progress, in_order: &'static [TableInfo]) -> Option<Self> {
        let all = MultiProgress::new();
        (!all.is_hidden()).then(|| Self {
            progress: progress.clone(),
            in_order,
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
        if self.tables.len() != tables.len() {
            let in_order = self.in_order.iter().map(|info| info.name);
            let planned: Vec<_> =
                in_order.filter_map(|name| Some((name, tables.get(name)?.1))).collect();
            self.begin(planned);
        }
        for (table, bar) in &self.tables {
            let Some((done, planned)) = tables.get(table).copied() else { continue };
            bar.set_position(done);
            if done >= planned && !bar.is_finished() {
                bar.abandon();
            }
        }
        self.total.set_position(tables.values().map(|(done, _)| done).sum());
        self.total.set_message(phase.unwrap_or_default());
    }

    /// Shows a line above them.
    pub(crate) fn say(&self, text: &str) {
        let _ = self.all.println(text);
    }

    fn begin(&mut self, planned: Vec<(&'static str, u64)>) {
        let _ = self.all.clear();
        let style = ProgressStyle::with_template(
            "{prefix:<16} [{bar:24}] {pos:>9} of {len:<9} {rate:>9} {eta:>5} {wide_msg}",
        );
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{:.0}/s", state.per_sec());
        };
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.progress_chars("=> ").with_key("rate", rate);
        let bar = |name, rows| {
            let bar = ProgressBar::new(rows).with_style(style.clone()).with_prefix(name);
            self.all.add(bar)
        };
        self.tables = planned.into_iter().map(|(table, rows)| (table, bar(table, rows))).collect();
        let rows = self.tables.iter().filter_map(|(_, bar)| bar.length()).sum();
        self.total = bar("all", rows);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        let _ = self.all.clear();
    }
}
