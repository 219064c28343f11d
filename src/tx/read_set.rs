//! The read set: what a transaction observed in one table.

use std::cell::RefCell;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::store::Quiet;
use crate::store::record::RecordId;
use crate::store::tree::Tree;
use crate::store::version::Version;
use crate::sync::{AtomicU64, Ordering};
use crate::tx::live::{Hit, Kept, Reach, Seen};
use crate::tx::write_set::OwnWrite;

/// Two bounds as the user gave them.
pub(crate) struct Bounds<K> {
    pub(crate) lower: Bound<Quiet<K>>,
    pub(crate) upper: Bound<Quiet<K>>,
}

/// Some keys in a row, by their bounds.
pub(crate) type Piece<'p, K> = (Bound<&'p K>, Bound<&'p K>);

impl<K> Bounds<K> {
    pub(crate) fn piece(&self) -> Piece<'_, K> {
        (self.lower.as_ref().map(|key| &**key), self.upper.as_ref().map(|key| &**key))
    }
}

impl<K: Clone> Bounds<K> {
    /// A piece, with keys of its own.
    pub(crate) fn of((lower, upper): Piece<'_, K>) -> Self {
        let copy = |bound: Bound<&K>| bound.map(|key| Quiet::new(key.clone()));
        Self { lower: copy(lower), upper: copy(upper) }
    }

    /// The same once more.
    pub(crate) fn again(&self) -> Self {
        Self::of(self.piece())
    }
}

/// Whether a lower bound admits a key.
pub(crate) fn above<K: Ord, H: std::ops::Deref<Target = K>>(lower: &Bound<H>, key: &K) -> bool {
    match lower {
        Bound::Included(bound) => key >= &**bound,
        Bound::Excluded(bound) => key > &**bound,
        Bound::Unbounded => true,
    }
}

/// Whether an upper bound admits a key.
pub(crate) fn below<K: Ord, H: std::ops::Deref<Target = K>>(upper: &Bound<H>, key: &K) -> bool {
    match upper {
        Bound::Included(bound) => key <= &**bound,
        Bound::Excluded(bound) => key < &**bound,
        Bound::Unbounded => true,
    }
}

/// A user's filter over rows, with the counter of those that panicked.
pub(crate) struct Predicate<K, V> {
    /// Its captures may be dropped by whoever forgets the commit.
    matches: Quiet<Box<Test<K, V>>>,
    panicked: Arc<AtomicU64>,
}

type Test<K, V> = dyn Fn(&K, &V) -> bool + Send + Sync;

impl<K, V> Predicate<K, V> {
    pub(crate) fn new(
        matches: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        panicked: &Arc<AtomicU64>,
    ) -> Self {
        Self { matches: Quiet::new(Box::new(matches)), panicked: Arc::clone(panicked) }
    }

    /// For the transaction's own reading: a panic is the user's to see.
    pub(crate) fn selects(&self, key: &K, value: &V) -> bool {
        (self.matches)(key, value)
    }

    /// For certification: a panic counts as a match.
    fn may_match(&self, key: &K, value: &V) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.matches)(key, value))).unwrap_or_else(|payload| {
            std::mem::forget(payload);
            // Relaxed: a counter.
            self.panicked.fetch_add(1, Ordering::Relaxed);
            true
        })
    }
}

/// One range read, as far as it was driven.
pub(crate) struct Scan<K, V> {
    /// Ascending within the transaction.
    pub(crate) number: u64,
    pub(crate) bounds: Arc<Bounds<K>>,
    /// The own writes made before it: these keys it did not read.
    pub(crate) mask: Tree<OwnWrite<K, V>>,
    pub(crate) predicate: Option<Arc<Predicate<K, V>>>,
    pub(crate) front: Reach<K>,
    pub(crate) back: Reach<K>,
    /// It ran out: everything between its bounds was observed.
    pub(crate) whole: bool,
}

