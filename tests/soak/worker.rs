//! A thread of a round: draws what to do, does it, and survives what comes of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use precedent::{Error, Pin, ReadTransaction, Snapshot, Timestamp, Transaction};

use crate::counts::Counts;
use crate::hazard::{Planned, light, put_out};
use crate::plan::{DEEDS, Deed};
use crate::rng::Rng;
use crate::round::{Round, digest};
use crate::vault::{Vault, operations};
use crate::watch;

/// What somebody has begun and never ends. Found again when the round is over, unless the
/// round forgets. It is only kept, and dropped.
#[expect(dead_code, reason = "kept, and dropped")]
pub enum Lost<'r> {
    Writer(Transaction<'r>),
    Reader(ReadTransaction<'r>),
    Snapshot(Snapshot),
    Pin(Pin),
}

pub struct Worker<'r> {
    pub round: &'r Round,
    pub number: usize,
    pub rng: Rng,
    pub counts: Counts,
    pub lost: Vec<Lost<'r>>,
    /// Snapshots that are held for a while, and what they have shown.
    pub held: Vec<(Snapshot, u64)>,
    /// A table that it has not dropped yet.
    pub shelf: Option<String>,
    /// The newest commit of its own.
    pub newest: Option<Timestamp>,
}

/// An account.
#[derive(Clone, Copy)]
pub struct Place<'r> {
    pub vault: &'r dyn Vault,
    pub number: u32,
}

impl<'r> Worker<'r> {
    pub fn new(round: &'r Round, number: usize, window: usize) -> Self {
        let stream = 1 + number as u64 + 8 * window as u64;
        Self {
            round,
            number,
            rng: Rng::stream(round.plan.seed, stream),
            counts: Counts::default(),
            lost: Vec::new(),
            held: Vec::new(),
            shelf: None,
            newest: None,
        }
    }

    /// Works until the window is over.
    pub fn work(mut self, until: Instant) -> (Counts, Vec<Lost<'r>>) {
        while Instant::now() < until && !self.round.is_broken() {
            if self.round.bursting() {
                self.attempt(Deed::Transfer, |worker| worker.hammer());
                continue;
            }
            let deed = self.round.plan.deed(&mut self.rng);
            self.attempt(deed, |worker| worker.perform(deed));
        }
        for (snapshot, shown) in std::mem::take(&mut self.held) {
            self.look_again(&snapshot, shown);
        }
        self.counts.operations = operations();
        (self.counts, self.lost)
    }

    /// Does something, with a fuse now and then. Only planned panics may come of it.
    fn attempt(&mut self, deed: Deed, does: impl FnOnce(&mut Self)) {
        let place = DEEDS.iter().position(|other| *other == deed).expect("one of them");
        self.counts.deeds[place] += 1;
        watch::doing(self.number, Some(place));
        if self.rng.below(1_000) < self.round.plan.panics {
            light(1 + self.rng.below(self.round.plan.fuse) as u64);
        }
        let ended = catch_unwind(AssertUnwindSafe(|| does(self)));
        put_out();
        watch::doing(self.number, None);
        match ended {
            Ok(()) => {}
            Err(payload) if payload.is::<Planned>() => self.counts.caught += 1,
            Err(payload) => {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
                self.round.fault(format!("{deed:?} panicked: {}", text.unwrap_or("?")));
            }
        }
    }

    fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Transfer => self.transfer(),
            Deed::Sweep => self.sweep(),
            Deed::Choose => self.choose(),
            Deed::Turnover => self.turn_over(),
            Deed::Withdraw => self.withdraw(),
            Deed::Savepoints => self.savepoints(),
            Deed::Refuse => self.refuse(),
            Deed::Manual => self.manual(),
            Deed::Blind => self.blind(),
            Deed::Load => self.load(),
            Deed::Total => self.total(),
            Deed::Report => self.report(),
            Deed::Hold => self.hold(),
            Deed::Linger => self.linger(),
            Deed::Lose => self.lose(),
            Deed::Doom => self.doom(),
            Deed::Tidy => self.tidy(),
            Deed::Shelf => self.shelf(),
            Deed::Burst => self.burst(),
        }
    }

    /// What came of an end: a refusal is no fault.
    pub fn settle<R>(&self, ended: Result<R, Error>) -> Option<R> {
        match ended {
            Ok(result) => return Some(result),
            Err(error) if error.is_conflict() || error.is_limit() || error.is_timed_out() => {}
            Err(error) => self.round.fault(format!("an unexpected error: {error}")),
        }
        None
    }

    /// An account, the first ones more often.
    pub fn place(&mut self) -> Place<'r> {
        let (round, rng) = (self.round, &mut self.rng);
        let vault = &*round.vaults[rng.below(round.vaults.len())];
        let number = skewed(rng, round.plan.keys, round.plan.skew);
        // Where accounts are moved to.
        let beyond = if rng.chance(10) { round.plan.keys } else { 0 };
        Place { vault, number: number + beyond }
    }

    /// A range of account numbers.
    pub fn numbers(&mut self) -> std::ops::Range<u32> {
        let keys = self.round.plan.keys;
        let from = skewed(&mut self.rng, keys, self.round.plan.skew);
        match self.rng.below(4) {
            0 => 0..2 * keys,
            1 => from..from + 1,
            2 => from..from + 1 + keys / 10,
            // The end may lie before the start.
            _ => from..skewed(&mut self.rng, 2 * keys, 1),
        }
    }

    /// Everybody hammers at a few accounts for a while, or nobody does anything.
    fn burst(&mut self) {
        self.counts.bursts += 1;
        let millis = self.rng.pick(&[1, 5, 30]);
        if self.rng.chance(50) {
            self.round.burst(Duration::from_millis(millis));
        } else {
            sleep(Duration::from_millis(millis));
        }
    }

    pub fn look_again(&self, snapshot: &Snapshot, shown: u64) {
        if digest(self.round, snapshot) != shown {
            self.round.fault(format!("a snapshot at {} has changed", snapshot.timestamp()));
        }
    }
}

pub fn skewed(rng: &mut Rng, below: u32, skew: i32) -> u32 {
    let even = (rng.next() >> 11) as f64 / (1_u64 << 53) as f64;
    ((even.powi(skew) * f64::from(below)) as u32).min(below.saturating_sub(1))
}
