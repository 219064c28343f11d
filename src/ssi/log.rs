//! The commit log: committed read-write transactions in commit order, and the readers
//! that published what they saw.
//!
//! ```text
//!   entries:  c = 41   42   43   44          readers:  R(s=41)  R(s=43)
//!                  ^ low-water mark: older entries are gone
//! ```
//!
//! A commit timestamp is taken, the entry appended and its danger interval announced in
//! one step under the lock, and only if nothing has come since the transaction was last
//! certified, or nothing that its reads could meet (I1). No user code runs under it.
//!
//! The log is bounded. Beyond the bound, readers of the same snapshot first come to share one
//! footprint; if that is not enough it is *folded*: the oldest entries and readers go
//! though somebody older is still active, and nothing is kept in their place. Whoever is
//! older than the *fold point*, the newest commit that was forgotten, moves up to it before
//! it ends, if everything that it observed is the same there; else it fails as conservative.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::bugs::{Bug, Bugs};
use crate::ssi::danger::Danger;
use crate::ssi::entries::{Digests, Entries, Entry, Overwriter};
use crate::ssi::footprint::{Body, Footprint};
use crate::ssi::share::{Reader, Sharing, share};
use crate::ssi::view::View;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// Later than every commit timestamp.
pub(crate) const NEVER: u64 = u64::MAX;

/// Readers copied out in one hold of the lock.
const BATCH: usize = 128;
/// Room for so many marks is not given back.
const SPARE: usize = 1024;
/// Entries forgotten in one hold of the lock.
const FORGET: usize = 1024;
/// New entries that a commit looks at under the lock before it certifies anew.
const SECOND_LOOK: usize = 8;
/// Footprints of readers are shared anew after so many publications: this share of the bound.
const SHARE: usize = 16;

/// Why a transaction must look again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// The log has moved on: catch up, certify, try again.
    On,
    /// The log was folded past the snapshot: the transaction must move up to the fold point.
    Folded,
}

/// How much the log keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Entries and published readers together, before it is folded.
    pub(crate) retained: usize,
    /// Danger intervals, before neighbours are merged.
    pub(crate) dangers: usize,
}

/// What may be forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Horizon {
    /// The low-water mark.
    pub(crate) low_water: u64,
    /// Danger intervals that end at or below it matter to nobody.
    pub(crate) danger: u64,
    /// The published timestamp: the fold point stays at or below it.
    pub(crate) published: u64,
}