impl<K, V> Scan<K, V> {
    /// What of it was observed: from its ends inwards, or all of it.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_, K>> {
        let (lower, upper) = self.bounds.piece();
        let partial = !self.whole;
        let front = self.front.key().filter(|_| partial).map(|last| (lower, Bound::Included(last)));
        let back = self.back.key().filter(|_| partial).map(|last| (Bound::Included(last), upper));
        let whole = self.whole.then_some((lower, upper));
        whole.into_iter().chain(front).chain(back)
    }
}

impl<K: Ord, V> Scan<K, V> {
    /// Whether writing this value (none: a removal) changes what was observed.
    /// The rows that a predicate selected are hits, and so asked before.
    pub(crate) fn changed_by(&self, key: &K, value: Option<&V>) -> bool {
        self.covers(key)
            && self.mask.get(|own| (**own.key).cmp(key)).is_none()
            && match (&self.predicate, value) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(predicate), Some(value)) => predicate.may_match(key, value),
            }
    }

    fn covers(&self, key: &K) -> bool {
        let reached = self.whole
            || self.front.key().is_some_and(|last| key <= last)
            || self.back.key().is_some_and(|last| key >= last);
        reached && above(&self.bounds.lower, key) && below(&self.bounds.upper, key)
    }

    /// The same once more, independent of the transaction that drove it.
    fn again(&self) -> Self
    where
        K: Clone,
    {
        Self {
            number: self.number,
            bounds: Arc::clone(&self.bounds),
            mask: self.mask.clone(),
            predicate: self.predicate.clone(),
            front: self.front.keep(),
            back: self.back.keep(),
            whole: self.whole,
        }
    }

    pub(crate) fn observes(&self) -> bool {
        self.whole || !self.front.is_nowhere() || !self.back.is_nowhere()
    }
}

/// What must be asked by key: absences and ranges.
pub(crate) struct Observed<K, V> {
    pub(crate) absences: Tree<Kept<K>>,
    pub(crate) scans: Vec<Scan<K, V>>,
}

impl<K, V> Default for Observed<K, V> {
    fn default() -> Self {
        Self { absences: Tree::default(), scans: Vec::new() }
    }
}

impl<K: Ord, V> Observed<K, V> {
    /// All that several transactions observed. Runs the user's `cmp` and `clone`.
    pub(crate) fn of_all<'o>(several: impl Iterator<Item = &'o Self>) -> Self
    where
        K: Clone + 'o,
        V: 'o,
    {
        let mut all = Self::default();
        for one in several {
            let mut absences = std::mem::take(&mut all.absences);
            one.absences.for_each(|absent| {
                if let Err(path) = absences.find(|other| (***other).cmp(absent)) {
                    absences.insert_at(&path, Arc::clone(absent));
                }
            });
            all.absences = absences;
            all.scans.extend(one.scans.iter().map(Scan::again));
        }
        all
    }

    /// How many absences, ranges and predicates there are.
    pub(crate) fn len(&self) -> usize {
        self.absences.len() + self.scans.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.absences.is_empty() && !self.scans.iter().any(Scan::observes)
    }

    /// Whether writing this value (none: a removal) changes what was observed. Runs the
    /// user's `cmp` and predicates.
    pub(crate) fn changed_by(&self, key: &K, value: Option<&V>) -> bool {
        self.absences.get(|absent| (***absent).cmp(key)).is_some()
            || self.scans.iter().any(|scan| scan.changed_by(key, value))
    }
}

/// Hits, and what was lent, are deduplicated when there are so many and no room is left, before
/// there is more.
const COMPACT_ABOVE: usize = 1024;

/// So many hits are sought one by one; to sort them would cost more.
pub(crate) const FEW_HITS: usize = 32;

/// What a running transaction has observed in one table.
pub(crate) struct ReadSet<K, V> {
    hits: SmallVec<[Hit<V>; 4]>,
    /// What ranges have lent under an order that is the user's. No observations: the ranges
    /// are. But a slide that an odd order lets pass must not free them.
    lent: Vec<Seen<V>>,
    pub(crate) observed: Observed<K, V>,
}

