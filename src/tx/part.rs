//! One table's share of a footprint, and what its commit installs.
#![allow(unsafe_code)]

use std::any::Any;
use std::cmp::Ordering;
use std::ops::Bound;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::ssi::footprint::Part as Footprinted;
use crate::store::Quiet;
use crate::store::collector::Overwritten;
use crate::store::record::{Record, RecordId};
use crate::store::version::Version;
use crate::tx::read_set::{Bounds, Observed, above, below};
use crate::tx::table::{Key, TableInner, Value};

/// What a transaction observed and writes in one table, after it has stopped running.
pub(crate) struct Part<K, V> {
    pub(crate) table: Arc<TableInner<K, V>>,
    /// Ascending.
    pub(crate) hits: Box<[RecordId]>,
    pub(crate) observed: Observed<K, V>,
    /// Plain ranges, ascending, disjoint.
    pub(crate) ranges: Vec<Bounds<K>>,
    /// In the order of keys.
    pub(crate) writes: Vec<Write<K, V>>,
    /// The records of many writes, ascending; empty if there are few.
    pub(crate) written: Box<[RecordId]>,
}

/// Writes that are searched one by one.
const FEW: usize = 16;

/// One write: the record that it goes to and the version that it puts there.
pub(crate) struct Write<K, V> {
    pub(crate) record: Arc<Record<K, V>>,
    pub(crate) version: NonNull<Version<V>>,
}

// SAFETY: the version is shared like any other once it is installed; before that, only
// the committing thread has the part.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Write<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Write<K, V> {}

impl<K: Key, V: Value> Write<K, V> {
    /// The value written; none for a removal. Asked only by certifications whose snapshot
    /// lies below this write's commit, which keeps the version alive (I4).
    pub(crate) fn value(&self) -> Option<&V> {
        // SAFETY: the version is at least as new as c of this write, and the asking
        // transaction's pin lies below that, so that it cannot have been collected.
        unsafe { self.version.as_ref() }.value()
    }
}

/// What the commit protocol does with a part, whatever its types.
pub(crate) trait CommitPart: Footprinted {
    /// Installs every write. No user code runs.
    fn install(&self, commit: u64);
    /// Gives the leases up: there will be no commit.
    fn release(&self);
    /// What the commit overwrote, to be collected some day; none if nothing.
    fn overwritten(self: Arc<Self>) -> Option<Box<dyn Overwritten>>;
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
            self.hits.binary_search(&record).is_ok()
                || self.covers(write.record.key())
                || self.observed.changed_by(write.record.key(), write.value())
        })
    }

    fn overwritten(&self, other: &dyn Footprinted) -> Option<usize> {
        let other = other.as_any().downcast_ref::<Self>()?;
        other.writes.iter().position(|write| self.writes_to(write.record.id()))
    }

    fn key(&self, write: usize) -> String {
        format!("{:?}", self.writes[write].record.key())
    }
}

impl<K: Key, V: Value> Part<K, V> {
    fn covers(&self, key: &K) -> bool {
        let after = self.ranges.partition_point(|range| above(&range.lower, key));
        after > 0 && below(&self.ranges[after - 1].upper, key)
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
    fn install(&self, commit: u64) {
        for write in &self.writes {
            write.record.install(write.version, commit);
        }
    }

    fn release(&self) {
        for write in &self.writes {
            self.table.index.give_up(&write.record);
        }
    }

    fn overwritten(self: Arc<Self>) -> Option<Box<dyn Overwritten>> {
        let records: Vec<_> = self
            .writes
            .iter()
            .filter(|write| {
                // SAFETY: this transaction's pin lies below its commit, so the version lives.
                let version = unsafe { write.version.as_ref() };
                version.has_older() || version.value().is_none()
            })
            .map(|write| Arc::clone(&write.record))
            .collect();
        if records.is_empty() {
            return None;
        }
        Some(Box::new(Garbage { table: Arc::clone(&self.table), records }))
    }
}

/// Records with something to collect.
struct Garbage<K, V> {
    table: Arc<TableInner<K, V>>,
    records: Vec<Arc<Record<K, V>>>,
}

impl<K: Key, V: Value> Overwritten for Garbage<K, V> {
    fn len(&self) -> usize {
        self.records.len()
    }

    fn collect(&self, horizon: u64, at: usize) {
        let record = &self.records[at];
        let (severed, dead) = record.collect(horizon);
        drop(severed);
        if dead {
            // The tombstone goes with the record: whoever holds an older index may still
            // be looking at it.
            self.table.index.take_out(record);
        }
    }
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