/// How a transaction stands before it takes its timestamp.
pub(crate) enum Stance<'v> {
    /// It observed nothing: no edge leads from it to a committed transaction.
    Blind,
    /// Nothing in the view overwrote what it observed.
    Clear(&'v View),
    /// Nothing in the view speaks against it, and the rule must see everything.
    Exactly(&'v View),
    /// Something did, and the search over the view found no cycle.
    Edged(&'v View, Overwriter),
}

pub(crate) struct CommitLog {
    state: Mutex<State>,
    /// Lengths, as hints that spare the lock; written under it.
    retained: AtomicUsize,
    dangers: AtomicUsize,
    /// The smallest s(X) of a retained entry; written under the lock.
    oldest_snapshot: AtomicU64,
    /// The newest commit that was forgotten; written under the lock, by whoever collects.
    base: AtomicU64,
    /// How many entries were folded. A counter.
    folded: AtomicU64,
    /// How many readers have come to share another's footprint. A counter.
    shared: AtomicU64,
    bounds: Bounds,
    bugs: Bugs,
}

struct State {
    entries: Entries,
    /// (c, s) of the retained entries whose s is smaller than that of all after them.
    oldest: VecDeque<(u64, u64)>,
    /// Ascending by their numbers.
    readers: VecDeque<Reader>,
    /// How much they count against the bound: the sum of their weights.
    readers_weight: usize,
    /// How many readers were ever published.
    readers_published: u64,
    /// How many of them had been published when footprints were last shared.
    readers_considered: u64,
    danger: Danger,
}

impl CommitLog {
    pub(crate) fn new(bounds: Bounds, bugs: Bugs) -> Self {
        Self {
            state: Mutex::new(State {
                entries: Entries::new(),
                oldest: VecDeque::new(),
                readers: VecDeque::new(),
                readers_weight: 0,
                readers_published: 0,
                readers_considered: 0,
                danger: Danger::new(bounds.dangers),
            }),
            retained: AtomicUsize::new(0),
            dangers: AtomicUsize::new(0),
            oldest_snapshot: AtomicU64::new(NEVER),
            base: AtomicU64::new(0),
            folded: AtomicU64::new(0),
            shared: AtomicU64::new(0),
            bounds,
            bugs,
        }
    }

    /// Brings a view up to date. With `readers`, the published readers too, a batch for each
    /// hold of the lock; what commits left is shared, not copied.
    ///
    /// # Errors
    /// `Folded` if commits that the view should hold are gone.
    pub(crate) fn catch_up(&self, view: &mut View, readers: bool) -> Result<(), Moved> {
        loop {
            let state = self.state.lock();
            if state.entries.base() > view.window.start() {
                return Err(Moved::Folded);
            }
            state.entries.extend(&mut view.window);
            let complete = !readers || state.copy_readers(view);
            drop(state);
            if complete {
                return Ok(());
            }
        }
    }

    /// Takes a commit timestamp and appends the entry in one step (I1).
    ///
    /// # Errors
    /// `Moved` if the log holds something that the stance does not answer for, or holds it
    /// no more.
    pub(crate) fn append(&self, body: &Arc<Body>, stance: Stance<'_>) -> Result<u64, Moved> {
        self.enter(body, Digests::of(&body.footprint), stance)
    }

    // A function, so that `ci/instructions.sh` can count what others wait for.
    #[inline(never)]
    fn enter(&self, body: &Arc<Body>, digests: Digests, stance: Stance<'_>) -> Result<u64, Moved> {
        let mut state = self.state.lock();
        if state.entries.base() > body.snapshot {
            return Err(Moved::Folded);
        }
        if !self.bugs.has(Bug::NoSecondLook) && !state.answers(&stance, &body.footprint) {
            return Err(Moved::On);
        }
        let commit = state.entries.last() + 1;
        debug_assert!(commit > body.snapshot, "I1: a snapshot sees its own commit");
        let overwriter = match stance {
            Stance::Edged(_, overwriter) => Some(overwriter),
            Stance::Blind | Stance::Clear(_) | Stance::Exactly(_) => None,
        };
        if let Some(overwriter) = &overwriter
            && !self.bugs.has(Bug::NoAnnouncement)
        {
            state.danger.announce(overwriter.commit, commit);
        }
        state.push(Entry { commit, body: Arc::clone(body), overwriter }, digests);
        self.note_lengths(&state);
        Ok(commit)
    }

    /// Ends a tracked reader that certification has nothing against up to `position`.
    /// With `publish`, its reads become a node of later searches, in the same step.
    ///
    /// # Errors
    /// `Moved` if its snapshot lies in danger and the log has grown past `position`, or
    /// holds what the reader must look at no more.
    pub(crate) fn end_reader(
        &self,
        body: &Arc<Body>,
        position: u64,
        publish: bool,
    ) -> Result<(), Moved> {
        let publish = publish && !self.bugs.has(Bug::NeverPublish);
        let mut state = self.state.lock();
        let folded = state.entries.base() > body.snapshot;
        if state.danger.contains(body.snapshot) {
            if folded {
                return Err(Moved::Folded);
            }
            if position != state.entries.last() {
                return Err(Moved::On);
            }
        }
        if self.bugs.has(Bug::CheckBeforePublish) {
            drop(state);
            crate::sync::yield_now();
            state = self.state.lock();
        }
        // Whoever is older than a folded reader moves up past it before it ends.
        if publish && !folded {
            state.readers_published += 1;
            let reader = Reader::new(state.readers_published, Arc::clone(body));
            state.readers_weight += reader.weight;
            state.readers.push_back(reader);
            self.note_lengths(&state);
        }
        Ok(())
    }

    /// Whether a snapshot lies in a danger interval. The caller has seen by a scan of the
    /// registry that no older writer is active any more, or the answer may still change.
    pub(crate) fn in_danger(&self, snapshot: u64) -> bool {
        // Acquire: an ended writer's announcement is seen through its released slot.
        self.dangers.load(Ordering::Acquire) > 0 && self.state.lock().danger.contains(snapshot)
    }

    /// The newest timestamp at or below `timestamp` that lies in no danger interval. The
    /// caller has seen by a scan of the registry that no older writer is active any more.
    pub(crate) fn newest_outside_danger(&self, timestamp: u64) -> u64 {
        // Acquire: as in `in_danger`.
        if self.dangers.load(Ordering::Acquire) == 0 {
            return timestamp;
        }
        self.state.lock().danger.newest_outside(timestamp)
    }

    /// If there is more than the bound, lets published readers of equal snapshots share one
    /// footprint: a path goes through any of them where it goes through one. Runs the user's
    /// `cmp` and `clone`. Only whoever has the right to collect calls it. Returns what is
    /// replaced, for the caller to destroy outside every lock. O(n log n) for n readers, once
    /// in as many publications as are a share of the bound.
    pub(crate) fn share_readers(&self) -> Vec<Reader> {
        // Relaxed: a hint.
        if self.retained.load(Ordering::Relaxed) <= self.bounds.retained {
            return Vec::new();
        }
        let mut readers = Vec::new();
        {
            let mut state = self.state.lock();
            let news = state.readers_published - state.readers_considered;
            if news <= (self.bounds.retained / SHARE) as u64 {
                return Vec::new();
            }
            state.readers_considered = state.readers_published;
        }
        while !self.state.lock().copy_published(&mut readers) {}
        let Sharing { joined, replaced } = share(readers);
        if joined.is_empty() {
            return Vec::new();
        }
        let mut state = self.state.lock();
        state.replace_readers(joined, &replaced);
        self.note_lengths(&state);
        drop(state);
        // Relaxed: a counter, raised by one collector at a time.
        self.shared.fetch_add(replaced.len() as u64, Ordering::Relaxed);
        replaced
    }

    /// How many readers have come to share another's footprint.
    pub(crate) fn shared(&self) -> u64 {
        self.shared.load(Ordering::Relaxed)
    }

    /// Drops what no transaction at or above the low-water mark can need, and folds what
    /// exceeds the bound. Returns what was dropped, for the caller to destroy outside every
    /// lock. Only whoever has the right to collect calls it.
    pub(crate) fn forget(&self, horizon: Horizon) -> Forgotten {
        self.forget_in(&mut self.state.lock(), horizon)
    }

    /// As `forget`, if nobody has the lock.
    pub(crate) fn try_forget(&self, horizon: Horizon) -> Option<Forgotten> {
        Some(self.forget_in(&mut *self.state.try_lock()?, horizon))
    }

    fn forget_in(&self, state: &mut State, horizon: Horizon) -> Forgotten {
        let fold_to = state.fold_point(self.bounds.retained).min(horizon.published);
        let forgotten = state.forget(horizon, fold_to);
        let folded = state.entries.base().saturating_sub(horizon.low_water);
        // Relaxed: a counter, written under the lock.
        let before = self.folded.load(Ordering::Relaxed);
        self.folded.store(before + folded.min(forgotten.entries.len() as u64), Ordering::Relaxed);
        self.note_lengths(state);
        // Release: `base` names its pair.
        self.base.store(state.entries.base(), Ordering::Release);
        forgotten
    }

    /// The newest commit that was forgotten: the fold point of whoever is older. It only
    /// grows, and only while somebody collects.
    pub(crate) fn base(&self) -> u64 {
        // Acquire: pairs with the Release store of `forget_in`. A transaction that pins it
        // asks again after a fence, and the collector scans the pins after one.
        self.base.load(Ordering::Acquire)
    }

    /// How many commits were forgotten though somebody older was active.
    pub(crate) fn folded(&self) -> u64 {
        self.folded.load(Ordering::Relaxed)
    }

    /// How often danger intervals were merged because there were too many.
    pub(crate) fn dangers_merged(&self) -> u64 {
        self.state.lock().danger.merged()
    }

    /// Retained entries; a hint.
    pub(crate) fn retained(&self) -> usize {
        self.retained.load(Ordering::Relaxed)
    }

    /// Retained entries, footprints of published readers, danger intervals.
    pub(crate) fn lengths(&self) -> (usize, usize, usize) {
        let state = self.state.lock();
        (state.entries.len(), state.readers.len(), state.danger.len())
    }

    /// The smallest final read timestamp of a retained commit, `NEVER` if there is none.
    pub(crate) fn oldest_snapshot(&self) -> u64 {
        self.oldest_snapshot.load(Ordering::Acquire)
    }

    fn note_lengths(&self, state: &State) {
        // Relaxed and Release: hints; `in_danger` and `oldest_snapshot` name their pairs.
        self.retained.store(state.entries.len() + state.readers_weight, Ordering::Relaxed);
        self.dangers.store(state.danger.len(), Ordering::Release);
        let oldest = state.oldest.front().map_or(NEVER, |&(_, snapshot)| snapshot);
        self.oldest_snapshot.store(oldest, Ordering::Release);
    }
}

/// What [`CommitLog::forget`] took out.
pub(crate) struct Forgotten {
    entries: Vec<Entry>,
    readers: Vec<Reader>,
}

impl Forgotten {
    /// Whether there may be more.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= FORGET || self.readers.len() >= FORGET
    }
}

impl State {
    fn answers(&self, stance: &Stance<'_>, footprint: &Footprint) -> bool {
        match stance {
            Stance::Blind => true,
            Stance::Clear(view) => {
                let news = self.entries.last() - view.position();
                let meets = |writes| footprint.reads.may_meet(writes);
                news == 0
                    || news <= SECOND_LOOK as u64
                        && !self.entries.writes_after(view.position()).any(meets)
            }
            Stance::Exactly(view) => view.position() == self.entries.last(),
            Stance::Edged(view, _) => {
                view.position() == self.entries.last()
                    && view.readers_position == self.readers_published
            }
        }
    }

    fn push(&mut self, entry: Entry, digests: Digests) {
        let snapshot = entry.body.snapshot;
        while self.oldest.back().is_some_and(|&(_, newer)| newer >= snapshot) {
            self.oldest.pop_back();
        }
        self.oldest.push_back((entry.commit, snapshot));
        self.entries.push(entry, digests);
    }

    /// The readers with a number above this one.
    fn readers_after(&self, number: u64) -> impl Iterator<Item = &Reader> {
        let skip = self.readers.partition_point(|reader| reader.number <= number);
        self.readers.range(skip..).take(BATCH)
    }

    /// Copies a batch; true if nothing is left.
    fn copy_readers(&self, view: &mut View) -> bool {
        let mut reached = self.readers_published;
        for (copied, reader) in self.readers_after(view.readers_position).enumerate() {
            if reader.body.snapshot > view.window.start() {
                view.readers.push(Arc::clone(&reader.body));
            }
            if copied + 1 == BATCH {
                reached = reader.number;
            }
        }
        view.readers_position = reached;
        reached == self.readers_published
    }

    /// Copies a batch of all; true if nothing is left.
    fn copy_published(&self, readers: &mut Vec<Reader>) -> bool {
        let before = readers.len();
        let number = readers.last().map_or(0, |reader| reader.number);
        readers.extend(self.readers_after(number).cloned());
        readers.len() < before + BATCH
    }

    /// Both ascending. What is replaced by one that was joined has at most its number; so
    /// a view that has looked at all of the former misses nothing without the latter.
    fn replace_readers(&mut self, joined: Vec<Reader>, replaced: &[Reader]) {
        let mut replaced = replaced.iter().map(|reader| reader.number).peekable();
        let mut joined = joined.into_iter().peekable();
        let mut left = VecDeque::with_capacity(self.readers.len());
        for reader in self.readers.drain(..) {
            if replaced.next_if_eq(&reader.number).is_some() {
                self.readers_weight -= reader.weight;
                if let Some(instead) = joined.next_if(|instead| instead.number == reader.number) {
                    self.readers_weight += instead.weight;
                    left.push_back(instead);
                }
            } else {
                left.push_back(reader);
            }
        }
        self.readers = left;
    }

    /// Up to which commit the log must go, if it holds more than `bound`; else 0.
    fn fold_point(&self, bound: usize) -> u64 {
        if self.entries.len() + self.readers_weight <= bound {
            return 0;
        }
        let keep = bound / 2;
        let of_entries = self.entries.last() - self.entries.len().min(keep) as u64;
        let mut too_many = self.readers_weight.saturating_sub(keep);
        let of_readers = self.readers.iter().map_while(|reader| {
            let goes = too_many > 0;
            too_many = too_many.saturating_sub(reader.weight);
            goes.then_some(reader.body.snapshot)
        });
        let of_readers = of_readers.max();
        of_entries.max(of_readers.unwrap_or(0))
    }

    fn forget(&mut self, horizon: Horizon, fold_to: u64) -> Forgotten {
        let upto = horizon.low_water.max(fold_to);
        let entries = self.entries.take_out(upto, FORGET);
        let base = self.entries.base();
        while self.oldest.front().is_some_and(|&(commit, _)| commit <= base) {
            self.oldest.pop_front();
        }
        let mut readers = Vec::new();
        // Of a fold, only what the base has passed already.
        let reached = horizon.low_water.max(fold_to.min(base));
        let forgettable = |reader: &Reader| reader.body.snapshot <= reached;
        while readers.len() < FORGET && self.readers.front().is_some_and(forgettable) {
            readers.extend(self.readers.pop_front());
        }
        self.readers_weight -= readers.iter().map(|reader| reader.weight).sum::<usize>();
        self.danger.forget(horizon.danger);
        // After one long transaction so much room is not needed again.
        if self.oldest.len() < self.oldest.capacity() / 4 && self.oldest.capacity() > SPARE {
            self.oldest.shrink_to(self.oldest.capacity() / 2);
        }
        Forgotten { entries, readers }
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod kept;
#[cfg(all(test, not(precedent_loom)))]
mod tests;
