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

use std::collections::VecDeque;
use std::sync::Arc;

use crate::bugs::{Bug, Bugs};
use crate::ssi::danger::Danger;
use crate::ssi::footprint::{Body, Footprint, Witness};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// Later than every commit timestamp.
pub(crate) const NEVER: u64 = u64::MAX;

/// Entries copied out in one hold of the lock.
const BATCH: usize = 128;
/// Entries forgotten in one hold of the lock.
const FORGET: usize = 1024;
/// New entries that a commit looks at under the lock before it certifies anew.
const SECOND_LOOK: usize = 8;

/// A committed read-write transaction.
#[derive(Clone)]
pub(crate) struct Entry {
    /// c(X).
    pub(crate) commit: u64,
    pub(crate) body: Arc<Body>,
    /// The first commit that X read around: `low(X)`, fixed at commit, never transitive.
    pub(crate) overwriter: Option<Overwriter>,
}

/// The first commit that overwrote something that another transaction observed.
#[derive(Clone)]
pub(crate) struct Overwriter {
    pub(crate) commit: u64,
    pub(crate) body: Arc<Body>,
    pub(crate) witness: Witness,
}

/// What a transaction has looked at so far.
pub(crate) struct View {
    /// Every entry with c in (s(T), position], ascending.
    pub(crate) entries: Vec<Entry>,
    /// The newest c that was looked at.
    pub(crate) position: u64,
    /// Published readers with s > s(T), once they were asked for.
    pub(crate) readers: Vec<Arc<Body>>,
    readers_position: u64,
    snapshot: u64,
}

impl View {
    /// Nothing is new to a transaction that has just taken its snapshot.
    pub(crate) fn new(snapshot: u64) -> Self {
        Self {
            entries: Vec::new(),
            position: snapshot,
            readers: Vec::new(),
            readers_position: 0,
            snapshot,
        }
    }
}

/// The log has moved on; catch up, certify, try again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moved;

/// How a transaction stands before it takes its timestamp.
pub(crate) enum Stance<'v> {
    /// It observed nothing: no edge leads from it to a committed transaction.
    Blind,
    /// Nothing in the view overwrote what it observed.
    Clear(&'v View),
    /// `Isolation::Snapshot`: nothing in the view wrote what it writes.
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
    bugs: Bugs,
}

struct State {
    /// The newest commit timestamp taken.
    last: u64,
    /// Dense: the entry of c stands at c - (last - len).
    entries: VecDeque<Entry>,
    /// (c, s) of the retained entries whose s is smaller than that of all after them.
    oldest: VecDeque<(u64, u64)>,
    readers: VecDeque<Arc<Body>>,
    /// How many readers were ever published.
    readers_published: u64,
    danger: Danger,
}

impl CommitLog {
    pub(crate) fn new(bugs: Bugs) -> Self {
        Self {
            state: Mutex::new(State {
                last: 0,
                entries: VecDeque::new(),
                oldest: VecDeque::new(),
                readers: VecDeque::new(),
                readers_published: 0,
                danger: Danger::default(),
            }),
            retained: AtomicUsize::new(0),
            dangers: AtomicUsize::new(0),
            oldest_snapshot: AtomicU64::new(NEVER),
            bugs,
        }
    }

    /// Brings a view up to date, a batch for each hold of the lock. With `readers`, the
    /// published readers too.
    pub(crate) fn catch_up(&self, view: &mut View, readers: bool) {
        loop {
            let state = self.state.lock();
            let complete = state.copy_entries(view) & (!readers || state.copy_readers(view));
            drop(state);
            if complete {
                return;
            }
        }
    }

    /// Takes a commit timestamp and appends the entry in one step (I1).
    ///
    /// # Errors
    /// `Moved` if the log holds something that the stance does not answer for.
    pub(crate) fn append(&self, body: &Arc<Body>, stance: Stance<'_>) -> Result<u64, Moved> {
        let mut state = self.state.lock();
        if !self.bugs.has(Bug::NoSecondLook) && !state.answers(&stance, &body.footprint) {
            return Err(Moved);
        }
        assert!(state.base() <= body.snapshot, "I3: the log forgot commits that T must look at");
        let commit = state.last + 1;
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
        state.push(Entry { commit, body: Arc::clone(body), overwriter });
        self.note_lengths(&state);
        Ok(commit)
    }

