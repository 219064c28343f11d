//! Collection below the low-water mark.
//!
//! A commit that overwrote something leaves a note here. Once no snapshot can see below
//! the commit any more, what it overwrote is freed, and a tombstone's key leaves the
//! index. Every transaction that ends works off a bounded number of notes, so that no
//! thread of the engine's own is needed; [`Collector::collect`] without a bound does all.

use std::collections::VecDeque;

use crate::store::quiet::panics_during;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// What one commit overwrote, with its types erased.
pub(crate) trait Overwritten: Send + Sync {
    /// Frees up to `budget` of what ended at or below `horizon`, from item `from` on;
    /// returns where to go on, or none when all is done. Runs the user's `Drop` and `cmp`.
    fn collect(&self, horizon: u64, from: usize, budget: &mut usize) -> Option<usize>;
}

pub(crate) struct Collector {
    notes: Mutex<VecDeque<Note>>,
    /// Length of `notes`; a hint that spares the lock.
    pending: AtomicUsize,
    panicked_drops: AtomicU64,
}

struct Note {
    commit: u64,
    what: Box<dyn Overwritten>,
    done: usize,
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self {
            notes: Mutex::new(VecDeque::new()),
            pending: AtomicUsize::new(0),
            panicked_drops: AtomicU64::new(0),
        }
    }

    /// Leaves a note of what a published commit overwrote.
    pub(crate) fn note(&self, commit: u64, what: Box<dyn Overwritten>) {
        let mut notes = self.notes.lock();
        notes.push_back(Note { commit, what, done: 0 });
        self.pending.store(notes.len(), Ordering::Relaxed);
    }

    /// Whether there is anything to work off.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.load(Ordering::Relaxed) == 0
    }

    /// How many drops of the user's have panicked during collection.
    pub(crate) fn panicked_drops(&self) -> u64 {
        self.panicked_drops.load(Ordering::Relaxed)
    }

    /// Frees up to `budget` versions that ended at or below `horizon`. Neither the user's
    /// `Drop` nor `cmp` runs under the lock.
    pub(crate) fn collect(&self, horizon: u64, mut budget: usize) {
        while budget > 0 {
            let Some(mut note) = self.take(horizon) else {
                return;
            };
            let mut rest = None;
            let panics = panics_during(|| rest = collect_note(&note, horizon, &mut budget));
            // Relaxed: a counter.
            self.panicked_drops.fetch_add(panics, Ordering::Relaxed);
            if let Some(done) = rest {
                note.done = done;
                let mut notes = self.notes.lock();
                notes.push_front(note);
                self.pending.store(notes.len(), Ordering::Relaxed);
            }
        }
    }

    fn take(&self, horizon: u64) -> Option<Note> {
        let mut notes = self.notes.lock();
        if notes.front()?.commit > horizon {
            return None;
        }
        let note = notes.pop_front();
        self.pending.store(notes.len(), Ordering::Relaxed);
        note
    }
}

/// A comparator that panics here ends this note's work: its dead key stays in the index,
/// sealed, until somebody writes it again. Nothing is lost.
fn collect_note(note: &Note, horizon: u64, budget: &mut usize) -> Option<usize> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let work = AssertUnwindSafe(|| note.what.collect(horizon, note.done, budget));
    catch_unwind(work).unwrap_or(None)
}
