//! What the transactions of one slot have done, and since when the present one runs.
//!
//! Each slot has a tally on cache lines of its own. Only the holder of the slot writes the
//! counters, by a load and a store, so counting costs no locked instruction and no cache
//! line that another thread wants. Whoever wants totals adds them up.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::panic::Location;
use std::ptr;

use crate::sync::{AtomicPtr, AtomicU64, Mutex, Ordering};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Count {
    Committed,
    Certified,
    RolledBack,
    Cycle,
    FirstCommitter,
    Conservative,
    Rule,
    TimedOut,
    OwnValues,
    Footprint,
    Bytes,
    Retry,
    Slide,
}

/// How many things are counted.
const COUNTS: usize = Count::Slide as usize + 1;

/// Nobody has looked at the clock yet.
const UNTIMED: u64 = 0;

pub(crate) struct Tally {
    /// By `Count`. Only the holder of the slot writes them; anybody reads.
    counts: [AtomicU64; COUNTS],
    /// When the present transaction began, in nanoseconds and never 0, or `UNTIMED`. The
    /// holder writes it; whoever looks for old transactions does so in its place, once.
    begun: AtomicU64,
    /// Where it began. Only the holder writes it.
    place: AtomicPtr<Location<'static>>,
    /// What it calls itself. A lock of its own, taken by `label` and by statistics.
    label: Mutex<Option<Box<Label>>>,
}

/// Who has given which label: a later transaction of the slot has none.
struct Label {
    turn: u64,
    text: Cow<'static, str>,
}

/// The sum of tallies.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Totals([u64; COUNTS]);

impl Totals {
    pub(crate) fn of(&self, count: Count) -> u64 {
        self.0[count as usize]
    }

    pub(crate) fn add(&mut self, tally: &Tally) {
        for (total, count) in self.0.iter_mut().zip(&tally.counts) {
            *total += count.load(Ordering::Relaxed);
        }
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            begun: AtomicU64::new(UNTIMED),
            place: AtomicPtr::new(ptr::null_mut()),
            label: Mutex::new(None),
        }
    }

    /// Counts one more. Only for the holder of the slot.
    pub(crate) fn count(&self, what: Count) {
        let counter = &self.counts[what as usize];
        // Relaxed: nobody else writes it, and the next holder comes by the slot's hand-over.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// A transaction has begun, at a time if somebody has looked at the clock.
    pub(crate) fn begin(&self, time: Option<u64>, place: &'static Location<'static>) {
        self.place.store(ptr::from_ref(place).cast_mut(), Ordering::Relaxed);
        if let Some(time) = time {
            self.begun.store(time.max(1), Ordering::Relaxed);
        }
    }

    /// The transaction has ended. What is told of it later is nothing.
    pub(crate) fn end(&self) {
        // Relaxed: whoever sees the next turn of the slot sees this by its hand-over.
        self.begun.store(UNTIMED, Ordering::Relaxed);
    }

    /// When the present transaction began; now, if nobody has asked before. If it ends
    /// while we ask, the next one may be told to be older than it is, by the time that we
    /// have taken to ask.
    pub(crate) fn begun(&self, now: u64) -> u64 {
        let now = now.max(1);
        let noted = self.begun.compare_exchange(UNTIMED, now, Ordering::Relaxed, Ordering::Relaxed);
        noted.map_or_else(|begun| begun, |_| now)
    }

    /// Where it began.
    pub(crate) fn place(&self) -> Option<&'static Location<'static>> {
        // SAFETY: null, or made from a reference that lives for ever.
        unsafe { self.place.load(Ordering::Relaxed).as_ref() }
    }

    pub(crate) fn set_label(&self, turn: u64, text: Cow<'static, str>) {
        *self.label.lock() = Some(Box::new(Label { turn, text }));
    }

    pub(crate) fn label(&self, turn: u64) -> Option<Cow<'static, str>> {
        let label = self.label.lock();
        label.as_ref().filter(|label| label.turn == turn).map(|label| label.text.clone())
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use std::panic::Location;

    use super::{Count, Tally, Totals};

    #[test]
    fn totals_are_the_sums_of_what_was_counted() {
        let (one, other) = (Tally::new(), Tally::new());
        one.count(Count::Committed);
        other.count(Count::Committed);
        other.count(Count::Slide);
        let mut totals = Totals::default();
        totals.add(&one);
        totals.add(&other);
        let seen = [Count::Committed, Count::Slide, Count::Retry].map(|count| totals.of(count));
        assert_eq!(seen, [2, 1, 0]);
    }

    #[test]
    fn a_transaction_that_was_not_timed_counts_from_when_somebody_asks_first() {
        let tally = Tally::new();
        tally.begin(None, Location::caller());
        assert_eq!((tally.begun(70), tally.begun(90)), (70, 70));
        tally.end();
        tally.begin(Some(80), Location::caller());
        assert_eq!(tally.begun(90), 80);
    }

    #[test]
    fn a_label_goes_with_its_turn() {
        let tally = Tally::new();
        tally.set_label(1, "first".into());
        assert_eq!((tally.label(1).as_deref(), tally.label(2)), (Some("first"), None));
    }
}