    /// Ends a tracked reader that certification has nothing against up to `position`.
    /// With `publish`, its reads become a node of later searches, in the same step.
    ///
    /// # Errors
    /// `Moved` if its snapshot lies in danger and the log has grown past `position`.
    pub(crate) fn end_reader(
        &self,
        body: &Arc<Body>,
        position: u64,
        publish: bool,
    ) -> Result<(), Moved> {
        let publish = publish && !self.bugs.has(Bug::NeverPublish);
        let mut state = self.state.lock();
        if state.danger.contains(body.snapshot) && position != state.last {
            return Err(Moved);
        }
        if self.bugs.has(Bug::CheckBeforePublish) {
            drop(state);
            crate::sync::yield_now();
            state = self.state.lock();
        }
        if publish {
            state.readers.push_back(Arc::clone(body));
            state.readers_published += 1;
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

    /// Drops what no transaction at or above the low-water mark can need. Returns what
    /// was dropped, for the caller to destroy outside every lock.
    pub(crate) fn forget(&self, low_water: u64) -> Forgotten {
        self.forget_in(&mut self.state.lock(), low_water)
    }

    /// As `forget`, if nobody has the lock.
    pub(crate) fn try_forget(&self, low_water: u64) -> Option<Forgotten> {
        Some(self.forget_in(&mut *self.state.try_lock()?, low_water))
    }

    fn forget_in(&self, state: &mut State, low_water: u64) -> Forgotten {
        let forgotten = state.forget(low_water);
        self.note_lengths(state);
        forgotten
    }

    /// Retained entries; a hint.
    pub(crate) fn retained(&self) -> usize {
        self.retained.load(Ordering::Relaxed)
    }

    /// Retained entries, published readers, danger intervals.
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
        self.retained.store(state.entries.len() + state.readers.len(), Ordering::Relaxed);
        self.dangers.store(state.danger.len(), Ordering::Release);
        let oldest = state.oldest.front().map_or(NEVER, |&(_, snapshot)| snapshot);
        self.oldest_snapshot.store(oldest, Ordering::Release);
    }
}

/// What [`CommitLog::forget`] took out.
pub(crate) struct Forgotten {
    entries: Vec<Entry>,
    readers: Vec<Arc<Body>>,
}

impl Forgotten {
    /// Whether there may be more.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= FORGET || self.readers.len() >= FORGET
    }
}

impl State {
    fn base(&self) -> u64 {
        self.last - self.entries.len() as u64
    }

    fn after(&self, position: u64) -> impl Iterator<Item = &Entry> {
        // The entries at or below a view's position may be gone already.
        let skip = position.max(self.base()) - self.base();
        self.entries.range((skip as usize).min(self.entries.len())..)
    }

    fn answers(&self, stance: &Stance<'_>, footprint: &Footprint) -> bool {
        match stance {
            Stance::Blind => true,
            Stance::Clear(view) => {
                self.last - view.position <= SECOND_LOOK as u64
                    && self
                        .after(view.position)
                        .all(|entry| !footprint.reads.may_meet(&entry.body.footprint.writes))
            }
            Stance::Exactly(view) => view.position == self.last,
            Stance::Edged(view, _) => {
                view.position == self.last && view.readers_position == self.readers_published
            }
        }
    }

    fn push(&mut self, entry: Entry) {
        let snapshot = entry.body.snapshot;
        while self.oldest.back().is_some_and(|&(_, newer)| newer >= snapshot) {
            self.oldest.pop_back();
        }
        self.oldest.push_back((entry.commit, snapshot));
        self.last = entry.commit;
        self.entries.push_back(entry);
    }

    /// Copies a batch; true if nothing is left.
    fn copy_entries(&self, view: &mut View) -> bool {
        view.entries.extend(self.after(view.position).take(BATCH).cloned());
        let reached = view.entries.last().map_or(view.position, |entry| entry.commit);
        view.position = reached.max(view.position);
        view.position == self.last
    }

    /// Copies a batch; true if nothing is left.
    fn copy_readers(&self, view: &mut View) -> bool {
        let gone = self.readers_published - self.readers.len() as u64;
        let skip = view.readers_position.max(gone) - gone;
        let batch = self.readers.range(skip as usize..).take(BATCH);
        let before = view.readers_position.max(gone);
        let mut copied = 0;
        for reader in batch {
            copied += 1;
            if reader.snapshot > view.snapshot {
                view.readers.push(Arc::clone(reader));
            }
        }
        view.readers_position = before + copied;
        view.readers_position == self.readers_published
    }

    fn forget(&mut self, low_water: u64) -> Forgotten {
        let gone = self.entries.partition_point(|entry| entry.commit <= low_water).min(FORGET);
        let entries = self.entries.drain(..gone).collect();
        while self.oldest.front().is_some_and(|&(commit, _)| commit <= low_water) {
            self.oldest.pop_front();
        }
        let mut readers = Vec::new();
        let forgettable = |reader: &Arc<Body>| reader.snapshot <= low_water;
        while readers.len() < FORGET && self.readers.front().is_some_and(forgettable) {
            readers.extend(self.readers.pop_front());
        }
        self.danger.forget(low_water);
        // After one long transaction a long log is not needed again.
        if self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.capacity() / 2);
            self.oldest.shrink_to(self.entries.capacity() / 2);
        }
        Forgotten { entries, readers }
    }
}
