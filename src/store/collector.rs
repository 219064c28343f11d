//! Collection below the low-water mark.
//!
//! A commit that overwrote something leaves a note here. Once no snapshot can see below
//! the commit any more, what it overwrote is freed, and a tombstone's key leaves the
//! index. Every transaction that ends works off a bounded number of notes, so that no
//! thread of the engine's own is needed; [`Collecting::collect`] without a bound does all.

use std::collections::VecDeque;

use crate::store::quiet::panics_during;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, Waiting, thread_hint};

/// What one commit overwrote, with its types erased.
pub(crate) trait Overwritten: Send + Sync {
    /// How many records there are.
    fn len(&self) -> usize;
    /// Frees what ended at or below `horizon` in record `at`. Runs the user's `Drop` and
    /// `cmp`; neither can panic out of it.
    fn collect(&self, horizon: u64, at: usize);
}

pub(crate) struct Collector {
    notes: Mutex<VecDeque<Note>>,
    /// Records in `notes`; a hint that spares the lock.
    pending: AtomicUsize,
    /// Who is collecting: a thread's hint plus one, or nobody. It keeps a `Drop` of the
    /// user's that uses the database from collecting in turn, deeper and deeper.
    collecting: AtomicUsize,
    panicked_drops: AtomicU64,
}

struct Note {
    commit: u64,
    what: Box<dyn Overwritten>,
    done: usize,
}

/// Nobody is collecting.
const NOBODY: usize = 0;

/// The right to collect, given back when dropped.
pub(crate) struct Collecting<'c>(&'c Collector);

impl Drop for Collecting<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire of the next one who collects.
        self.0.collecting.store(NOBODY, Ordering::Release);
    }
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self {
            notes: Mutex::new(VecDeque::new()),
            pending: AtomicUsize::new(0),
            collecting: AtomicUsize::new(NOBODY),
            panicked_drops: AtomicU64::new(0),
        }
    }

    /// Leaves a note of what a published commit overwrote.
    pub(crate) fn note(&self, commit: u64, what: Box<dyn Overwritten>) {
        // Relaxed: a hint.
        self.pending.fetch_add(what.len(), Ordering::Relaxed);
        self.notes.lock().push_back(Note { commit, what, done: 0 });
    }

    /// How many records there are to look at.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// How many drops of the user's have panicked during collection.
    pub(crate) fn panicked_drops(&self) -> u64 {
        self.panicked_drops.load(Ordering::Relaxed)
    }

    /// The right to collect, if nobody has it.
    pub(crate) fn try_begin(&self) -> Option<Collecting<'_>> {
        let me = thread_hint() + 1;
        let claim =
            self.collecting.compare_exchange(NOBODY, me, Ordering::Acquire, Ordering::Relaxed);
        claim.is_ok().then_some(Collecting(self))
    }

    /// The right to collect, after whoever has it; none if that is this very thread.
    pub(crate) fn begin(&self) -> Option<Collecting<'_>> {
        let waiting = Waiting::new();
        loop {
            if let Some(collecting) = self.try_begin() {
                return Some(collecting);
            }
            // Relaxed: only this thread itself can have written its own number.
            if self.collecting.load(Ordering::Relaxed) == thread_hint() + 1 {
                return None;
            }
            waiting.wait();
        }
    }
}

impl Collecting<'_> {
    /// Runs what drops values of the user's, and counts those that panicked.
    pub(crate) fn destroy(&self, work: impl FnOnce()) {
        let panics = panics_during(work);
        // Relaxed: a counter.
        self.0.panicked_drops.fetch_add(panics, Ordering::Relaxed);
    }

    /// Looks at up to `budget` records whose commits lie at or below `horizon`. Neither
    /// the user's `Drop` nor `cmp` runs under the lock.
    pub(crate) fn collect(&self, horizon: u64, mut budget: usize) {
        while budget > 0 {
            let Some(mut note) = self.take(horizon) else { return };
            let end = note.what.len().min(note.done.saturating_add(budget));
            budget -= end - note.done;
            self.0.pending.fetch_sub(end - note.done, Ordering::Relaxed);
            self.destroy(|| (note.done..end).for_each(|at| note.what.collect(horizon, at)));
            note.done = end;
            if note.done < note.what.len() {
                self.0.notes.lock().push_front(note);
            } else {
                self.destroy(|| drop(note));
            }
        }
    }

    fn take(&self, horizon: u64) -> Option<Note> {
        let mut notes = self.0.notes.lock();
        if notes.front()?.commit > horizon {
            return None;
        }
        let note = notes.pop_front();
        if notes.len() < notes.capacity() / 4 {
            let keep = notes.capacity() / 2;
            notes.shrink_to(keep);
        }
        note
    }
}
