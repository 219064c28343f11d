//! Safe timestamps, and the pins of detached snapshots.
//!
//! A timestamp is *safe* if no active writer has an older snapshot and no danger interval
//! contains it: then no commit to come can make a reader there part of a cycle. Once safe,
//! always safe. The newest safe timestamp that is known stays pinned, so that a snapshot
//! can be taken there at any moment.
//!
//! ```text
//!     pins   σ newest safe        published
//!   --|---|--|====================|-->        collected: left of σ, but for the pins
//! ```

use std::collections::BTreeMap;

use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// Which timestamps can be read by detached snapshots.
pub(crate) struct Safety {
    state: Mutex<State>,
    /// The newest safe timestamp that is known; written under the lock, only grows.
    newest: AtomicU64,
    /// How many timestamps are pinned; a hint that spares the lock, written under it.
    pinned: AtomicUsize,
}

struct State {
    /// Below it only pinned timestamps have all their versions.
    available_from: u64,
    /// How many handles pin a timestamp, and whether it is known to be safe.
    pinned: BTreeMap<u64, Pinned>,
}

#[derive(Default)]
struct Pinned {
    handles: usize,
    safe: bool,
}

impl State {
    /// From now on nothing below `timestamp` can be pinned that is not pinned already.
    fn settle(&mut self, timestamp: u64) -> u64 {
        self.available_from = self.available_from.max(timestamp);
        self.available_from
    }
}

impl Safety {
    pub(crate) fn new() -> Self {
        let state = State { available_from: 0, pinned: BTreeMap::new() };
        Self { state: Mutex::new(state), newest: AtomicU64::new(0), pinned: AtomicUsize::new(0) }
    }

    /// The newest safe timestamp that is known.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// How many timestamps are pinned; a hint.
    pub(crate) fn pinned(&self) -> usize {
        self.pinned.load(Ordering::Relaxed)
    }

    /// Takes note of a safe timestamp.
    pub(crate) fn note(&self, safe: u64) {
        if safe > self.newest() {
            self.advance(&self.state.lock(), safe);
        }
    }

    /// Takes note of a safe timestamp and returns the newest one that is known, under the
    /// lock, so that nobody collects in between. One whose versions may be gone is no use.
    fn advance(&self, state: &State, safe: u64) -> u64 {
        let newest = self.newest.load(Ordering::Relaxed);
        if safe <= newest || safe < state.available_from {
            return newest;
        }
        self.newest.store(safe, Ordering::Release);
        safe
    }

    /// Takes note of a safe timestamp at which a transaction reads. It stays pinned from now
    /// on, if it is one of the `pins` that the collection at hand spares. O(pins).
    pub(crate) fn adopt(&self, safe: u64, pins: &[u64]) {
        let _state = self.state.lock();
        if safe > self.newest.load(Ordering::Relaxed) && pins.contains(&safe) {
            self.newest.store(safe, Ordering::Release);
        }
    }

    /// Before a collection: adds what snapshots pin to `pins` and returns the timestamp
    /// from which on every one can still be read. It lags by `max_lag` commits at most.
    pub(crate) fn settle(&self, published: u64, max_lag: u64, pins: &mut Vec<u64>) -> u64 {
        let mut state = self.state.lock();
        let newest = self.newest.load(Ordering::Relaxed);
        pins.push(newest);
        pins.extend(state.pinned.keys());
        state.settle(newest.max(published.saturating_sub(max_lag)))
    }

    /// The timestamp at or below which nobody can ask any more whether one is safe: it is
    /// known to be, or cannot be pinned. In one step, since danger that ends there is
    /// forgotten: whoever pins a timestamp afterwards pins a newer one, or one that is safe.
    pub(crate) fn settle_danger(&self) -> u64 {
        let mut state = self.state.lock();
        let newest = self.newest.load(Ordering::Relaxed);
        state.settle(newest);
        let unsafe_one = state.pinned.iter().find(|(_, pinned)| !pinned.safe);
        unsafe_one.map_or(newest, |(&timestamp, _)| newest.min(timestamp))
    }

    /// Pins the newest safe timestamp.
    pub(crate) fn pin_newest(&self, safe: u64) -> u64 {
        let mut state = self.state.lock();
        let timestamp = self.advance(&state, safe);
        let pinned = state.pinned.entry(timestamp).or_default();
        pinned.handles += 1;
        pinned.safe = true;
        self.pinned.store(state.pinned.len(), Ordering::Relaxed);
        timestamp
    }

    /// Pins any timestamp. Whether it is known to be safe; none if its versions are gone.
    pub(crate) fn pin_at(&self, timestamp: u64) -> Option<bool> {
        let mut state = self.state.lock();
        let newest = self.newest.load(Ordering::Relaxed);
        let kept = timestamp >= state.available_from || timestamp == newest;
        if !kept && !state.pinned.contains_key(&timestamp) {
            return None;
        }
        let pinned = state.pinned.entry(timestamp).or_default();
        pinned.handles += 1;
        pinned.safe |= timestamp == newest;
        let safe = pinned.safe;
        self.pinned.store(state.pinned.len(), Ordering::Relaxed);
        Some(safe)
    }

    /// A pinned timestamp was found to be safe.
    pub(crate) fn note_safe(&self, timestamp: u64) {
        if let Some(pinned) = self.state.lock().pinned.get_mut(&timestamp) {
            pinned.safe = true;
        }
    }

    /// Counts one handle less.
    pub(crate) fn unpin(&self, timestamp: u64) {
        let mut state = self.state.lock();
        if let Some(pinned) = state.pinned.get_mut(&timestamp) {
            pinned.handles -= 1;
            if pinned.handles == 0 {
                state.pinned.remove(&timestamp);
                self.pinned.store(state.pinned.len(), Ordering::Relaxed);
            }
        }
    }
}
