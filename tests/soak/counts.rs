//! What was done, added up.

use precedent::Stats;

use crate::hazard::{SITES, fired};
use crate::plan::DEEDS;

/// Of a worker, of a round, of the whole soak.
#[derive(Clone, Default)]
pub struct Counts {
    pub deeds: [u64; DEEDS.len()],
    pub operations: u64,
    /// Planned panics that came out of the database.
    pub caught: u64,
    /// Transactions and snapshots that nobody ended, and those of them that never were.
    pub lost: u64,
    pub forgotten: u64,
    pub bursts: u64,
    pub snapshots: u64,
    pub totals: u64,
    pub windows: u64,
    pub judged: u64,
    pub injected: u64,
    pub delayed: u64,
    pub engine: Engine,
}

/// What the database says of itself.
#[derive(Clone, Copy, Default)]
pub struct Engine {
    pub commits: u64,
    pub certified: u64,
    pub rolled_back: u64,
    pub cycles: u64,
    pub first_committer: u64,
    pub conservative: u64,
    pub rule: u64,
    pub timed_out: u64,
    pub limits: u64,
    pub slides: u64,
    pub folded: u64,
    pub aged: u64,
}

impl Engine {
    pub fn of(stats: &Stats) -> Self {
        Self {
            commits: stats.commits,
            certified: stats.certified_readers,
            rolled_back: stats.rollbacks,
            cycles: stats.cycle_aborts,
            first_committer: stats.first_committer_aborts,
            conservative: stats.conservative_aborts,
            rule: stats.rule_aborts,
            timed_out: stats.timed_out_aborts,
            limits: stats.own_values_aborts + stats.footprint_aborts + stats.bytes_aborts,
            slides: stats.slides,
            folded: stats.folded_commits,
            aged: stats.aged,
        }
    }

    fn add(&mut self, other: &Self) {
        self.commits += other.commits;
        self.certified += other.certified;
        self.rolled_back += other.rolled_back;
        self.cycles += other.cycles;
        self.first_committer += other.first_committer;
        self.conservative += other.conservative;
        self.rule += other.rule;
        self.timed_out += other.timed_out;
        self.limits += other.limits;
        self.slides += other.slides;
        self.folded += other.folded;
        self.aged += other.aged;
    }
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.deeds.iter_mut().zip(other.deeds).for_each(|(sum, more)| *sum += more);
        self.operations += other.operations;
        self.caught += other.caught;
        self.lost += other.lost;
        self.forgotten += other.forgotten;
        self.bursts += other.bursts;
        self.snapshots += other.snapshots;
        self.totals += other.totals;
        self.windows += other.windows;
        self.judged += other.judged;
        self.injected += other.injected;
        self.delayed += other.delayed;
        self.engine.add(&other.engine);
    }

    /// Everything, for the end.
    pub fn table(&self) -> String {
        let engine = &self.engine;
        let aborts = [
            ("cycle", engine.cycles),
            ("first committer", engine.first_committer),
            ("conservative and injected", engine.conservative),
            ("another rule", engine.rule),
            ("given up", engine.timed_out),
            ("a limit", engine.limits),
        ];
        let deeds = DEEDS.iter().zip(self.deeds).map(|(deed, times)| format!("{deed:?} {times}"));
        let panics = SITES.iter().zip(fired()).map(|(site, times)| format!("{site} {times}"));
        let aborts = aborts.iter().map(|(reason, times)| format!("{reason} {times}"));
        [
            ("operations", self.operations.to_string()),
            ("committed", format!("{} writers, {} readers", engine.commits, engine.certified)),
            ("aborted", aborts.collect::<Vec<_>>().join(", ")),
            ("rolled back", engine.rolled_back.to_string()),
            ("faults", format!("{} ends spoilt, {} delayed", self.injected, self.delayed)),
            (
                "panics",
                format!(
                    "{}; {} reached a caller",
                    panics.collect::<Vec<_>>().join(", "),
                    self.caught
                ),
            ),
            ("left open", format!("{}; {} of them for ever", self.lost, self.forgotten)),
            (
                "engine",
                format!(
                    "{} slides, {} folded commits, {} aged",
                    engine.slides, engine.folded, engine.aged
                ),
            ),
            ("looked at", format!("{} totals, {} snapshots", self.totals, self.snapshots)),
            ("judged", format!("{} histories of {} transactions", self.windows, self.judged)),
            ("deeds", deeds.collect::<Vec<_>>().join(", ")),
        ]
        .map(|(what, told)| format!("{what:<12} {told}\n"))
        .concat()
    }
}
