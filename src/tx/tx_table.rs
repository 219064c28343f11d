//! What one transaction does in one table.
#![allow(unsafe_code)]

use std::any::Any;
use std::borrow::Borrow;
use std::cell::{OnceCell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::ssi::entries::Entry;
use crate::ssi::footprint::{Footprint, Part as Footprinted, Signature};
use crate::store::index::Leases;
use crate::store::record::{Record, RecordId, Records};
use crate::store::registry::Walker;
use crate::store::version::Version;
use crate::tx::changes::Changes;
use crate::tx::part::{CommitPart, Part, Write, coalesce};
use crate::tx::read_set::{Bounds, ReadSet, with_observed};
use crate::tx::table::{Key, Table, TableInner, Value};
use crate::tx::write_set::WriteSet;

/// Among so many records that were read, those of the keys that are written are looked for.
const FEW_READ: usize = 8;

/// One table of a running transaction.
pub(crate) struct TxTable<K, V> {
    pub(crate) table: Arc<TableInner<K, V>>,
    pub(crate) writes: WriteSet<K, V>,
    /// After the footprint was closed, only the hits.
    pub(crate) reads: RefCell<ReadSet<K, V>>,
}

/// What a look-up met.
pub(crate) struct Found<'t, V> {
    pub(crate) record: RecordId,
    /// The visible version; none if there is no value.
    pub(crate) version: Option<&'t Version<V>>,
    /// The commit timestamp of the newest version.
    pub(crate) newest: u64,
}

impl<K: Key, V: Value> TxTable<K, V> {
    fn new(table: &Arc<TableInner<K, V>>) -> Self {
        Self {
            table: Arc::clone(table),
            writes: WriteSet::new(),
            reads: RefCell::new(ReadSet::default()),
        }
    }

    /// Looks a key up at a timestamp that the transaction has registered. Runs `cmp`; the
    /// caller forbids writes and slides.
    pub(crate) fn look_up<Q>(
        &self,
        key: &Q,
        timestamp: u64,
        walker: Walker<'_>,
    ) -> Option<Found<'_, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let walk = walker.walk();
        let record = self.table.index.get(key, &walk)?;
        let (newest, visible) = record.chain().look(timestamp, &walk);
        let version = visible.filter(|version| version.value().is_some()).map(NonNull::from);
        // SAFETY: it is visible to the registered snapshot, so it stays in its chain until
        // the transaction ends (I4).
        let version = version.map(|version| unsafe { version.as_ref() });
        Some(Found { record: record.id(), version, newest })
    }
}