impl<K, V> Default for ReadSet<K, V> {
    fn default() -> Self {
        Self { hits: SmallVec::new(), lent: Vec::new(), observed: Observed::default() }
    }
}

impl<K, V> ReadSet<K, V> {
    /// Remembers a key by the version that was seen.
    #[inline]
    pub(crate) fn hit(&mut self, hit: Hit<V>) {
        if self.hits.len() == self.hits.capacity() {
            self.make_room();
        }
        self.hits.push(hit);
    }

    #[cold]
    fn make_room(&mut self) {
        if self.hits.len() >= COMPACT_ABOVE {
            self.compact();
        }
        // Where there are more than a few, there are many.
        self.hits.reserve(self.hits.len().max(28));
    }

    /// Remembers a version that a range has lent.
    pub(crate) fn lend(&mut self, version: &Version<V>) {
        if self.lent.len() == self.lent.capacity() && self.lent.len() >= COMPACT_ABOVE {
            // All of them are alive, so that none has the address of another.
            self.lent.sort_unstable_by_key(Seen::address);
            self.lent.dedup_by_key(|seen| seen.address());
            self.lent.reserve(self.lent.len());
        }
        self.lent.push(Seen::new(version));
    }

    /// Nothing that was lent can go any more before it is given back.
    pub(crate) fn forget_lent(&mut self) {
        self.lent = Vec::new();
    }

    /// Whether all versions that were seen and lent are still the newest ones at a published
    /// timestamp.
    pub(crate) fn holds_at(&self, timestamp: u64) -> bool {
        self.hits.iter().all(|hit| hit.holds_at(timestamp))
            && self.lent.iter().all(|seen| seen.holds_at(timestamp))
    }

    /// How many keys, absences and ranges there are, each once.
    pub(crate) fn count(&mut self) -> usize {
        self.compact();
        self.hits.len() + self.observed.absences.len() + self.observed.scans.len()
    }

    pub(crate) fn hits(&self) -> &[Hit<V>] {
        &self.hits
    }

    fn compact(&mut self) {
        self.hits.sort_unstable_by_key(|hit| hit.record);
        self.hits.dedup_by_key(|hit| hit.record);
    }

    /// What is asked by key, and the records of the hits: once each and ascending, if there are
    /// more than [`FEW_HITS`]. The hits stay.
    pub(crate) fn seal(&mut self) -> (Observed<K, V>, SmallVec<[RecordId; 4]>) {
        if self.hits.len() > FEW_HITS {
            self.compact();
        }
        // The transaction is no longer the user's.
        self.forget_lent();
        let mut records = SmallVec::with_capacity(self.hits.len());
        self.hits.iter().for_each(|hit| records.push(hit.record));
        (std::mem::take(&mut self.observed), records)
    }
}

/// Asks `question` of what was observed by key, without holding a borrow while the
/// user's code runs: it may read in the same transaction.
pub(crate) fn with_observed<K, V, R>(
    reads: &RefCell<ReadSet<K, V>>,
    question: impl FnOnce(&Observed<K, V>) -> R,
) -> R {
    struct Restore<'r, K, V>(&'r RefCell<ReadSet<K, V>>, Observed<K, V>);
    impl<K, V> Drop for Restore<'_, K, V> {
        fn drop(&mut self) {
            let scans = &mut self.0.borrow_mut().observed.scans;
            let mut came_meanwhile = std::mem::replace(scans, std::mem::take(&mut self.1.scans));
            scans.append(&mut came_meanwhile);
        }
    }
    let observed = {
        let observed = &mut reads.borrow_mut().observed;
        let absences = observed.absences.clone();
        Observed { absences, scans: std::mem::take(&mut observed.scans) }
    };
    let restore = Restore(reads, observed);
    question(&restore.1)
}
