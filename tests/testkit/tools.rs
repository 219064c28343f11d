//! What these tests share.

use std::io::Write;

use precedent::testkit::{AnomalyKind, History, Level, Verdict, check};

/// A small random number generator (splitmix).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The share of `full` that this run is asked for: `PRECEDENT_SIZE` percent, 1 unless set.
pub fn scaled(full: usize) -> usize {
    let percent = std::env::var("PRECEDENT_SIZE").map_or(1, |text| {
        text.parse().unwrap_or_else(|_| panic!("PRECEDENT_SIZE={text} is not a number"))
    });
    (full * percent / 100).max(1)
}

/// Prints a summary, whole and past the capture of passing tests.
pub fn summary(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe is the reader's choice, not the test's failure.
    let _ = writeln!(out, "\n{}", text.trim_end());
}

/// The verdict on a text.
pub fn judge(text: &str) -> Verdict {
    check(&History::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// The kinds of the anomalies that were found, each once.
pub fn kinds(verdict: &Verdict) -> Vec<AnomalyKind> {
    let mut kinds: Vec<_> = verdict.anomalies().iter().map(|anomaly| anomaly.kind()).collect();
    kinds.dedup();
    kinds
}

/// Which levels it keeps.
pub fn kept(verdict: &Verdict) -> Vec<Level> {
    Level::ALL.into_iter().filter(|level| verdict.holds(*level)).collect()
}
