//! One table's share of a footprint, and what its commit installs.
#![allow(unsafe_code)]

use std::any::Any;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::ptr::NonNull;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::ssi::footprint::Part as Footprinted;
use crate::store::Quiet;
use crate::store::collector::{Ahead, Collecting, Harvest, Overwritten, Round};
use crate::store::leaf::Entry;
use crate::store::record::{Record, RecordId, Records, Shared};
use crate::store::registry::Walker;
use crate::store::version::{Unlinked, Version};
use crate::tx::read_set::{Bounds, FEW_HITS, Observed, above, below};
use crate::tx::table::{Key, TableInner, Value};

/// What a transaction observed and writes in one table, after it has stopped running.
pub(crate) struct Part<K, V> {
    pub(crate) table: Arc<TableInner<K, V>>,
    /// Ascending if there are more than `FEW_HITS`.
    pub(crate) hits: SmallVec<[RecordId; 4]>,
    pub(crate) observed: Observed<K, V>,
    /// Plain ranges, ascending, disjoint.
    pub(crate) ranges: Vec<Bounds<K>>,
    /// In the order of keys.
    pub(crate) writes: SmallVec<[Write<K, V>; 2]>,
    /// The records of many writes, ascending; empty if there are few.
    pub(crate) written: Box<[RecordId]>,
}

/// Writes that are searched one by one.
const FEW: usize = 16;
/// Records of a note that are asked for before its turn.
const ASKED: usize = 4;

/// One write: the record that it goes to and the version that it puts there.
pub(crate) struct Write<K, V> {
    pub(crate) record: Shared<K, V>,
    pub(crate) version: NonNull<Version<V>>,
}

// SAFETY: the version is shared like any other once it is installed; before that, only
// the committing thread has the part.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Write<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Write<K, V> {}

impl<K: Key, V: Value> Write<K, V> {
    /// The value written; none for a removal. Asked only of a commit that is in the log,
    /// or was when the walk of whoever asks began.
    pub(crate) fn value(&self) -> Option<&V> {
        // SAFETY: what a retained commit wrote is not unlinked, since the horizon of a
        // collection lies at or below the log's base; and what is unlinked later is not
        // freed before the walk ends (I4).
        unsafe { self.version.as_ref() }.value()
    }
}

/// What the commit protocol does with a part, whatever its types.
pub(crate) trait CommitPart: Footprinted {
    /// Installs every write. No user code runs. Returns what is to be collected some day,
    /// with the commit at which all of it has ended; none if nothing.
    fn install(self: Arc<Self>, commit: u64) -> Option<(u64, Arc<dyn Overwritten>)>;
    /// Gives the leases and the versions up: there will be no commit. Runs the user's `Drop`,
    /// and `cmp`; neither can panic out of it.
    fn release(&self);
}

impl<K: Key, V: Value> Footprinted for Part<K, V> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table(&self) -> &Arc<str> {
        &self.table.name
    }

    fn observed(&self, writer: &dyn Footprinted) -> Option<usize> {
        let writer = writer.as_any().downcast_ref::<Self>()?;
        writer.writes.iter().position(|write| {
            let record = write.record.id();
            // Most parts have nothing to ask by key: then neither it nor the value is fetched.
            self.has_hit(record)
                || !self.ranges.is_empty() && self.covers(write.record.key())
                || !self.observed.is_empty()
                    && self.observed.changed_by(write.record.key(), write.value())
        })
    }

    fn overwritten(&self, other: &dyn Footprinted) -> Option<usize> {
        let other = other.as_any().downcast_ref::<Self>()?;
        other.writes.iter().position(|write| self.writes_to(write.record.id()))
    }

    fn key(&self, write: usize) -> String {
        format!("{:?}", self.writes[write].record.key())
    }

    fn joined(&self, others: &[&dyn Footprinted]) -> (Arc<dyn Footprinted>, usize) {
        let others = others.iter().filter_map(|other| other.as_any().downcast_ref::<Self>());
        let parts = || std::iter::once(self).chain(others.clone());
        let mut hits: SmallVec<[RecordId; 4]> =
            parts().flat_map(|part| &part.hits).copied().collect();
        hits.sort_unstable();
        hits.dedup();
        let observed = Observed::of_all(parts().map(|part| &part.observed));
        let ranges = coalesce(parts().flat_map(|part| &part.ranges).map(Bounds::again).collect());
        let apart = observed.len() + ranges.len();
        let part = Self {
            table: Arc::clone(&self.table),
            hits,
            observed,
            ranges,
            writes: SmallVec::new(),
            written: Box::default(),
        };
        (Arc::new(part), apart)
    }
}