/// A table of a running transaction, with its types erased.
pub(crate) trait AnyTxTable: Send {
    fn as_any(&self) -> &dyn Any;
    fn number(&self) -> u64;
    /// Whether the checks of `unchanged` need the log.
    fn asks_by_key(&self) -> bool;
    /// Whether everything observed so far is the same at `timestamp`, which is published.
    /// `entries` are the commits after the snapshot, up to it.
    fn unchanged(&self, entries: &[&Entry], timestamp: u64) -> bool;
    /// Asks the index what has been written of what a running transaction observed by key.
    /// Runs `cmp`.
    fn ask(&self, changes: &mut Changes<'_>);
    /// Asks the index what has been written of all that a closed footprint observed. Runs
    /// `cmp`.
    fn ask_closed(&self, footprint: &Footprint, changes: &mut Changes<'_>);
    /// Whether everything in the closed footprint, which was seen at `seen`, is the same at
    /// `timestamp`. The transaction has pinned both. Runs `cmp` and predicates.
    fn same_at(&self, footprint: &Footprint, walker: Walker<'_>, seen: u64, timestamp: u64)
    -> bool;
    /// How many keys, absences and ranges were observed, each once. O(n log n).
    fn observations(&self) -> u64;
    /// Bytes that the values written here will take.
    fn own_bytes(&self) -> u64;
    /// Nothing of what was observed so far matters any more.
    fn forget_reads(&self);
    /// The snapshot moves no more, so that it keeps what was lent.
    fn forget_lent(&self);
    /// Whether a key that was both read and, beyond undoing, written has been overwritten
    /// after `snapshot`.
    fn is_doomed(&self, snapshot: u64, walker: Walker<'_>) -> bool;
    fn has_writes(&self) -> bool;
    fn has_reads(&self) -> bool;
    /// Adds this table's share to the footprint. With `writes`, leases the records that
    /// the commit will write and returns what installs them, which has the versions from then
    /// on. Takes the reads.
    fn seal(
        &self,
        footprint: &mut Footprint,
        writes: bool,
        walker: Walker<'_>,
    ) -> Option<Arc<dyn CommitPart>>;
    /// Undoes what was written since a savepoint.
    fn roll_back_to(&self, savepoint: u64);
    /// The newest savepoint that is open is this one; 0 if there is none.
    fn keep(&self, newest: u64);
}

impl<K: Key, V: Value> AnyTxTable for TxTable<K, V> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn number(&self) -> u64 {
        self.table.number
    }

    fn asks_by_key(&self) -> bool {
        !self.reads.borrow().observed.is_empty()
    }

    fn unchanged(&self, entries: &[&Entry], timestamp: u64) -> bool {
        self.reads.borrow().holds_at(timestamp)
            && (!self.asks_by_key()
                || with_observed(&self.reads, |observed| {
                    let parts = entries.iter().filter_map(|entry| self.part_of(entry));
                    let mut writes = parts.flat_map(|part| &part.writes);
                    !writes.any(|write| observed.changed_by(write.record.key(), write.value()))
                }))
    }

    fn ask(&self, changes: &mut Changes<'_>) {
        let index = &self.table.index;
        with_observed(&self.reads, |seen| changes.ask_observed(self.number(), index, seen));
    }

    fn ask_closed(&self, footprint: &Footprint, changes: &mut Changes<'_>) {
        let reads = self.reads.borrow();
        if !changes.take(reads.hits().len()) {
            changes.changed.add_all(&footprint.reads);
            return;
        }
        let upto = changes.upto;
        let overwritten = reads.hits().iter().filter(|hit| !hit.holds_at(upto));
        overwritten.for_each(|hit| changes.add(hit.record));
        drop(reads);
        if let Some(part) = self.part_in(footprint) {
            let index = &self.table.index;
            changes.ask_observed(self.number(), index, &part.observed);
            changes.ask_ranges(self.number(), index, &part.ranges);
        }
    }

    fn same_at(
        &self,
        footprint: &Footprint,
        walker: Walker<'_>,
        seen: u64,
        timestamp: u64,
    ) -> bool {
        let hits_hold = self.reads.borrow().holds_at(timestamp);
        let part = self.part_in(footprint);
        hits_hold && part.is_none_or(|part| part.same_at(walker, seen, timestamp))
    }

    fn observations(&self) -> u64 {
        self.reads.borrow_mut().count() as u64
    }

    fn own_bytes(&self) -> u64 {
        let mut values = 0;
        self.writes.frozen().for_each(|own| values += u64::from(self.writes.value(own).is_some()));
        values * size_of::<Version<V>>() as u64
    }

    fn forget_reads(&self) {
        // Dropped outside the borrow: keys are the user's.
        drop(self.reads.take());
    }

    fn forget_lent(&self) {
        self.reads.borrow_mut().forget_lent();
    }

    fn is_doomed(&self, snapshot: u64, walker: Walker<'_>) -> bool {
        let writes = self.writes.certain();
        let walk = walker.walk();
        let mut doomed = false;
        writes.for_each(|own| {
            let key: &K = &own.key;
            doomed |= self.table.index.get(key, &walk).is_some_and(|record| {
                let newest = record.chain().newest_begin(&walk);
                newest > snapshot && self.has_read(record)
            });
        });
        doomed
    }

    fn has_writes(&self) -> bool {
        !self.writes.is_empty()
    }

    fn has_reads(&self) -> bool {
        let reads = self.reads.borrow();
        !reads.hits().is_empty() || !reads.observed.is_empty()
    }

    fn seal(
        &self,
        footprint: &mut Footprint,
        writes: bool,
        walker: Walker<'_>,
    ) -> Option<Arc<dyn CommitPart>> {
        let (observed, hits) = self.reads.borrow_mut().seal();
        let mut part = Part {
            table: Arc::clone(&self.table),
            hits,
            observed,
            ranges: Vec::new(),
            writes: SmallVec::new(),
            written: Box::default(),
        };
        if !part.observed.scans.is_empty() {
            part.keep_ranges();
        }
        let by_key = !part.observed.is_empty() || !part.ranges.is_empty();
        let observes = by_key || !part.hits.is_empty();
        let writes = writes && self.has_writes();
        if !observes && !writes {
            return None;
        }
        if writes {
            self.lease(&mut part, walker);
        }
        add_to(footprint, &part, by_key);
        let part = Arc::new(part);
        let erased: Arc<dyn Footprinted> = Arc::clone(&part) as Arc<dyn Footprinted>;
        footprint.parts.push((self.table.number, erased));
        writes.then_some(part as Arc<dyn CommitPart>)
    }

    fn roll_back_to(&self, savepoint: u64) {
        self.writes.roll_back_to(savepoint);
    }

    fn keep(&self, newest: u64) {
        self.writes.keep(newest);
    }
}

impl<K: Key, V: Value> TxTable<K, V> {
    /// The share that a committed transaction has in this table.
    fn part_of<'e>(&self, entry: &'e Entry) -> Option<&'e Part<K, V>> {
        self.part_in(&entry.body.footprint)
    }

    fn part_in<'f>(&self, footprint: &'f Footprint) -> Option<&'f Part<K, V>> {
        let parts = &footprint.parts;
        let at = parts.binary_search_by_key(&self.table.number, |(number, _)| *number).ok()?;
        parts[at].1.as_any().downcast_ref()
    }

    fn has_read(&self, record: &Record<K, V>) -> bool {
        let hit = self.reads.borrow().hits().iter().any(|hit| hit.record == record.id());
        hit || with_observed(&self.reads, |observed| observed.changed_by(record.key(), None))
    }

    /// Leases the records of the keys, if all of them were read, and not much else: then there
    /// is nothing to search for. Runs `cmp`.
    fn lease_read(&self, keys: &[&K]) -> Option<Records<K, V>> {
        let read: SmallVec<[RecordId; FEW_READ]> = {
            let reads = self.reads.borrow();
            let few = keys.len() <= reads.hits().len() && reads.hits().len() <= FEW_READ;
            few.then(|| reads.hits().iter().map(|hit| hit.record).collect())?
        };
        let mut leased = Leases::new(&self.table.index);
        for &key in keys {
            // The newest first: what is changed was read just before.
            let found = read.iter().rev().find_map(|id| {
                // SAFETY: the snapshot, which is pinned, sees a version of it, so that it is in
                // the index, which has a count of it (I5).
                let record: &Record<K, V> = unsafe { id.record() };
                record.key().cmp(key).is_eq().then_some((record, id))
            });
            let (record, id) = found?;
            // SAFETY: as above.
            if !leased.add(record, || unsafe { id.share() }) {
                return None;
            }
        }
        Some(leased.keep())
    }

    /// Finds or creates the record of every write. Runs `cmp` and `clone`.
    fn lease(&self, part: &mut Part<K, V>, walker: Walker<'_>) {
        let tree = self.writes.frozen();
        let mut keys: SmallVec<[&K; 2]> = SmallVec::with_capacity(tree.len());
        tree.for_each(|own| keys.push(&own.key));
        let records = self.lease_read(&keys);
        let records =
            records.unwrap_or_else(|| self.table.index.find_or_create(&keys, &walker.walk()));
        part.writes.reserve(tree.len());
        let mut records = records.into_iter();
        // From here on nothing of the user's runs: the part has the versions.
        self.writes.hand_over();
        tree.for_each(|own| {
            if let Some(record) = records.next() {
                let version = record.take_in(own.version);
                part.writes.push(Write { record, version });
            }
        });
        part.index_writes();
    }
}

