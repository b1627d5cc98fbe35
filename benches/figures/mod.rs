//! What benchmarks have in common: medians, and ratios to a floor of the same run.

use std::{fmt::Write as _, time::Duration};

/// How long each took, in the order in which they came first.
#[derive(Default)]
pub struct Times(pub Vec<(&'static str, Vec<Duration>)>);

impl Times {
    pub fn add(&mut self, name: &'static str, took: Duration) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => times.push(took),
            None => self.0.push((name, vec![took])),
        }
    }

    pub fn of(&self, name: &str) -> &[Duration] {
        &self.0.iter().find(|(known, _)| *known == name).unwrap().1
    }
}

pub fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

/// How many rounds, as the environment says.
pub fn rounds(usual: u32) -> u32 {
    std::env::var("TENANTRY_BENCH_ROUNDS").map_or(usual, |rounds| {
        let rounds = rounds.parse().ok().filter(|rounds| *rounds > 0);
        rounds.expect("TENANTRY_BENCH_ROUNDS is a number from 1 on")
    })
}

/// Which side of a bar is the right one.
#[derive(Clone, Copy)]
pub enum Bar {
    None,
    AtLeast(f64),
    AtMost(f64),
}

/// One time divided by another, by the median, and in each round.
pub fn ratio(name: &str, above: &[Duration], below: &[Duration], bar: Bar) {
    let of = |above: Duration, below: Duration| above.as_secs_f64() / below.as_secs_f64();
    let all = of(median(above), median(below));
    let mut line = format!("{name:<34} {all:.2} ");
    let rounds: Vec<String> = above
        .iter()
        .zip(below)
        .map(|(above, below)| format!("{:.2}", of(*above, *below)))
        .collect();
    let _ = write!(line, "({})", rounds.join(", "));
    let said = |reached: bool| if reached { "reached" } else { "missed" };
    let _ = match bar {
        Bar::None => Ok(()),
        Bar::AtLeast(bar) => write!(line, ", bar {bar}: {}", said(all >= bar)),
        Bar::AtMost(bar) => write!(line, ", bar {bar}: {}", said(all <= bar)),
    };
    println!("{line}");
}