impl<K: Key, V: Value> Part<K, V> {
    fn covers(&self, key: &K) -> bool {
        let after = self.ranges.partition_point(|range| above(&range.lower, key));
        after > 0 && below(&self.ranges[after - 1].upper, key)
    }

    /// Whether the absences, ranges and predicates are the same at two timestamps that the
    /// transaction has pinned, of which it has seen the first. The hits were asked before.
    pub(crate) fn same_at(&self, walker: Walker<'_>, seen: u64, timestamp: u64) -> bool {
        let index = &self.table.index;
        let walk = walker.walk();
        let visible = |record: &Record<K, V>, at: u64| {
            let version = record.chain().visible_at(at, &walk);
            version.filter(|version| version.value().is_some()).map(NonNull::from)
        };
        let present =
            |key: &K| index.get(key, &walk).is_some_and(|of| visible(of, timestamp).is_some());
        let mut absences_hold = true;
        self.observed.absences.for_each(|absent| absences_hold &= !present(absent));
        let changed_in = |bounds: &Bounds<K>, matters: &dyn Fn(&K, Option<&V>) -> bool| {
            let before = |key: &K| !above(&bounds.lower, key);
            let within = |key: &K| below(&bounds.upper, key);
            let is_changed = |entry: &Entry<K, V>| {
                let version = visible(entry.record(), timestamp);
                // SAFETY: the transaction has pinned the timestamp at which it is visible (I4).
                let value = version.and_then(|version| unsafe { version.as_ref() }.value());
                version != visible(entry.record(), seen) && matters(entry.key(), value)
            };
            let look = |entries: &[Entry<K, V>]| match entries.iter().any(is_changed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            index.ascend(before, within, &walk, look).is_break()
        };
        absences_hold
            && !self.ranges.iter().any(|range| changed_in(range, &|_, _| true))
            && !self
                .observed
                .scans
                .iter()
                .any(|scan| changed_in(&scan.bounds, &|key, value| scan.changed_by(key, value)))
    }

    fn has_hit(&self, record: RecordId) -> bool {
        match self.hits.len() > FEW_HITS {
            true => self.hits.binary_search(&record).is_ok(),
            false => self.hits.contains(&record),
        }
    }

    fn writes_to(&self, record: RecordId) -> bool {
        if self.writes.len() > FEW {
            return self.written.binary_search(&record).is_ok();
        }
        self.writes.iter().any(|write| write.record.id() == record)
    }

    /// Prepares the search among many writes.
    pub(crate) fn index_writes(&mut self) {
        if self.writes.len() > FEW {
            self.written = self.writes.iter().map(|write| write.record.id()).collect();
            self.written.sort_unstable();
        }
    }
}

impl<K: Key, V: Value> CommitPart for Part<K, V> {
    fn install(self: Arc<Self>, commit: u64) -> Option<(u64, Arc<dyn Overwritten>)> {
        let (mut ended, mut overwrote, mut apart) = (commit, 0, 0);
        let mut records = Records::new();
        for write in &self.writes {
            apart += write.record.apart(&[write.version]);
            if let Some(with) = write.record.install(write.version, commit) {
                ended = ended.max(with);
                overwrote += 1;
                if self.writes.len() > FEW {
                    records.push(write.record.clone());
                }
            }
        }
        self.table.index.count_installed(apart);
        match overwrote {
            0 => None,
            // The part tells of all that it wrote, which costs nothing more; of many, only
            // what there is to collect stays.
            _ if records.is_empty() => Some((ended, self)),
            _ => Some((ended, Arc::new(Garbage { table: Arc::clone(&self.table), records }))),
        }
    }

    fn release(&self) {
        for write in &self.writes {
            // SAFETY: it was not installed, and nobody asks a commit for its values that was
            // not appended.
            unsafe { write.record.free(write.version) };
            self.table.index.give_up(&write.record);
        }
    }
}

impl<K: Key, V: Value> Overwritten for Part<K, V> {
    fn len(&self) -> usize {
        self.writes.len()
    }

    fn ask_for(&self, what: Ahead, collecting: &Collecting<'_>) {
        ask_for(self.writes.iter().map(|write| &write.record), what, collecting);
    }