fn add_to<K: Key, V: Value>(footprint: &mut Footprint, part: &Part<K, V>, by_key: bool) {
    let add = |signature: &mut Signature, record: usize| signature.add_key(record);
    part.hits.iter().for_each(|record| add(&mut footprint.reads, record.0));
    part.writes.iter().for_each(|write| add(&mut footprint.writes, write.record.id().0));
    if by_key {
        footprint.reads.add_table(part.table.number);
    }
    if !part.writes.is_empty() {
        footprint.writes.add_table(part.table.number);
    }
    footprint.observes |= by_key || !part.hits.is_empty();
}

impl<K: Key, V: Value> Part<K, V> {
    /// Makes the ranges independent of the transaction that drove them: plain ones become
    /// segments, merged and ordered; masked and filtered ones keep what they need.
    fn keep_ranges(&mut self) {
        let (mut plain, mut others) = (Vec::new(), Vec::new());
        for scan in std::mem::take(&mut self.observed.scans) {
            if scan.mask.is_empty() && scan.predicate.is_none() {
                plain.extend(scan.pieces().map(Bounds::of));
            } else if scan.observes() {
                others.push(scan);
            }
        }
        self.ranges = if plain.len() > 1 { coalesce(plain) } else { plain };
        self.observed.scans = others;
        for scan in &mut self.observed.scans {
            scan.front = scan.front.keep();
            scan.back = scan.back.keep();
        }
    }
}

/// The tables that a transaction has touched: a list that only grows, so that references
/// into it stay while it is shared.
#[derive(Default)]
pub(crate) struct TxTables {
    first: OnceCell<Box<Node<dyn AnyTxTable>>>,
}

struct Node<T: ?Sized> {
    next: OnceCell<Box<Node<dyn AnyTxTable>>>,
    table: T,
}

impl TxTables {
    /// This table of the transaction, taken up at its first use.
    pub(crate) fn of<K: Key, V: Value>(&self, table: &Table<K, V>) -> &TxTable<K, V> {
        let mut cell = &self.first;
        loop {
            let node = cell.get_or_init(|| {
                Box::new(Node { next: OnceCell::new(), table: TxTable::new(&table.0) })
            });
            // The types are part of a table's identity: its number has one pair of types.
            if node.table.number() == table.0.number
                && let Some(found) = node.table.as_any().downcast_ref()
            {
                return found;
            }
            cell = &node.next;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn AnyTxTable> {
        let mut cell = &self.first;
        std::iter::from_fn(move || {
            let node = cell.get()?;
            cell = &node.next;
            Some(&node.table)
        })
    }
}