    fn collect(&self, round: &Round<'_>, harvest: &mut Harvest) {
        let records = self.writes[round.from..round.to].iter().map(|write| &write.record);
        collect(&self.table, records, round, harvest);
    }
}

/// Records with something to collect.
struct Garbage<K, V> {
    table: Arc<TableInner<K, V>>,
    records: Records<K, V>,
}

impl<K: Key, V: Value> Overwritten for Garbage<K, V> {
    fn len(&self) -> usize {
        self.records.len()
    }

    fn ask_for(&self, what: Ahead, collecting: &Collecting<'_>) {
        ask_for(self.records.iter(), what, collecting);
    }

    fn collect(&self, round: &Round<'_>, harvest: &mut Harvest) {
        collect(&self.table, self.records[round.from..round.to].iter(), round, harvest);
    }
}

/// Asks for the memory of a few of these records.
fn ask_for<'r, K: Key, V: Value>(
    records: impl Iterator<Item = &'r Shared<K, V>>,
    what: Ahead,
    collecting: &Collecting<'_>,
) {
    records.take(ASKED).for_each(|record| match what {
        Ahead::Records => record.prefetch(),
        Ahead::Newest => record.chain().prefetch(),
        Ahead::Overwritten => record.chain().prefetch_overwritten(collecting),
    });
}

/// Unlinks what nobody can see in these records.
fn collect<'r, K: Key, V: Value>(
    table: &Arc<TableInner<K, V>>,
    records: impl Iterator<Item = &'r Shared<K, V>>,
    round: &Round<'_>,
    harvest: &mut Harvest,
) {
    let mut held: BTreeMap<u64, Records<K, V>> = BTreeMap::new();
    for record in records {
        let hold = |pin| held.entry(pin).or_default().push(record.clone());
        let mut unlinked = Unlinked::new();
        let dead = record.collect(round.pins, round.vanished, &mut unlinked, hold);
        table.index.count_unlinked(record.apart(&unlinked));
        record.retire(unlinked, &mut harvest.unlinked);
        if dead {
            // The tombstone goes with the record: whoever holds an older index may
            // still be looking at it.
            table.index.take_out(record);
        }
    }
    if held.is_empty() {
        return;
    }
    harvest.held.extend(held.into_iter().map(|(pin, records)| {
        let waiting = Garbage { table: Arc::clone(table), records };
        (pin, Arc::new(waiting) as Arc<dyn Overwritten>)
    }));
}

/// Sorts ranges and merges those that overlap or touch.
pub(crate) fn coalesce<K: Key>(mut ranges: Vec<Bounds<K>>) -> Vec<Bounds<K>> {
    ranges.sort_by(|a, b| compare_lower(&a.lower, &b.lower));
    let mut merged: Vec<Bounds<K>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if reaches(&last.upper, &range.lower) => {
                if extends(&range.upper, &last.upper) {
                    last.upper = range.upper;
                }
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Which of two lower bounds admits more.
fn compare_lower<K: Ord>(a: &Bound<Quiet<K>>, b: &Bound<Quiet<K>>) -> Ordering {
    match (a, b) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => Ordering::Less,
        (_, Bound::Unbounded) => Ordering::Greater,
        (Bound::Included(x), Bound::Excluded(y)) => (**x).cmp(&**y).then(Ordering::Less),
        (Bound::Excluded(x), Bound::Included(y)) => (**x).cmp(&**y).then(Ordering::Greater),
        (Bound::Included(x), Bound::Included(y)) | (Bound::Excluded(x), Bound::Excluded(y)) => {
            (**x).cmp(&**y)
        }
    }
}

/// Whether no key lies between an upper bound and a lower bound.
fn reaches<K: Ord>(upper: &Bound<Quiet<K>>, lower: &Bound<Quiet<K>>) -> bool {
    match (upper, lower) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
        (Bound::Excluded(upper), Bound::Excluded(lower)) => **upper > **lower,
        (
            Bound::Included(upper) | Bound::Excluded(upper),
            Bound::Included(lower) | Bound::Excluded(lower),
        ) => **upper >= **lower,
    }
}

/// Whether an upper bound admits more than another.
fn extends<K: Ord>(upper: &Bound<Quiet<K>>, than: &Bound<Quiet<K>>) -> bool {
    match (upper, than) {
        (_, Bound::Unbounded) => false,
        (Bound::Unbounded, _) => true,
        (Bound::Included(upper), Bound::Excluded(than)) => **upper >= **than,
        (
            Bound::Included(upper) | Bound::Excluded(upper),
            Bound::Included(than) | Bound::Excluded(than),
        ) => **upper > **than,
    }
}
